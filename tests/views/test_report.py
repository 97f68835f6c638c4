"""A run as a page: what stands in it, that it stands alone, and that nobody's text becomes a part of it."""

import json
from collections.abc import Mapping
from datetime import timedelta
from html.parser import HTMLParser
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from dynplan.model import Block, Node, Outline, Task, Worker
from dynplan.views.events import read_events
from dynplan.views.numbers import Numbers, numbers_of, report_tree
from dynplan.views.progress import Left, Progress, progress_of
from dynplan.views.report import Account, as_html
from dynplan.views.timeline import MOST_LANES, Bar, timeline_of
from tests.laws.profile import law
from tests.views.runs import DONE, FAILED, MARKER, NODES, PHASES, PLAN, READY, STARTED, Row, at, left, log_of, progress

LATE = at("23:00:00")
ENDPOINTS = {"roles": {"frontend": [{"worker": 0, "rank": 0, "host": "n0", "ip": "10.0.0.1", "ports": {"http": 8000}}]}}
VOID = {"meta", "img", "link", "br", "input"}


class Reader(HTMLParser):
    """Reads a page, and fails where an element does not end as it began."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID and not (self.open and self.open[-1] == "svg"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open[-1:] not in (["style"], ["script"]):
            self.words.append(data.strip())


def account(*rows: Row, endpoints: Mapping[str, Any] = ENDPOINTS, tail: str = "", **more: Any) -> Account:
    have = left(log_of(*rows), **more)
    found = progress_of(have)
    return Account(found, have.outline, endpoints, tail or found.tail, LATE)


def read(page: str) -> Reader:
    reader = Reader()
    reader.feed(page)
    assert reader.open == []
    return reader


def whole() -> Account:
    return account(*NODES, *STARTED, *READY, *PHASES, *FAILED, failure=MARKER)


# The page


def test_the_page_says_what_came_of_the_run() -> None:
    words = read(as_html(whole())).words
    for expected in [
        "chat 7",
        "Failed with 70",
        "28 November 2026, 04:00:00 to 04:03:20 (UTC+0000)",
        "role decode worker 1 rank 0 on n1: exit status 1",
        "/r/chat-7/logs/decode-1.log",
        "loading <b>weights</b> & more\nRuntimeError: no memory",
        "GPU-hours before the first phase",
        "last was frontend 0",
        "http 8000",
        "Where everything stood",
    ]:
        assert expected in words, expected


def test_the_page_needs_nothing_from_elsewhere_and_nothing_in_it_runs() -> None:
    elements = read(as_html(whole())).elements
    assert {tag for tag, _ in elements}.isdisjoint({"script", "link", "iframe", "object", "embed", "form", "base", "a"})
    for tag, attributes in elements:
        assert not [name for name in attributes if name.startswith("on") or name in ("href", "srcdoc")], tag
        assert attributes.get("src", "data:").startswith("data:image/svg+xml;base64,") or "src" not in attributes
        assert "url(" not in attributes.get("style", "")
    assert "@import" not in as_html(whole())
    assert "url(" not in as_html(whole())


def test_what_scrolls_can_be_reached_by_key() -> None:
    page = read(as_html(whole()))
    scrolling = [attributes for tag, attributes in page.elements if tag == "pre" or attributes.get("class") == "scroll"]
    assert len(scrolling) >= 4
    assert all(each["tabindex"] == "0" and each["aria-label"] and each["role"] == "region" for each in scrolling)
    assert all(attributes["alt"] for tag, attributes in page.elements if tag == "img")


def test_the_same_run_is_the_same_page() -> None:
    assert as_html(whole()) == as_html(whole())


def test_a_job_that_has_just_begun_has_a_page() -> None:
    words = read(as_html(account(plan="", endpoints={}))).words
    assert "A job" in words
    assert "Not over" in words
    running = read(as_html(account(*NODES, *STARTED))).words
    assert "so far, at 23:00:00" in "".join(running)


HOSTILE = """</style></title></pre><script>alert(1)</script>"' onload=x &lt; \x1b[2J \u202e {{x}} """


def hostile_outline() -> Outline:
    task = Task(0, 0, (0,), ((HOSTILE, Block(1, 1)),))
    return Outline(HOSTILE, "shared", 1, 0, (Node(0, HOSTILE, 8),), (Worker(HOSTILE, 0, (task,)),), ())


def test_nobodys_text_becomes_a_part_of_the_page() -> None:
    name = HOSTILE.replace("\t", " ")
    rows = [
        ("04:00:02", "started", name, "0", "0", name, "1"),
        ("04:00:02", "started", f"phase:{name}", "0", "0", "n0", "1"),
    ]
    failed = ("04:00:03", "failed", name, "0", "0", name, f"70 {name}; log /{name}")
    problem = ("04:00:01", "problem", ":preflight", "", "0", name, name)
    have = left(
        log_of(problem, *rows, failed), plan="", failure=f"dynplan: FAILED: {name}; log /{name}\n----\n{name}\n{name}"
    )
    tree = {"job": {"name": name, "id": name}, "expected": [{"role": name, "after": [name]}]}
    have = Left(name, have.events, hostile_outline(), tree, None, have.failure)
    endpoints = {
        "roles": {name: [{"worker": name, "rank": name, "host": name, "ip": 1, "ports": {name: name}, "metrics": name}]}
    }
    page = as_html(Account(progress_of(have), have.outline, endpoints, f"{name}\n{name}", LATE))
    plain = {tag for tag, _ in read(as_html(whole())).elements}
    found = read(page)
    assert {tag for tag, _ in found.elements} <= plain | {"small"}
    assert not [name for _, attributes in found.elements for name in attributes if name.startswith("on")]
    assert "\x1b" not in page
    assert "\u202e" not in page


@given(st.text(max_size=60), st.text(max_size=60))
@law
def test_any_text_is_one_text(name: str, tail: str) -> None:
    have = left("", failure=f"x dynplan: FAILED: {name}")
    page = read(as_html(Account(progress_of(have), None, {"roles": {name: name}}, tail, LATE)))
    assert {tag for tag, _ in page.elements}.isdisjoint({"script", "b"})


def many(workers: int) -> list[Row]:
    started = [("04:00:02", "started", "decode", str(each), "0", f"n{each}", "95") for each in range(workers)]
    ready = [(f"04:00:{10 + each % 40}", "ready", "decode", str(each), "0", f"n{each}", "") for each in range(workers)]
    return [*NODES, *started, *sorted(ready)]


def test_a_thousand_workers_are_one_lane() -> None:
    failed = (
        "04:01:00",
        "failed",
        "decode",
        "417",
        "0",
        "n417",
        "70 role decode worker 417: exit status 1; log /r/x.log",
    )
    found = progress(*many(1000), failed, plan="")
    lanes = timeline_of(found, at("04:02:00")).roles
    assert [lane.name for lane in lanes] == ["decode, 1000 workers", "decode 417"]
    assert lanes[0].note == "1000 of 1000 ready, half within 28s, all within 47s"
    page = as_html(Account(found, None, {}, "", LATE))
    assert len(page) < 400_000
    assert len(timeline_of(progress(*many(MOST_LANES), plan=""), LATE).roles) == MOST_LANES


# The timeline


def test_bars_stand_where_times_do() -> None:
    found = progress(*NODES, *STARTED, *READY, *PHASES, *DONE, success="done")  # 04:00:00 to 04:03:20, 200 s
    timeline = timeline_of(found, LATE)
    decode = next(lane for lane in timeline.roles if lane.name == "decode 1")
    assert decode.note == "ready after 1m59s"
    assert decode.bars == (
        Bar("starting", 0.015, 0.595, "decode 1: starting for 1m59s"),
        Bar("ready", 0.61, 0.39, "decode 1: ready for 1m18s"),
    )
    assert timeline.phases[0].bars == (Bar("done", 0.63, 0.05, "smoke: done after 10s"),)
    assert timeline.first_phase == 0.63
    assert [mark for _, mark in timeline.marks] == ["0s", "30s", "1m", "1m30s", "2m", "2m30s", "3m"]


LOG = log_of(*NODES, *STARTED, *READY, *PHASES, *FAILED)


@given(st.integers(0, LOG.count("\n")), st.integers(-3600, 3600), st.booleans())
@law
def test_every_beginning_of_a_run_has_bars_on_its_scale(lines: int, late_s: int, failed: bool) -> None:
    have = left("".join(LOG.splitlines(keepends=True)[:lines]), failure=MARKER if failed else None)
    found, now = progress_of(have), at("04:03:20") + timedelta(seconds=late_s)
    timeline = timeline_of(found, now)
    for lane in (*timeline.roles, *timeline.phases):
        for bar in lane.bars:
            assert 0 <= bar.left <= 1
            assert 0 <= bar.width <= 1.000001 - bar.left
        for x, y in (*lane.started, *lane.ready):
            assert 0 <= x <= 1
            assert 0 <= y <= 1
    check_sum(numbers_of(found, have.outline, now))
    read(as_html(Account(found, have.outline, {}, "", now)))


def check_sum(found: Numbers) -> None:
    parts = (found.before_start_s, found.starting_s, found.waiting_s, found.unused_s)
    assert min(parts) >= 0
    assert sum(parts) == found.before_s


# The numbers


def test_gpu_seconds_before_the_first_phase_by_what_the_gpus_did() -> None:
    found = whole()
    # 16 GPUs until 04:02:06, 126 s. decode 0: 4 GPUs, started at 2, ready at 30; decode 1: 3 and 122; wide: 6 GPUs, the
    # first of its tasks at 3, both ready at 40; 2 GPUs are nobody's.
    expected = Numbers(
        gpus=16,
        used=14,
        until=at("04:02:06"),
        before_s=16 * 126,
        before_start_s=4 * 2 + 4 * 3 + 6 * 3,
        starting_s=4 * 28 + 4 * 119 + 6 * 37,
        waiting_s=4 * 96 + 4 * 4 + 6 * 86,
        unused_s=2 * 126,
    )
    assert numbers_of(found.progress, found.outline, LATE) == expected
    tree = json.loads(json.dumps(report_tree(found.progress, found.outline, LATE)))
    assert tree["gpu-hours-before-first-phase"] == {
        "all": 0.56,
        "not-started": 0.01,
        "starting": 0.23,
        "ready-and-waiting": 0.25,
        "unused": 0.07,
    }
    assert tree["gpus"] == {"of-the-job": 16, "used": 14}
    assert tree["workers"][2] == {
        "role": "decode",
        "worker": 1,
        "gpus": 4,
        "state": "failed",
        "started": "2026-11-28T04:00:03+00:00",
        "ready": "2026-11-28T04:02:02+00:00",
        "ended": "2026-11-28T04:03:17+00:00",
    }


def test_a_gpu_that_two_workers_share_counts_once() -> None:
    plan = PLAN.replace("node = 1, gpus = [0, 1, 2, 3]", "node = 0, gpus = [0, 1, 2, 3]")  # decode 1 beside decode 0
    have = left(log_of(*NODES, *STARTED, *READY, *PHASES), plan=plan)
    found = numbers_of(progress_of(have), have.outline, LATE)
    assert (found.gpus, found.used) == (16, 10)
    # From the start of decode 0 until decode 1 is ready.
    assert (found.before_start_s, found.starting_s) == (4 * 2 + 6 * 3, 4 * 120 + 6 * 37)
    check_sum(found)


def test_numbers_of_a_run_without_a_phase_end_where_everything_was_ready() -> None:
    have = left(log_of(*NODES, *STARTED, *READY))
    found = numbers_of(progress_of(have), have.outline, LATE)
    assert found.until == at("04:02:05")
    nothing: Progress = progress(plan="")
    assert numbers_of(nothing, None, LATE).before_s == 0
    assert read_events("") == ()
