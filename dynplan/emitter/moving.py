"""Ports that move: where a job takes a block of ports by its id, a number of the plan becomes a sum in the script."""

from collections.abc import Iterator, Mapping

from dynplan.emitter.lowered import Setting
from dynplan.language.templates import Part, Ref
from dynplan.model import Plan

Moving = Mapping[str, frozenset[str]]  # by role, the names of its ports that are higher by the job's offset


def moving_ports(plan: Plan) -> Moving:
    """Return the ports whose numbers only the run knows: all that are not fixed, where the plan has blocks of them."""
    if plan.blocks is None:
        return {role.name: frozenset() for role in plan.job.roles}
    return {role.name: frozenset(port.name for port in role.ports if not port.fixed) for role in plan.job.roles}


def at(number: int) -> Part:
    """Return what stands for a number of the plan that moves: the run adds its offset, see `get_value`."""
    return Ref(f"at.{number}")


def block_settings(plan: Plan) -> Iterator[Setting]:
    """Yield what the script says of the blocks."""
    if plan.blocks:
        yield "first_port", str(plan.blocks.first)
        yield "port_step", str(plan.blocks.step)
        yield "port_blocks", tuple(f"{first}-{last}" for first, last in plan.blocks.runs)
