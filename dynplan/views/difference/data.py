"""A difference as tables and lists, for programs: everything, with nothing put together."""

from typing import Any

from dynplan.model import Block
from dynplan.views.difference.records import Difference, Extent, Move, Part, PortMove, Seat, Value, Words

Data = dict[str, Any]


def as_data(found: Difference) -> Data:
    """Return what differs as data that JSON can carry; a part lists what differs in it and no more."""
    return {
        "schema": 1,
        "differs": bool(found.changed),
        "before": found.before,
        "after": found.after,
        "parts": [_part(part) for part in found.changed],
        "same": [{"kind": part.kind, "name": part.name} for part in found.parts if part.state == "same"],
    }


def _part(part: Part) -> Data:
    lists: Data = {
        "numbers": [_value(value) for value in part.numbers],
        "workers": [_move(move) for move in part.moves],
        "ports": [_port(move) for move in part.ports],
        "words": [_words(change) for change in part.words],
        "env": [_value(value) for value in part.env],
        "sbatch": [_value(value) for value in part.directives],
        "settings": [_value(value) for value in part.settings],
    }
    extents = {"before": _extent(part.before), "after": _extent(part.after)} if part.kind == "role" else {}
    head = {"kind": part.kind, "name": part.name, "state": part.state, **({"was": part.was} if part.was else {})}
    return {**head, **extents, **{key: items for key, items in lists.items() if items}}


def _extent(extent: Extent | None) -> Data | None:
    if extent is None:
        return None
    return {"workers": extent.workers, "gpus-per-worker": extent.gpus, "nodes": list(extent.nodes)}


def _move(move: Move) -> Data:
    return {"worker": move.worker, "before": _seats(move.before), "after": _seats(move.after)}


def _seats(seats: tuple[Seat, ...] | None) -> list[Data] | None:
    return None if seats is None else [{"node": node, "gpus": list(gpus)} for node, gpus in seats]


def _port(move: PortMove) -> Data:
    sides = {"before": _block(move.before), "after": _block(move.after)}
    return {"worker": move.worker, "rank": move.rank, "port": move.port, **sides}


def _block(block: Block | None) -> Data | None:
    return None if block is None else {"port": block.port, "count": block.count}


def _words(change: Words) -> Data:
    sides = {"removed": list(change.removed), "added": list(change.added)}
    return {"where": change.where, **sides, **_about(change)}


def _value(value: Value) -> Data:
    return {"what": value.what, "before": value.before, "after": value.after, **_about(value)}


def _about(change: Value | Words) -> Data:
    """Return which workers a change is about where it is not all, and whether it follows from another one."""
    return {
        **({"workers": list(change.workers)} if change.workers else {}),
        **({"follows": True} if change.follows else {}),
    }
