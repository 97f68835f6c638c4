"""Functions of the program against the Python that writes what they read, under every bash here."""

import json
import re
import subprocess
import tomllib
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dynplan.emitter.quote import word
from dynplan.emitter.rows import Column, Row, groups
from dynplan.emitter.writing import task_lines
from dynplan.language.templates import Ref, for_bash
from tests.launch.lab import NASTY, bash_version, bashes, program_parts

BASHES = [pytest.param(bash, id=bash_version(bash)) for bash in bashes()]
# What TOML allows in a string, without the NUL that no process can be given.
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30)
HOSTILE = st.sampled_from(NASTY)
WORDS = st.lists(st.one_of(TEXT, st.lists(HOSTILE, max_size=5).map("".join)), min_size=1, max_size=20)


def out(bash: Path, program: str) -> list[str]:
    """Run a program and return what it prints, split at NUL."""
    done = subprocess.run([bash, "-c", program], capture_output=True, check=False, env={"LC_ALL": "C.UTF-8"})
    assert done.stderr == b""
    return done.stdout.decode().split("\0")[:-1]


def printed(array: str) -> str:
    return f'((${{#{array}[@]}} == 0)) || printf "%s\\0" "${{{array}[@]}}"'


@pytest.mark.parametrize("bash", BASHES)
@settings(max_examples=60)
@given(WORDS)
def test_words_come_back_byte_for_byte(bash: Path, words: list[str]) -> None:
    listed = "\n".join(map(word, words))
    assert out(bash, f"words=(\n{listed}\n)\n{printed('words')}") == words


@pytest.mark.parametrize("bash", BASHES)
@settings(max_examples=60)
@given(WORDS)
def test_words_in_a_function_come_back_from_its_printed_form(bash: Path, words: list[str]) -> None:
    listed = "\n\t\t".join(map(word, words))
    travels = "code=$(declare -f)\nunset -f f\nsource <(printf '%s;' \"$code\")\nf"
    assert out(bash, f"f() {{\n\twords=(\n\t\t{listed}\n\t)\n}}\n{travels}\n{printed('words')}") == words


def assoc(name: str, pairs: dict[str, str]) -> str:
    return f"declare -A {name}=()\n" + "\n".join(f"{name}[{word(key)}]={word(text)}" for key, text in pairs.items())


PARTS = st.lists(
    st.one_of(TEXT, HOSTILE, st.sampled_from([Ref("host"), Ref("port.http"), Ref("job.dir"), Ref("metrics-urls")])),
    max_size=8,
)


@pytest.mark.parametrize("bash", BASHES)
@settings(max_examples=60)
@given(PARTS, st.dictionaries(st.sampled_from(["host", "port.http", "job.dir", "metrics-urls"]), TEXT))
def test_templates_are_filled_once_and_nothing_else_changes(
    bash: Path, parts: Sequence[str | Ref], values: dict[str, str]
) -> None:
    row = {key: text for key, text in values.items() if key in ("host", "port.http")}
    fact = {key: text for key, text in values.items() if key not in row} | {"brace": "{"}
    program = [program_parts()["plan"], assoc("row", row), assoc("fact", fact), f"fill {word(for_bash(parts))}"]
    expected = "".join(
        part if isinstance(part, str) else values.get(part.name, "{" + part.name + "}") for part in parts
    )
    assert out(bash, "\n".join([*program, 'printf "%s\\0" "$filled"'])) == [expected]


SHAPES = (
    (Column("node"), Column("worker"), Column("gpus", 4), Column("port.kv"), Column("port.kv-2", 3)),
    (Column("node"), Column("worker"), Column("gpus", 0), Column("port.kv")),
)
ROWS = st.lists(
    st.sampled_from(SHAPES).flatmap(
        lambda shape: st.tuples(st.just(shape), st.tuples(*(st.integers(0, 9) for _ in shape)))
    ),
    min_size=1,
    max_size=12,
)
RUNS = st.tuples(st.lists(st.integers(-3, 3), min_size=5, max_size=5), st.integers(1, 20)).map(
    lambda made: [(SHAPES[0], tuple(100 + step * index for step in made[0])) for index in range(made[1])]
)


def expanded(row: Row) -> dict[str, str]:
    shape, numbers = row
    found: dict[str, str] = {"gpus": ""}
    for column, number in zip(shape, numbers, strict=True):
        if column.name == "gpus":
            found["gpus"] = ",".join(str(number + index) for index in range(column.width))
            continue
        found[column.name] = str(number)
        if column.name.startswith("port."):
            found[f"{column.name}.last"] = str(number + column.width - 1)
    return found


@pytest.mark.parametrize("bash", BASHES)
@settings(max_examples=40)
@given(st.lists(st.one_of(ROWS, RUNS), min_size=1, max_size=4).map(lambda runs: [row for run in runs for row in run]))
def test_groups_expand_to_the_rows_they_were_made_of(bash: Path, rows: list[Row]) -> None:
    body = "\n".join(task_lines(groups(rows)))
    names = sorted({name for row in rows for name in expanded(row)})
    program = f"""{program_parts()["plan"]}
declare -A fact=() row=()
node_list=''
job() {{ :; }}
role_r() {{
{body}
}}
load r
for ((n = 0; n < {len(rows)}; n++)); do
	find_task "$n"
	for name in {" ".join(names)}; do printf '%s=%s\\0' "$name" "${{row[$name]-none}}"; done
done
"""
    expected = [f"{name}={expanded(row).get(name, 'none')}" for row in rows for name in names]
    assert out(bash, program) == expected


@pytest.mark.parametrize("bash", BASHES)
@settings(max_examples=40)
@given(st.lists(st.one_of(ROWS, RUNS), min_size=1, max_size=4).map(lambda runs: [row for run in runs for row in run]))
def test_the_tasks_of_a_node_are_found_without_a_look_at_the_others(bash: Path, rows: list[Row]) -> None:
    body = "\n".join(task_lines(groups(rows)))
    nodes = sorted({int(expanded(row)["node"]) for row in rows} | {0, 101})
    program = f"""{program_parts()["plan"]}
declare -A fact=() row=()
job() {{ :; }}
role_r() {{
{body}
}}
load r
for node in {" ".join(map(str, nodes))}; do
	find_tasks_on "$node"
	printf '%s\\0' "$node:${{numbers[*]}}"
done
"""
    places = [int(expanded(row)["node"]) for row in rows]
    expected = [f"{node}:" + " ".join(str(at) for at, place in enumerate(places) if place == node) for node in nodes]
    assert out(bash, program) == expected


@pytest.mark.parametrize("bash", BASHES)
@settings(max_examples=20)
@given(st.lists(st.one_of(ROWS, RUNS), min_size=1, max_size=4).map(lambda runs: [row for run in runs for row in run]))
def test_the_places_of_all_tasks_are_those_of_their_rows(bash: Path, rows: list[Row]) -> None:
    body = "\n".join(task_lines(groups(rows)))
    program = f"""{program_parts()["plan"]}
hide() {{ :; }}
{program_parts()["steps"]}
job() {{ :; }}
role_r() {{
tasks={len(rows)}
{body}
}}
load r
place_tasks
printf '%s\\0' "${{task_nodes[@]}}" "${{task_names[@]}}"
"""
    found = [expanded(row) for row in rows]
    assert out(bash, program) == [row["node"] for row in found] + [f"{row['worker']}.0" for row in found]


@pytest.mark.parametrize("bash", BASHES)
@settings(max_examples=30)
@given(st.lists(st.tuples(st.sampled_from("ABCDE"), TEXT), max_size=6), WORDS)
def test_a_process_gets_its_words_and_its_environment_byte_for_byte(
    bash: Path, environment: list[tuple[str, str]], words: list[str]
) -> None:
    exports = [f"X_{name}={text}" for name, text in environment]
    show = 'printf "%s\\0" "$@" X_A="${X_A-}" X_B="${X_B-}" X_C="${X_C-}" X_D="${X_D-}" X_E="${X_E-}"'
    call = " ".join(map(word, [*exports, "--", str(bash), "-c", show, "x", *words]))
    expected = {f"X_{name}": "" for name in "ABCDE"} | {f"X_{name}": text for name, text in environment}
    shown = [f"{name}={text}" for name, text in expected.items()]
    assert out(bash, f"{program_parts()['task']}\nX_A=ours\nbecome {call}") == [*words, *shown]


@pytest.mark.parametrize("bash", BASHES)
def test_the_facts_of_ten_thousand_nodes_reach_a_task(bash: Path) -> None:
    """Linux takes 128 KiB in one variable; the names and addresses of so many nodes are 700 KiB."""
    odd = "'é\n$(id)\t`"
    program = f"""
enter() {{
	unset -v "${{!DYNPLAN_PART@}}"
	get_value host.0
	printf '%s\\0' "$1" "$value"
	get_value ip.9999
	printf '%s\\0' "$value" "${{fact[odd]}}" "${{#fact[@]}}"
	env | grep -c DYNPLAN | tr '\\n' '\\0'
}}
hide() {{ :; }}
become() {{
	while [[ $1 != -- ]]; do shift; done
	"${{@:2}}"
}}
{program_parts()["plan"]}
{program_parts()["steps"]}
make_lists() {{ :; }}
relay_words() {{ cat <&"$said" >&2; }}
job() {{ :; }}
role_decode() {{ :; }}
srun() {{
	while [[ $1 != bash ]]; do shift; done
	"{bash}" "${{@:2}}"
}}
exec {{events}}>&1
for ((n = 0; n < 10000; n++)); do
	hosts[n]=an-ordinary-host-name-$n
	addresses[n]=10.20.$((n / 250)).$((n % 250))
done
list_nodes
fact[odd]={word(odd)}
run_step decode 1 all
"""
    expected = ["decode", "an-ordinary-host-name-0", "10.20.39.249", odd, "2", "0"]
    assert out(bash, program) == expected


@pytest.mark.parametrize("bash", BASHES)
@pytest.mark.parametrize(
    ("planned", "shown", "visible"),
    [
        ("0,1,2,3", "0,1,2,3,4,5,6,7", "0,1,2,3"),
        ("4,5,6,7", "0,1,2,3,4,5,6,7", "4,5,6,7"),
        ("1,2", "4,5,6,7", "5,6"),
        ("0,1", "GPU-aa,GPU-bb,GPU-cc", "GPU-aa,GPU-bb"),
        ("2", "MIG-1/0/0,MIG-1/1/0,MIG-2/0/0", "MIG-2/0/0"),
        ("", "0,1,2,3", ""),
        ("", "", ""),
    ],
)
def test_a_slice_is_cut_by_position_in_what_the_step_shows(bash: Path, planned: str, shown: str, visible: str) -> None:
    program = f"""{program_parts()["plan"]}
{program_parts()["task"]}
declare -A fact=() row=([gpus]={word(planned)})
all_gpus=''
CUDA_VISIBLE_DEVICES={word(shown)}
gpu_variable=CUDA_VISIBLE_DEVICES
gpu_variables=()
set_environment
printf '%s\\0' "$visible" "${{exports[0]}}"
"""
    assert out(bash, program) == [visible, f"CUDA_VISIBLE_DEVICES={visible}"]


BYTES = st.lists(
    st.one_of(TEXT.map(str.encode), HOSTILE.map(str.encode), st.binary(max_size=6)), min_size=1, max_size=20
).map(lambda parts: b"".join(parts).replace(b"\0", b""))


@pytest.mark.parametrize("bash", BASHES)
@settings(max_examples=200)
@given(BYTES)
def test_any_text_comes_back_from_json_and_from_toml(bash: Path, text: bytes) -> None:
    """Whatever a URL of metrics, a host or an address holds: quotes, backslashes, control signs, no UTF-8."""
    program = program_parts()["records"] + '\nLC_ALL=C\njson_text "$1"\nprintf \'%s\' "$quoted"'
    done = subprocess.run(
        [bash, "-c", program, "bash", text], capture_output=True, check=True, env={"LC_ALL": "C.UTF-8"}
    )
    assert done.stderr == b""
    expected = text.decode(errors="replace")
    for found in (json.loads(done.stdout), tomllib.loads(f"x = {done.stdout.decode()}")["x"]):
        # How many U+FFFD stand for a broken character is nobody's rule.
        assert re.sub("\ufffd+", "\ufffd", found) == re.sub("\ufffd+", "\ufffd", expected)
