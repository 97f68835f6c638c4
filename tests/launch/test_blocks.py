"""Ports that move, in the script's program: rows and templates with sums, what a node says is taken, and the choice."""

import socket
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dynplan.emitter.rows import Column, Row, groups
from dynplan.emitter.writing import task_lines
from tests.launch.lab import bash_version, bashes, job_text, program_parts, run, stub
from tests.launch.test_functions import expanded, out

BASHES = [pytest.param(bash, id=bash_version(bash)) for bash in bashes()]
NUMBERS = st.integers(1, 60000)


@st.composite
def moving_rows(draw: st.DrawFn) -> list[Row]:
    """Rows of tasks whose ports move, but for one; equal ones in turns, and some of their own."""
    width = draw(st.integers(1, 4))
    shape = (Column("node"), Column("worker"), Column("port.http", width, True), Column("port.web"))
    first, step = draw(NUMBERS), draw(st.integers(0, 9))
    times = draw(st.integers(1, 5))
    rows = [(shape, (at, at, first + at * step, 80)) for at in range(times)]
    return [*rows, *[(shape, (0, 9, draw(NUMBERS), 81)) for _ in range(draw(st.integers(0, 2)))]]


@pytest.mark.parametrize("bash", BASHES)
@settings(max_examples=30)
@given(moving_rows(), st.integers(0, 5000))
def test_rows_are_those_of_the_plan_with_the_offset_added_to_ports_that_move(
    bash: Path, rows: list[Row], offset: int
) -> None:
    names = ("worker", "port.http", "port.http.last", "port.web", "port.web.last")
    body = "\n".join(task_lines(groups(rows)))
    assert "port_offset+" in body
    program = f"""{program_parts()["plan"]}
declare -A fact=([offset]={offset}) row=()
node_list=''
job() {{ :; }}
role_r() {{
{body}
}}
load r
for ((n = 0; n < {len(rows)}; n++)); do
	find_task "$n"
	for name in {" ".join(names)}; do printf '%s\\0' "${{row[$name]}}"; done
done
fill 'at {{at.8000}}, {{at.0}}'
printf '%s\\0' "$filled"
"""
    expected: list[str] = []
    for row in rows:
        known = expanded(row)
        moved = [str(int(known[name]) + offset) for name in names[1:3]]
        expected += [known["worker"], *moved, known["port.web"], known["port.web.last"]]
    assert out(bash, program) == [*expected, f"at {8000 + offset}, {offset}"]


CHOICE = """
declare -A known_events=() fact=()
nodes=1
port_blocks=(0-1 3-3 5-6)
port_step=10
load() { :; }
say() { echo "$*"; }
fail() { echo "FAILED $*"; exit; }
is_number() { [[ $1 == 0 || ($1 == [1-9]* && $1 != *[!0-9]* && ${#1} -lt 9) ]]; }
"""


def chosen(bash: Path, job_id: int, *events: tuple[str, str]) -> str:
    heard = "\n".join(f"event_part={part} event_node=n0 event_detail='{detail}'\non_taken" for part, detail in events)
    program = f"""{CHOICE}{program_parts()["blocks"]}
exec {{event_log}}>/dev/null
stamp=''
SLURM_JOB_ID={job_id}
{heard}
printf '%s\\0' "$(choose_block)"
choose_block >/dev/null
printf '%s\\0' "${{fact[offset]}}"
"""
    return " / ".join(out(bash, program))


@pytest.mark.parametrize("bash", BASHES)
@pytest.mark.parametrize(
    ("job_id", "events", "expected"),
    [
        (5, [], "ports: block 0 of 5, 0 above the plan's / 0"),
        (7, [], "ports: block 3 of 5, 30 above the plan's / 30"),
        (9, [], "ports: block 6 of 5, 60 above the plan's / 60"),
        (
            9,
            [(":preflight", "6=20063=a/http 0=20001=a/http"), (":preflight", "4=20044=a/x")],
            "ports: block 1 of 5, 10 above the plan's; block 6 is taken: port 20063 (http of role a) on n0 / 10",
        ),
        (
            5,
            [("a", "0=20000=a/http"), (":preflight", "x[$(touch hacked)]=1=a/b")],
            "ports: block 0 of 5, 0 above the plan's / 0",
        ),
    ],
)
def test_a_job_takes_the_first_free_block_from_the_one_that_its_id_says(
    bash: Path, job_id: int, events: list[tuple[str, str]], expected: str
) -> None:
    assert chosen(bash, job_id, *events) == expected


def test_a_fixed_port_that_is_taken_is_a_fault_as_ever(tmp_path: Path) -> None:
    """The stand-in's node is this machine: somebody listens on both, and only the fixed one ends the job."""
    with socket.create_server(("127.0.0.1", 0)) as somebody:
        number = somebody.getsockname()[1]
        low = max(1024, number - 50)
        role = f"[roles.a]\ncommand = {stub('--no-ports', '--record', 'seen')}\nstop = {{ grace = '1s' }}\n"
        end = '[phases.one]\ncommand = "true"'
        cluster = f'port-offset = "job-id"\nport-range = "{low}-{low + 99}"'
        fixed = job_text(role, f"ports = {{ x = {{ fixed = {number} }} }}", end, cluster=cluster)
        done = run(fixed, tmp_path)
        assert (done.code, done.cause) == (
            65,
            f"preflight: n0: port {number} (x of role a) is taken; nothing was started",
        )
        (tmp_path / "moves").mkdir()
        moves = job_text(role, f"ports = {{ x = {number} }}", end, cluster=cluster)
        done = run(moves, tmp_path / "moves")
        assert (done.code, done.cause) == (0, ""), done.output
        assert done.seen()[0]["env"]["DYNPLAN_PORT_X"] != str(number)
