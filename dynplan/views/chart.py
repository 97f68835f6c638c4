"""A timeline as bars in a page: places in percent, so it is as wide as there is room, and text stays text."""

from collections.abc import Iterator, Mapping, Sequence

from dynplan.views.page import text
from dynplan.views.timeline import Bar, Lane, Timeline

_KEYS = {
    "starting": "starting",
    "ready": "ready",
    "done": "phase",
    "running": "phase that runs",
    "stopped": "phase that was stopped",
    "failed": "failed",
}


def chart(found: Timeline, colours: Mapping[str, str]) -> Iterator[str]:
    """Yield the lanes of a timeline; `colours` by role, as CSS has them."""
    if not found.roles and not found.phases:
        return
    yield from _key(found)
    yield '<div class="time">\n'
    yield from _axis(found)
    for lane in found.roles:
        yield from _lane(lane, found, colours.get(lane.part, "var(--quiet)"), "")
    if found.phases:
        yield '<div class="gap"></div>\n'
    for lane in found.phases:
        yield from _lane(lane, found, "var(--quiet)", " phase")
    yield "</div>\n"


def _key(found: Timeline) -> Iterator[str]:
    kinds = {bar.kind for lane in (*found.roles, *found.phases) for bar in lane.bars}
    many = any(lane.started for lane in found.roles)
    yield '<p class="key">'
    for kind, name in _KEYS.items():
        if kind in kinds or (many and kind in ("starting", "ready")):
            yield f'<span><i><b class="bar {kind}"></b></i>{name}</span>'
    if found.first_phase is not None:
        yield '<span><i class="line"></i>first phase begins</span>'
    if many:
        yield "<span>height: share of a role&#39;s workers</span>"
    yield "</p>\n"


def _axis(found: Timeline) -> Iterator[str]:
    yield '<span class="none"></span><div class="axis" aria-hidden="true">'
    for at, (place, mark) in enumerate(found.marks):
        kind = f"{'odd' if at % 2 else 'even'}{' end' if place > 0.95 else ''}"
        yield f'<span class="{kind}" style="left:{_percent(place)}">{text(mark)}</span>'
    yield "</div>\n"


def _lane(lane: Lane, found: Timeline, colour: str, kind: str) -> Iterator[str]:
    yield f'<div class="name">{text(lane.name)}<small>{text(lane.note)}</small></div>'
    yield f'<div class="lane{" many" if lane.started else ""}{kind}" style="--role:{colour}">'
    if lane.started:
        yield from _areas(lane)
    for bar in lane.bars:
        yield _bar(bar)
    if found.first_phase is not None:
        yield f'<span class="first" style="left:{_percent(found.first_phase)}"></span>'
    yield "</div>\n"


def _bar(bar: Bar) -> str:
    place = f"left:{_percent(bar.left)};width:{_percent(bar.width)}"
    return f'<b class="bar {bar.kind}" style="{place}" title="{text(bar.title)}"></b>'


def _areas(lane: Lane) -> Iterator[str]:
    yield '<svg viewBox="0 0 1000 100" preserveAspectRatio="none" aria-hidden="true">'
    yield f'<path fill="var(--role)" fill-opacity="0.35" d="{_path(lane.started)}"/>'
    yield f'<path fill="var(--role)" d="{_path(lane.ready)}"/></svg>'


def _path(corners: Sequence[tuple[float, float]]) -> str:
    if not corners:
        return "M0 100"
    points = "L".join(f"{1000 * x:.1f} {100 - 100 * y:.1f}" for x, y in corners)
    return f"M{1000 * corners[0][0]:.1f} 100L{points}Z"


def _percent(share: float) -> str:
    return f"{100 * share:.3f}".rstrip("0").rstrip(".") + "%"
