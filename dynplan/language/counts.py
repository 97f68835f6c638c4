"""How many parts a job may have, far more than anyone writes: found before anything is made as long as they are."""

from collections.abc import Mapping
from typing import Any

from dynplan.diagnostics import Findings, Path
from dynplan.language.order import in_order
from dynplan.language.tables import name_of
from dynplan.model import Job, Tables

LONGEST_NAME = 200  # bytes of a job's name: `%x-%j.out` is a file, and the name of a file has at most 255 (NAME_MAX)
LONGEST_PATH = 4096  # PATH_MAX
_MOST = {"roles": 1000, "phases": 1000, "files": 1000}
_MOST_PORTS = 1000  # of a role
_MOST_PORTS_OF_ALL = 20_000
_MOST_CONSTRAINTS = 10_000
_MOST_OPTIONS = 300  # of sbatch, which has half as many
_MOST_GROUPS = 128  # components of a heterogeneous job (MAX_HET_JOB_COMPS of Slurm)
_LONGEST_ROW = 200  # roles that wait for one another, one after the other


def check_counts(tables: Tables, findings: Findings) -> None:
    """Refuse a job with more parts than can be planned in seconds (D125).

    Raises:
        InputError: there are too many, and nothing else is looked at.
    """
    for key, most in _MOST.items():
        _check(len(_sized(tables.get(key))), most, f"a job has at most {most} {key}", (key,), findings)
    roles = _table(tables.get("roles")).items()
    ports = {name: len(_sized(_table(role).get("ports"))) for name, role in roles}
    for name, count in ports.items():
        _check(count, _MOST_PORTS, f"a role has at most {_MOST_PORTS} ports", ("roles", name, "ports"), findings)
    if not any(finding.code == "D125" for finding in findings.found) and sum(ports.values()) > _MOST_PORTS_OF_ALL:
        message = f"the roles have {sum(ports.values())} ports, and all of a job's at most {_MOST_PORTS_OF_ALL}"
        findings.error("D125", message, ("roles",), key=True)
    constraints = len(_sized(_table(tables.get("job")).get("constraints")))
    limit = f"a job has at most {_MOST_CONSTRAINTS} constraints"
    _check(constraints, _MOST_CONSTRAINTS, limit, ("job", "constraints"), findings)
    for key in ("job", "cluster"):
        options = len(_sized(_table(tables.get(key)).get("sbatch")))
        _check(options, _MOST_OPTIONS, f"sbatch takes fewer than {_MOST_OPTIONS} options", (key, "sbatch"), findings)
    groups = len(_sized(_table(tables.get("cluster")).get("node-groups")))
    limit = f"a job has at most {_MOST_GROUPS} components"
    _check(groups, _MOST_GROUPS, limit, ("cluster", "node-groups"), findings)
    if any(finding.code == "D125" for finding in findings.found):
        findings.raise_if_errors()


def check_rows(job: Job, findings: Findings) -> None:
    """Refuse roles that wait for one another in a long row (D125); of those that wait in a ring something else is said.

    Nobody's roles do, and whatever follows `after` would have to follow it that far.
    """
    waits = {role.name: role.after for role in job.roles}
    length: dict[str, int] = {}
    for name in in_order(waits):
        length[name] = 1 + max((length.get(other, 0) for other in waits[name]), default=0)
    last = max(length, key=lambda name: length[name], default="")
    if last and length[last] > _LONGEST_ROW:
        message = f"{length[last]} roles wait for one another, up to role `{last}`, and {_LONGEST_ROW} may"
        fix = "roles that need not wait may start together"
        findings.error("D125", message, ("roles", last, "after"), help=fix)


def _check(count: int, most: int, limit: str, path: Path, findings: Findings) -> None:
    if count > most:
        findings.error("D125", f"{name_of(path)} has {count} entries, and {limit}", path, key=True)


def _sized(value: Any) -> Mapping[str, Any] | list[Any]:
    return value if isinstance(value, Mapping | list) else {}


def _table(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
