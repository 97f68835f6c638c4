"""What points have come to, from the texts that they leave."""

import json
from typing import Any

import pytest

from dynplan.views.columns import as_columns, as_csv
from dynplan.views.progress import Left, Progress, progress_of
from dynplan.views.runs import Asked, Number, Run, as_rows, as_text, as_tree, compared, numbers_of
from dynplan.views.runs import run_of as made_of

EVENTS = """\
2026-11-28T00:59:50+0000\tnode\t:preflight\t0\t0\tn1\t10.0.0.1
2026-11-28T00:59:55+0000\tstarted\tserver\t0\t0\tn1\t17
2026-11-28T01:00:20+0000\tready\tserver\t0\t0\tn1\t
2026-11-28T01:00:21+0000\tstarted\tphase:warm\t0\t0\tn1\t19
2026-11-28T01:00:31+0000\texit\tphase:warm\t0\t0\tn1\texit status 0
2026-11-28T01:00:32+0000\tready\tserver\t0\t0\tn1\t
2026-11-28T01:00:33+0000\tstarted\tphase:load\t0\t0\tn1\t23
"""


def asked(*numbers: Number, name: str = "0", phases: tuple[str, ...] = ("warm", "load")) -> Asked:
    return Asked(name, {"tp": 2}, {"tp": "2"}, phases, numbers)


Has = tuple[Progress, dict[str, str | None]]


def left(files: Any = None, **texts: Any) -> Has:
    known: dict[str, Any] = {"success": None, "failure": None, "code": None, "events": "", **texts}
    return progress_of(Left(directory="out", outline=None, tree={}, **known)), files or {}


def run_of(point: Asked, has: Has | None) -> Run:
    return made_of(point, *has) if has else made_of(point, None, {})


def found(key: str, text: str, best: str = "") -> Run:
    return run_of(asked(Number("n", "a.json", key, best)), left({"a.json": text}, success=""))


def test_times_are_from_the_first_event_to_the_last_ready_one_before_a_phase_and_of_each_phase() -> None:
    run = run_of(asked(), left(events=EVENTS))
    assert (run.state, run.ready_s, run.phases_s) == ("unfinished", 30, {"warm": 10})


def test_a_job_that_no_phase_has_begun_in_is_not_known_to_be_ready() -> None:
    events = "".join(EVENTS.splitlines(keepends=True)[:3])
    assert run_of(asked(), left(events=events)).ready_s is None
    assert run_of(asked(), left(events=events, failure="x")).ready_s is None
    assert run_of(asked(phases=()), left(events=events, success="")).ready_s == 30


def test_lines_that_are_no_events_are_passed_over() -> None:
    assert run_of(asked(), left(events=f"junk\nx\ty\tz\n{EVENTS}2026")).phases_s == {"warm": 10}


@pytest.mark.parametrize(
    ("texts", "state", "code", "cause"),
    [
        ({"success": "done\n"}, "done", 0, ""),
        ({"failure": "[04:11:44] dynplan: FAILED: it broke\nlog", "code": "70\n"}, "failed", 70, "it broke"),
        ({"failure": "", "code": "many"}, "failed", None, ""),
        ({}, "unfinished", None, ""),
    ],
)
def test_markers_tell_how_a_point_has_ended(texts: dict[str, str], state: str, code: int | None, cause: str) -> None:
    run = run_of(asked(), left(**texts))
    assert (run.state, run.code, run.cause) == (state, code, cause)


@pytest.mark.parametrize(
    ("key", "data", "value"),
    [
        ("a", {"a": 1}, 1),
        ("a.b.c", {"a": {"b": {"c": 2.5}}}, 2.5),
        ("a.1.b", {"a": [0, {"b": 3}]}, 3),
        ("a.b.c", {"a.b": {"c": 4}, "a": {"x": 0}}, 4),
        ("p99.9", {"p99.9": 5, "p99": {"9": 6}}, 5),
        ("a", {"a": "text"}, "text"),
    ],
)
def test_a_number_is_found_by_its_keys(key: str, data: Any, value: Any) -> None:
    assert found(key, json.dumps(data)).numbers == {"n": value}


@pytest.mark.parametrize(
    ("key", "text", "why"),
    [
        ("a", "{", "a.json is not JSON"),
        ("a", "[" * 100_000, "a.json is not JSON"),
        ("a.b", '{"a": {}}', "a.json has no `a.b`"),
        ("a.7", '{"a": [1]}', "a.json has no `a.7`"),
        ("a.b", '{"a": 1}', "a.json has no `a.b`"),
        ("a", '{"a": {"b": 1}}', "`a` of a.json is no number"),
    ],
)
def test_a_number_that_is_not_there_is_missed_with_the_reason(key: str, text: str, why: str) -> None:
    run = found(key, text)
    assert (run.numbers, run.missing) == ({}, {"n": why})
    assert f"n: {why} (point 0)\n" in as_text([run])


def test_nothing_is_missed_of_a_point_that_is_not_done() -> None:
    number = Number("n", "a.json", "a", "")
    assert run_of(asked(number), left(failure="x")).missing == {}
    assert run_of(asked(number), None).missing == {}


def test_a_number_of_every_phase_is_a_column_for_each() -> None:
    result = {"name": "rate", "file": "{phase.dir}/a.json", "key": "a", "phase": "", "best": "max"}
    assert [(number.column, number.file) for number in numbers_of([result], ["warm", "load"])] == [
        ("warm.rate", "phases/warm/a.json"),
        ("load.rate", "phases/load/a.json"),
    ]
    one = {**result, "phase": "load"}
    assert [(number.column, number.file) for number in numbers_of([one], ["warm", "load"])] == [
        ("rate", "phases/load/a.json")
    ]
    of_job = {**result, "file": "{job.dir}/a.json"}
    assert [(number.column, number.file) for number in numbers_of([of_job], ["warm", "load"])] == [("rate", "a.json")]


def test_the_best_is_of_those_that_are_done_and_several_may_share_it() -> None:
    number = Number("n", "a.json", "a", "min")
    texts = ["3", "1", "1", "NaN", '"0"', "0"]
    runs = [
        run_of(asked(number, name=str(at)), left({"a.json": f'{{"a": {text}}}'}, success="" if at < 5 else None))
        for at, text in enumerate(texts)
    ]
    assert [run.best for run in compared(runs)] == [(), ("n",), ("n",), (), (), ()]
    assert [row[7] for row in as_rows(compared(runs), "*")] == ["n", "3", "1*", "1*", "NaN", "0", "0"]
    json.dumps(as_tree(runs), allow_nan=False)
    assert [entry["best"] for entry in as_tree(compared(runs))["points"]] == [[], ["n"], ["n"], [], [], []]


def test_columns_stand_under_their_heads_and_numbers_to_the_right() -> None:
    assert as_columns([["name", "n"], ["a", "1"], ["long name", "100"]]) == (
        "name         n\na            1\nlong name  100\n"
    )


def test_what_a_job_has_left_paints_no_terminal() -> None:
    number = Number("n\x1b", "a.json", "a", "")
    done = run_of(asked(number), left({"a.json": '{"a": "\\u001b[2J\\n"}'}, success=""))
    failed = run_of(asked(number), left(failure="dynplan: FAILED: \x1b[0m\u202e"))
    missed = run_of(asked(number), left({"a.json": None}, success=""))
    assert all(line.isprintable() for line in as_text([done, failed, missed]).split("\n"))


def test_a_field_of_csv_is_quoted_where_it_must_be() -> None:
    assert as_csv([["a", 'b"c', "d,e", "f\ng"]]) == 'a,"b""c","d,e","f\ng"\n'
