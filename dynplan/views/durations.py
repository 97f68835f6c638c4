"""Times as people say them: how long something took, and what a clock showed."""

from datetime import datetime

_UNITS = ((86400, "d", 3600, "h"), (3600, "h", 60, "m"), (60, "m", 1, "s"))


def seconds_between(earlier: datetime, later: datetime) -> int:
    """Return the whole seconds from one time to another, 0 where a clock was set back."""
    return max(0, int((later - earlier).total_seconds()))


def duration(seconds: int) -> str:
    """Write seconds in the two units that matter: `9s`, `2m10s`, `1h05m`, `3d04h`."""
    for size, unit, smaller, name in _UNITS:
        if seconds >= size:
            rest = seconds % size // smaller
            return f"{seconds // size}{unit}{rest:02}{name}" if rest else f"{seconds // size}{unit}"
    return f"{seconds}s"


def clock(time: datetime) -> str:
    """Return the time of day as the job's own clock showed it."""
    return f"{time:%H:%M:%S}"
