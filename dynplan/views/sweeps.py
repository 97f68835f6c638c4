"""A sweep as a table: what each point sets, what it takes, and what that costs at most."""

from collections.abc import Mapping, Sequence
from typing import Any

from attrs import frozen

from dynplan.model import Plan, Record, outline_of
from dynplan.views.capacity import capacity_of
from dynplan.views.columns import as_columns


@frozen(eq=False, repr=False)
class PointLine(Record):
    """One point: `values` by the names of the swept keys, as text in `shown`; `gpu_hours` None without a time limit."""

    number: int
    name: str
    values: Mapping[str, Any]
    shown: Mapping[str, str]
    nodes: int
    gpus: int
    idle: int
    gpu_hours: float | None


def point_line(number: int, name: str, values: Mapping[str, Any], shown: Mapping[str, str], plan: Plan) -> PointLine:
    """Return the line of a point.

    Args:
        number: of the point.
        name: its name.
        values: of the swept keys, by their names.
        shown: the same as text.
        plan: its plan.
    """
    found = capacity_of(outline_of(plan))
    return PointLine(number, name, values, shown, len(plan.nodes), found.gpus, found.idle, found.gpu_hours)


def as_rows(lines: Sequence[PointLine]) -> list[list[str]]:
    """Return the rows of the table, the heads first."""
    keys = list(dict.fromkeys(key for line in lines for key in line.shown))
    rows = [["point", *keys, "nodes", "GPUs", "idle GPUs", "GPU-hours"]]
    for line in lines:
        values = (line.shown.get(key, "") for key in keys)
        rows.append([line.name, *values, *map(str, (line.nodes, line.gpus, line.idle)), _hours(line.gpu_hours)])
    return rows


def as_text(name: str, lines: Sequence[PointLine]) -> str:
    """Return the table for people; `name` is the job's."""
    count = f"{len(lines)} point" + ("s" if len(lines) > 1 else "")
    total = total_hours(lines)
    cost = f"at most {_hours(total)} GPU-hours" if total is not None else "without a time limit"
    return f"{name}: {count}, {cost}\n\n{as_columns(as_rows(lines))}"


def as_tree(name: str, lines: Sequence[PointLine]) -> dict[str, Any]:
    """Return the same as tables and lists, for other tools."""
    points = [
        {
            "point": line.number,
            "name": line.name,
            "values": dict(line.values),
            "nodes": line.nodes,
            "gpus": line.gpus,
            "idle-gpus": line.idle,
            "gpu-hours": line.gpu_hours,
        }
        for line in lines
    ]
    return {"job": name, "points": points, "gpu-hours": total_hours(lines)}


def total_hours(lines: Sequence[PointLine]) -> float | None:
    """Return the GPU-hours of all points together, None where one has no limit."""
    hours = [line.gpu_hours for line in lines if line.gpu_hours is not None]
    return sum(hours) if len(hours) == len(lines) else None


def _hours(hours: float | None) -> str:
    return "" if hours is None else f"{hours:.1f}"
