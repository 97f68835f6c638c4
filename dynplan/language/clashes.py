"""Names that are two in the job file and become one outside of it: environment variables, logs."""

import re

from dynplan.diagnostics import Findings
from dynplan.model import Job, Role

_NUMBERED = re.compile(r"(.+)-([0-9]+)")


def check_names(job: Job, findings: Findings) -> None:
    """Report ports of a role that share an environment variable, and roles that would share a log (D109)."""
    for role in job.roles:
        if len(role.ports) > 1:
            _check_ports(role, findings)
    roles = {role.name: role for role in job.roles}
    for role in job.roles:
        numbered = _NUMBERED.fullmatch(role.name)
        other = roles.get(numbered[1]) if numbered else None
        if numbered and other and _several_tasks(other, job) and not _several_tasks(role, job):
            worker = numbered[2]
            message = f"the logs of role `{role.name}` are those of the ranks of worker {worker} of role `{other.name}`"
            findings.error("D109", message, ("roles", role.name), help="give one of the two another name", key=True)


def _check_ports(role: Role, findings: Findings) -> None:
    """The program finds its ports as `DYNPLAN_PORT_NAME` and `DYNPLAN_PORT_NAME_LAST`."""
    seen: dict[str, str] = {}
    for port in role.ports:
        mine = (_variable(port.name), f"{_variable(port.name)}_LAST")
        if other := next((seen[name] for name in mine if name in seen), ""):
            shared = next(name for name in mine if name in seen)
            message = (
                f"ports `{other}` and `{port.name}` of role `{role.name}` have one environment variable, `{shared}`"
            )
            path = ("roles", role.name, "ports", port.name)
            findings.error("D109", message, path, help="give one of the two another name", key=True)
        seen |= dict.fromkeys(mine, port.name)


def _variable(port: str) -> str:
    return "DYNPLAN_PORT_" + re.sub("[.-]", "_", port).upper()


def _several_tasks(role: Role, job: Job) -> bool:
    """Tell whether the logs of a role's workers end in the rank of a task."""
    size = role.size.gpus
    return size > 1 and (role.per_gpu or size > job.cluster.gpus_in(role.size.group) > 0)
