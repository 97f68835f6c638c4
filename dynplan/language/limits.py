"""Limits that the time of the job cuts short: nothing would ever say that they were reached."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from dynplan.diagnostics import Findings, Path
from dynplan.language.tables import Table, dotted

_TIME = re.compile(r"([0-9]+-[0-9]+(:[0-9]+){0,2}|[0-9]+(:[0-9]+){0,2}|infinite|unlimited)", re.IGNORECASE | re.ASCII)


def is_time(text: str) -> bool:
    """Tell whether a text is a time limit of Slurm."""
    return _TIME.fullmatch(text) is not None


def check_limits(tables: Mapping[str, Any], own: Mapping[str, Any], findings: Findings) -> None:
    """Warn of a `timeout` that is longer than the whole job (W105): of the longest one.

    Args:
        tables: the resolved tables of a job.
        own: its roles without what presets say: their limits are as usual, and nobody's mistake.
        findings: where to report.
    """
    limit = seconds_of(str(_below(_below(tables, "job"), "time") or ""))
    over = [found for found in _timeouts(tables, own) if found[0] > limit] if limit else []
    if over:
        seconds, what, path = max(over, key=lambda found: found[0])
        message = f"`job.time` is {_told(limit)}, and {what[0]} {_told(seconds)}{what[1]}: the job would end first"
        fix = f"set a longer `job.time`, or a shorter `{dotted(path[2:])}`"
        findings.warn("W105", message, ("job", "time"), help=fix)


def seconds_of(time: str) -> int:
    """Return a time limit of Slurm in seconds, 0 for none: minutes, `M:S`, `H:M:S`, `D-H`, `D-H:M`, `D-H:M:S`."""
    days, dash, rest = time.rpartition("-")
    try:
        parts, whole_days = [int(part) for part in rest.split(":")], int(days or 0)
    except ValueError:
        return 0  # none, or without end
    if not dash and len(parts) < 3:
        parts = [0, *parts]
    hours, minutes, seconds = (*parts, 0, 0)[:3]
    return whole_days * 86400 + hours * 3600 + minutes * 60 + seconds


def _timeouts(tables: Mapping[str, Any], own: Mapping[str, Any]) -> Iterator[tuple[int, tuple[str, str], Path]]:
    """Yield the limits that were written: seconds, what stands before and behind them, and the path."""
    roles, phases = (_mapping(_below(tables, kind)) for kind in ("roles", "phases"))
    for name in roles:
        ready = _below(_below(own, name), "ready")
        for index, probe in enumerate(ready if isinstance(ready, list) else [ready]):
            where = (index,) if isinstance(ready, list) else ()
            yield (
                _seconds(probe),
                (f"role `{name}` has", " to become ready"),
                ("roles", name, "ready", *where, "timeout"),
            )
    for name, phase in phases.items():
        yield _seconds(phase), (f"phase `{name}` has", ""), ("phases", name, "timeout")


def _seconds(table: Any) -> int:
    """Return the `timeout` of a probe or phase, 0 where there is none or where it is reported elsewhere."""
    return Table(table, (), Findings()).seconds("timeout", 0) if isinstance(table, Mapping) else 0


def _below(table: Any, key: str) -> Any:
    return _mapping(table).get(key)


def _mapping(table: Any) -> Mapping[str, Any]:
    return table if isinstance(table, Mapping) else {}


def _told(seconds: int) -> str:
    for unit, size in (("h", 3600), ("m", 60)):
        if seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"
