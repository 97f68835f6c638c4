"""How far a job has come: literal logs of events beside what is said of them, and laws of every beginning of one."""

import json
import re
import tomllib
from datetime import datetime, timedelta
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from dynplan.language.plan_file import outline
from dynplan.views.events import Event, read_events
from dynplan.views.numbers import report_tree
from dynplan.views.progress import Progress, is_over, progress_of
from dynplan.views.slurm import SlurmJob, cause_in, read_job, results_in
from dynplan.views.status import as_text, as_tree
from tests.golden import ROOT
from tests.laws.profile import law
from tests.views.runs import (
    CAUSE,
    DONE,
    FAILED,
    MARKER,
    NODES,
    PHASES,
    PLAN,
    READY,
    STARTED,
    at,
    left,
    log_of,
    progress,
)

RUNNING = SlurmJob("7", "chat", "RUNNING", "", 3600)


def text(found: Progress, time: str) -> str:
    return as_text(found, at(time))


# Events


def test_a_line_is_seven_fields_and_a_time() -> None:
    (found,) = read_events("2026-11-28T04:00:02+0100\tstarted\tdecode\t3\t1\tn0\t95\n")
    assert found == Event(datetime.fromisoformat("2026-11-28T04:00:02+01:00"), "started", "decode", 3, 1, "n0", "95")


@pytest.mark.parametrize(
    "line",
    [
        "2026-11-28T04:00:02+0000\tstarted\tdecode\t0\t0\tn0\t95",  # no end of the line: it may be half of it
        "2026-11-28T04:00:02+0000\tstarted\tdecode\t0\t0\tn0\n",
        "now\tstarted\tdecode\t0\t0\tn0\t95\n",
        "2026-11-28T04:00:02\tstarted\tdecode\t0\t0\tn0\t95\n",  # no offset: nobody knows when that was
        "\n",
        "",
    ],
)
def test_what_is_no_event_is_left_out(line: str) -> None:
    good = log_of(STARTED[0])
    assert read_events(good + line) == read_events(good)


def test_numbers_that_are_none_name_no_task() -> None:
    log = log_of(
        ("04:00:02", "started", "decode", "-1", "٣", "n0", ""), ("04:00:02", "ready", "decode", "9" * 10, "0", "n0", "")
    )
    assert [(event.worker, event.rank) for event in read_events(log)] == [(None, None), (None, 0)]


# The text


def test_before_the_first_event() -> None:
    assert text(progress(plan=""), "04:00:00") == "a job: nothing has happened yet\nin results/chat-7\n"
    waiting = SlurmJob("7", "chat", "PENDING", "Resources")
    assert text(progress(plan="", slurm=waiting), "04:00:00").startswith(
        "chat 7: pending (Resources); nothing has happened yet\n"
    )


def test_while_the_nodes_answer() -> None:
    assert text(progress(NODES[0], plan="", slurm=RUNNING), "04:00:05") == (
        "chat 7: looks at its nodes, 5s of at most 1h since 04:00:00\nin results/chat-7\n1 node has answered\n"
    )


def test_while_roles_start() -> None:
    assert (
        text(progress(*NODES, *STARTED, READY[0], READY[1]), "04:01:10")
        == """\
chat 7: starts its roles, 1m10s since 04:00:00, last event 30s ago
in results/chat-7

role      ready
frontend  0/1    not started: waits for decode
decode    1/2    1m07s of at most 10m
wide      1/1    ready after 37s

not ready:
  decode 1 on n1: starting since 04:00:03 (1m07s); logs/decode-1.log

phase
smoke  not yet
bench  not yet
"""
    )


def test_while_a_phase_runs() -> None:
    assert (
        text(progress(*NODES, *STARTED, *READY, *PHASES[:1], slurm=RUNNING), "04:02:26")
        == """\
chat 7: runs its phases, 2m26s of at most 1h since 04:00:00
in results/chat-7

role      ready
frontend  1/1    ready after 2s
decode    2/2    ready after 2m
wide      1/1    ready after 37s

phase
smoke  running, 20s of at most 1m
bench  not yet
"""
    )


def test_after_it_has_failed() -> None:
    found = progress(*NODES, *STARTED, *READY, *PHASES, *FAILED, failure=MARKER)
    assert (
        text(found, "23:00:00")
        == """\
chat 7: failed with 70 after 3m20s, at 04:03:20
in results/chat-7

FAILED: role decode worker 1 rank 0 on n1: exit status 1
  log /r/chat-7/logs/decode-1.log

role      ready
frontend  1/1    ready after 2s
decode    1/2    ready after 2m, 1 failed
wide      1/1    ready after 37s

not ready:
  decode 1 on n1: failed at 04:03:17; logs/decode-1.log

phase
smoke  done after 10s
bench  stopped after 1m01s; phases/bench.log
"""
    )
    assert found.tail == "loading <b>weights</b> & more\nRuntimeError: no memory\n"


def test_after_all_is_done() -> None:
    found = progress(*NODES, *STARTED, *READY, *PHASES, *DONE, success="done\n")
    assert text(found, "23:00:00").startswith("chat 7: done after 3m20s, at 04:03:20\n")
    assert text(found, "23:00:00").endswith("phase\nsmoke  done after 10s\nbench  done after 1m\n")
    tree = as_tree(found, at("23:00:00"))
    assert (tree["state"], tree["code"], tree["cause"], tree["ready-s"], tree["took-s"]) == ("done", 0, None, 125, 200)
    assert [role["not-ready"] for role in tree["roles"]] == [[], [], []]


def test_a_job_that_slurm_has_ended_without_a_word() -> None:
    gone = progress(*NODES, *STARTED, slurm=SlurmJob("7"))
    first = "chat 7: ended without a word: Slurm has no such job here any more; its last event was at 04:00:04\n"
    assert text(gone, "09:00:00").startswith(first)
    lost = progress(*NODES, slurm=SlurmJob("7", "chat", "NODE_FAIL"))
    assert text(lost, "09:00:00").startswith("chat 7: ended without a word: Slurm has it as NODE_FAIL; ")


def test_what_first_failed_is_told_before_the_job_has_said_so() -> None:
    found = progress(*NODES, *STARTED, FAILED[0], slurm=RUNNING)
    assert (found.state, found.code, found.log) == ("running", 70, "/r/chat-7/logs/decode-1.log")
    assert f"FAILED: {CAUSE.partition(';')[0]}\n" in text(found, "04:03:18")


def test_a_phase_that_failed_tells_its_status() -> None:
    bad = (
        "04:02:20",
        "exit",
        "phase:bench",
        "0",
        "0",
        "n0",
        "3 phase bench on n0: exit status 3; log /r/phases/bench.log",
    )
    marker = "[04:02:20] dynplan: FAILED: phase bench on n0: exit status 3; log /r/phases/bench.log\n"
    found = progress(*NODES, *STARTED, *READY, *PHASES, bad, failure=marker)
    assert (found.code, found.cause, found.tail) == (3, "phase bench on n0: exit status 3", "")
    assert "bench  failed with 3 after 3s; phases/bench.log\n" in text(found, "04:10:00")


def test_preflight_problems_are_told() -> None:
    problem = ("04:00:01", "problem", ":preflight", "", "0", "n0", "preflight: n0: port 8000 is taken")
    assert "\npreflight: n0: port 8000 is taken\n" in text(progress(NODES[0], problem, plan=""), "04:00:05")


def test_a_worker_that_may_fail_is_ready_no_more() -> None:
    excused = (
        "04:02:30",
        "excused",
        "decode",
        "1",
        "0",
        "n1",
        "not critical: role decode worker 1 ...: exit status 1; log x",
    )
    found = progress(*NODES, *STARTED, *READY, *PHASES, excused, ("04:02:30", "exit", *FAILED[1][2:]), slurm=RUNNING)
    assert (found.state, found.cause) == ("running", "")
    told = text(found, "04:02:40")
    assert "decode    1/2    ready after 2m, 1 excused\n" in told
    assert "\nnot ready:\n  decode 1 on n1: excused at 04:02:30; logs/decode-1.log\n" in told


def test_a_restart_counts_and_takes_readiness_away() -> None:
    again = ("04:00:50", "restart", "decode", "0", "0", "n0", "role decode worker 0 ...: exit status 1; restarting it")
    found = progress(*NODES, *STARTED, READY[0], again, slurm=RUNNING)
    assert "decode    0/2    57s of at most 10m, 1 restarting, 1 restart\n" in text(found, "04:01:00")
    after = progress(*NODES, *STARTED, READY[0], again, ("04:00:55", *STARTED[0][1:]), slurm=RUNNING)
    assert "  decode 0 on n0: starting since 04:00:55 (5s)" in text(after, "04:01:00")


def test_tasks_of_a_role_that_has_one_for_each_gpu() -> None:
    plan = PLAN.replace("tasks = 2, ready-timeout = 0", "tasks = 6, ready-timeout = 0")
    (wide,) = (role for role in progress(*NODES, *STARTED, plan=plan).roles if role.name == "wide")
    assert [(task.rank, task.state) for task in wide.workers[0].tasks][:3] == [
        (0, "starting"),
        (1, "ready"),
        (2, "not started"),
    ]
    assert len(wide.workers[0].tasks) == 6


def test_a_plan_that_says_nothing_of_limits_is_told_without_them() -> None:
    plan = PLAN[: PLAN.index("expected")] + PLAN[PLAN.index("]\n\n[[") + 2 :]
    told = text(progress(*NODES, *STARTED, plan=plan), "04:00:10")
    assert "decode    0/2    8s\n" in told
    assert "frontend  0/1    not started\n" in told


def test_a_thousand_workers_are_told_in_a_few_lines() -> None:
    started = [("04:00:02", "started", "decode", str(each), "0", f"n{each}", "95") for each in range(1000)]
    ready = [("04:00:09", "ready", "decode", str(each), "0", f"n{each}", "") for each in range(900)]
    lines = text(progress(*NODES, *started, *ready, plan="", slurm=RUNNING), "04:00:12").splitlines()
    assert "decode  900/?  10s" in lines
    assert "  and 95 more of decode" in lines
    assert len(lines) < 15


def test_nothing_that_paints_the_terminal_is_told() -> None:
    bad = ("04:00:02", "failed", "de\x1b[2Jcode", "0", "0", "n\u202e0", "70 role: \x1b[31mred; log /r/\x07")
    told = text(progress(*NODES, bad, plan=""), "04:00:05")
    assert "\x1b" not in told
    assert "\u202e" not in told
    assert "\x07" not in told


# When nothing more is to come


def test_a_job_is_over_when_its_workers_have_stopped() -> None:
    stopping = progress(*NODES, *STARTED, *FAILED[:2], failure=MARKER)
    assert not is_over(stopping, at("04:03:30"))
    assert is_over(stopping, at("04:10:00"))  # a node was lost, and nobody is left to say so
    assert is_over(progress(*NODES, *STARTED, *FAILED, failure=MARKER), at("04:03:20"))
    assert is_over(progress(failure="[04:00:00] dynplan: FAILED: preflight"), at("04:00:00"))
    assert not is_over(progress(*NODES), at("23:00:00"))


# Laws


WHOLE = log_of(*NODES, *STARTED, *READY, *PHASES, *FAILED)


def readiness(found: Progress) -> dict[tuple[str, int, int], datetime]:
    tasks = (
        (role.name, worker.worker, task) for role in found.roles for worker in role.workers for task in worker.tasks
    )
    return {(role, worker, task.rank): task.ready for role, worker, task in tasks if task.ready}


def tasks_of(found: Progress) -> list[Any]:
    return [task for role in found.roles for task in role.tasks]


@given(st.integers(0, len(WHOLE)), st.booleans(), st.sampled_from([None, RUNNING, SlurmJob("7")]))
@law
def test_every_beginning_of_a_log_has_a_status(end: int, with_plan: bool, slurm: SlurmJob | None) -> None:
    log = WHOLE[:end]
    found = progress_of(left(log, plan=PLAN if with_plan else "", slurm=slurm))
    now = at("04:03:20")
    assert text(found, "04:03:20").endswith("\n")
    tree = json.loads(json.dumps(as_tree(found, now)))
    for role in tree["roles"]:
        assert 0 <= role["ready"] <= (role["workers"] or 10)
        assert role["ready-s"] is None or role["ready-s"] >= 0
    events = read_events(log)
    assert len(events) == log.count("\n")
    assert sum(task.started is not None for task in tasks_of(found)) == len(
        {
            (event.part, event.worker, event.rank)
            for event in events
            if event.name == "started" and ":" not in event.part
        }
    )
    # Who was ready once stays known as that.
    more = progress_of(left(WHOLE[: WHOLE.find("\n", end) + 1 or None], plan=PLAN if with_plan else "", slurm=slurm))
    assert readiness(found).items() <= readiness(more).items()


NAMES = ("started", "ready", "failed", "exit", "stopped", "restart", "queued", "excused", "healthy", "node", "end")
PARTS = ("decode", "decode/3", "phase:x", ":preflight", "\x1b[2J", "")
NUMBERS = ("0", "1", "999999999", "", "x", "70 why; log /x", "2026-11-28T04:00:02+0000")
WORDS = st.sampled_from((*NAMES, *PARTS, *NUMBERS))


@given(st.lists(st.lists(WORDS, min_size=1, max_size=8), max_size=30), st.text(max_size=200), st.booleans())
@law
def test_anything_in_the_files_has_a_status(rows: list[list[str]], marker: str, failed: bool) -> None:
    log = "".join("2026-11-28T04:00:02+0000\t" + "\t".join(row) + "\n" for row in rows)
    found = progress_of(left(log, failure=marker if failed else None))
    told = text(found, "04:03:20")
    assert told.replace("\n", "").isprintable()
    json.dumps(as_tree(found, at("04:03:20")))
    is_over(found, at("04:03:20") + timedelta(hours=1))


# Slurm


SCONTROL = """\
JobId=7 JobName=chat with = and Reason=None in it
   UserId=root(0) GroupId=root(0) MCS_label=N/A
   JobState=PENDING Reason=Resources Dependency=(null)
   RunTime=00:00:12 TimeLimit=1-02:05:00 TimeMin=N/A
   Command=/w/a.sbatch
   WorkDir=/w/with blanks
   StdErr=/w/chat-7.err
   StdOut=/w/with blanks/%x-%j.out
"""


def test_what_scontrol_says() -> None:
    name = "chat with = and Reason=None in it"
    assert read_job(SCONTROL, "7") == SlurmJob(
        "7", name, "PENDING", "Resources", 93900, f"/w/with blanks/{name}-7.out", "/w/with blanks"
    )
    ended = SCONTROL.replace("   RunTime", "   Requeue=0 ExitCode=124:0\n   RunTime")
    assert read_job(ended, "7").code == 124
    assert read_job(ended.replace("124:0", "0:9"), "7").code is None
    assert read_job("slurm_load_jobs error: Invalid job id specified\n", "7") == SlurmJob("7")
    assert read_job(SCONTROL.replace("1-02:05:00", "UNLIMITED"), "7").limit_s is None


def test_a_requeued_job_has_its_last_results() -> None:
    said = "[04:00:00] results in /r/chat-7\n[04:00:09] role a\n[05:00:00] results in /r/chat-7.1\nresults in /x\n"
    assert results_in(said) == "/r/chat-7.1"
    assert results_in("[04:00:00] dynplan: FAILED: 64\n") == ""
    assert cause_in("[04:00:00] dynplan: FAILED: 64\n") == "64"
    assert cause_in(said) == ""


# Exit codes


def test_exit_codes_where_no_event_has_one() -> None:
    late = "[04:03:17] dynplan: FAILED: phase bench on n0: took too long; log /r/phases/bench.log\n"
    stopped = progress(*NODES, *STARTED, *READY, *PHASES, FAILED[2], failure=late, code="124\n")
    assert (stopped.code, stopped.phases[1].state) == (124, "failed")
    lost = "[04:03:17] dynplan: FAILED: node n1 is lost, and with it decode/1.0\n"
    assert progress(*NODES, failure=lost).code is None
    assert progress(*NODES, failure=lost, slurm=SlurmJob("7", "chat", "FAILED", code=76)).code == 76
    assert progress(*NODES, failure=lost, code="76\n").code == 76
    assert progress(*NODES, failure=lost, code="7", slurm=SlurmJob("7", "chat", "FAILED", code=76)).code == 7


def test_who_was_stopped_before_being_ready_says_so() -> None:
    stopped = ("04:00:09", "stopped", "decode", "1", "0", "n1", "143")
    marker = "[04:00:08] dynplan: FAILED: TERM: cancelled, or the time limit\n"
    found = text(progress(*NODES, *STARTED, READY[0], stopped, failure=marker, code="143\n"), "09:00:00")
    assert found.startswith("chat 7: failed with 143 after ")
    assert "decode    1/2    not ready within 7s\n" in found


def test_who_ended_before_being_ready_says_so_and_with_what_status() -> None:
    role = "role decode worker 1 rank 0 on n1: exit status 3"
    failed = ("04:00:09", "failed", "decode", "1", "0", "n1", f"70 {role}; log /r/logs/decode-1.log")
    ended = ("04:00:09", "exit", "decode", "1", "0", "n1", "3")
    other = ("04:00:10", "stopped", "decode", "0", "0", "n0", "143")
    marker = f"[04:00:09] dynplan: FAILED: {role}; log /r/logs/decode-1.log\n"
    found = text(progress(*NODES, *STARTED, failed, ended, other, failure=marker), "09:00:00")
    assert "worker 1 ended before it was ready, after 6s, with status 3, 1 failed\n" in found
    assert "not ready within" not in found


# The page


RUN = ROOT / "tests" / "views" / "disagg-10"


def seen_at(time: str, *, slurm: SlurmJob | None = None) -> Progress:
    """Return what was known at a time of the run of docs/status.md, a job on the throwaway Slurm."""
    last = at(time).strftime("%Y-%m-%dT%H:%M:%S+0000")
    log = "".join(line for line in (RUN / "events.log").read_text().splitlines(keepends=True) if line[:24] <= last)
    over = time > "01:06:13"
    have = left(log, plan=(RUN / "plan.toml").read_text(), slurm=slurm)
    marker = (RUN / "failure-marker.txt").read_text() if over else None
    return progress_of(evolve(have, failure=marker, directory=f"{'' if over else '/data/'}results/disagg-10"))


def test_the_page_shows_what_status_says() -> None:
    page = (ROOT / "docs" / "status.md").read_text()
    running = SlurmJob("10", "disagg", "RUNNING", "", 1800)
    assert f"$ dynplan status 10\n{text(seen_at('01:04:59', slurm=running), '01:04:59')}```\n" in page
    phases = text(seen_at("01:05:22"), "01:05:22").splitlines(keepends=True)[-3:]
    assert f"$ dynplan status results/disagg-10 | tail -3\n{''.join(phases)}```\n" in page
    assert f"$ dynplan status results/disagg-10\n{text(seen_at('23:00:00'), '23:00:00')}```\n" in page


def test_the_page_shows_the_numbers_of_the_report() -> None:
    plan = outline(tomllib.loads((RUN / "plan.toml").read_text()))
    hours = report_tree(seen_at("23:00:00"), plan, at("23:00:00"))["gpu-hours-before-first-phase"]
    assert f"\n{json.dumps(hours, separators=(',', ':'))}\n" in (ROOT / "docs" / "status.md").read_text()


def test_the_page_names_every_state() -> None:
    page = (ROOT / "docs" / "status.md").read_text()
    gone, busy = SlurmJob("7"), RUNNING
    found = {progress(success="").state, progress(failure="").state, progress().state}
    found |= {progress(slurm=gone).state, progress(slurm=busy).state}
    assert found == set(re.findall(r"^\| `([a-z]+)` \| (?:runs|has|is)", page, re.MULTILINE))
