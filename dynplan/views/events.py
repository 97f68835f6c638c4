"""What a job has said so far: the lines of its events.log as records.

A line is seven fields behind tabs: time, event, part, worker, rank, node, detail. A file that is being written may
end in the middle of a line, and anything may have written into it: what is no event is left out.
"""

from collections.abc import Iterator
from datetime import datetime

from attrs import frozen

from dynplan.model import Record

PHASE = "phase:"  # what the part of a phase begins with; that of a role does not
PREFLIGHT = ":preflight"
_FIELDS = 7
_MOST_DIGITS = 9  # of the number of a worker or rank, as in `take_line` of the script


@frozen(eq=False, repr=False)
class Event(Record):
    """One line of events.log.

    Attributes:
        time: when the batch script heard of it, to the second, with its offset from UTC.
        name: `started`, `ready` ...: the table in docs/script.md.
        part: a role, the step of one worker of it (`ROLE/WORKER`), `phase:NAME` or `:preflight`.
        worker: None where the event is not one of a task.
        rank: the same; in the preflight the number of the node.
        node: the host, empty where the event is of a whole step.
        detail: what there is to say, empty for most.
    """

    time: datetime
    name: str
    part: str
    worker: int | None
    rank: int | None
    node: str
    detail: str


def read_events(text: str) -> tuple[Event, ...]:
    """Return the events of a log in the order of its lines, without a last line that is not whole yet."""
    return tuple(_events(text))


def _events(text: str) -> Iterator[Event]:
    times: dict[str, datetime | None] = {}  # many lines have the same second
    for line in text.split("\n")[:-1]:
        fields = line.split("\t", _FIELDS - 1)
        if len(fields) < _FIELDS:
            continue
        stamp, name, part, worker, rank, node, detail = fields
        if stamp not in times:
            times[stamp] = _time(stamp)
        time = times[stamp]
        if time is not None:
            yield Event(time, name, part, _number(worker), _number(rank), node, detail)


def _time(stamp: str) -> datetime | None:
    try:
        time = datetime.fromisoformat(stamp)
    except ValueError:
        return None
    return time if time.tzinfo else None


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= _MOST_DIGITS else None
