"""The points of a sweep: which there are, what they are called, and what they set."""

import tomllib
from typing import Any

import pytest

from dynplan.diagnostics import Findings, InputError
from dynplan.language import parse, read, resolve
from dynplan.language.sweep import MOST_POINTS, Sweep, constants, place_of, read_sweep, tables_of


def sweep(text: str) -> Sweep:
    return read_sweep(tomllib.loads(text))


def values(text: str) -> list[tuple[Any, ...]]:
    """The values of each point, in the order of the file."""
    return [tuple(value for _, value in point.values) for point in sweep(text).points]


TP, CONCURRENCY = '"roles.decode.args.tensor-parallel-size"', '"vars.concurrency"'


def test_every_combination_is_a_point_and_the_last_key_changes_first() -> None:
    text = f"[sweep]\n{TP} = [1, 2]\n{CONCURRENCY} = [4, 16, 64]\n"
    assert values(text) == [(1, 4), (1, 16), (1, 64), (2, 4), (2, 16), (2, 64)]
    assert [(point.number, point.name) for point in sweep(text).points] == [(at, str(at)) for at in range(6)]


def test_keys_may_stand_with_dots_in_quotes_or_in_tables_in_one_another() -> None:
    quoted = sweep(f"[sweep]\n{TP} = [1, 2]\n")
    for text in (
        "[sweep]\nroles.decode.args.tensor-parallel-size = [1, 2]\n",
        "[sweep.roles.decode.args]\ntensor-parallel-size = [1, 2]\n",
    ):
        assert [point.values for point in sweep(text).points] == [point.values for point in quoted.points]


def test_keys_of_the_language_are_one_key_in_both_spellings_and_the_users_are_not() -> None:
    found = sweep('[sweep]\n"roles.my_role.num_nodes" = [1]\n"roles.my_role.args.max_len" = [2]\n')
    assert [path for path, _ in found.points[0].values] == [
        ("roles", "my_role", "num-nodes"),
        ("roles", "my_role", "args", "max_len"),
    ]


def test_what_goes_together_is_not_combined_and_a_list_of_one_holds_for_all() -> None:
    text = f'[sweep]\n{TP} = [1, 2]\n{CONCURRENCY} = [4, 64]\n"job.num-nodes" = [1, 2]\n"job.time" = ["1:00:00"]\n'
    zipped = 'zip = [["job.num-nodes", "tensor-parallel-size", "job.time"]]\n'
    hour = "1:00:00"
    assert values(text + zipped) == [(1, 4, 1, hour), (1, 64, 1, hour), (2, 4, 2, hour), (2, 64, 2, hour)]


def test_expressions_over_the_keys_drop_combinations_and_no_point_of_its_own() -> None:
    text = f"[sweep]\n{TP} = [1, 2, 4]\n{CONCURRENCY} = [4, 64]\n"
    exclude = (
        'exclude = ["tensor-parallel-size == 4 and concurrency < 64", "tensor_parallel_size * 64 < concurrency"]\n'
    )
    own = f'[[sweep.points]]\nname = "odd"\n{TP} = 4\n{CONCURRENCY} = 1\n'
    assert values(text + exclude + own) == [(1, 4), (1, 64), (2, 4), (2, 64), (4, 64), (4, 1)]
    assert [point.name for point in sweep(text + exclude + own).points] == ["0", "1", "2", "3", "4", "odd"]


def test_points_of_their_own_need_no_lists_and_may_set_different_keys() -> None:
    text = f'[[sweep.points]]\nname = "low"\n{TP} = 1\n[[sweep.points]]\nname = "high"\nvars.concurrency = 64\n'
    assert [(point.name, tables_of(point)) for point in sweep(text).points] == [
        ("low", {"roles": {"decode": {"args": {"tensor-parallel-size": 1}}}}),
        ("high", {"vars": {"concurrency": 64}}),
    ]


def test_a_key_is_called_by_its_end_as_far_as_that_is_its_own() -> None:
    found = sweep('[sweep]\n"roles.a.args.size" = [1]\n"roles.b.args.size" = [2]\n"vars.point" = [3]\n')
    assert list(found.names.values()) == ["a.args.size", "b.args.size", "vars.point"]
    known = constants(found, found.points[0])
    assert known == {
        "a.args.size": 1,
        "roles.a.args.size": 1,
        "b.args.size": 2,
        "roles.b.args.size": 2,
        "vars.point": 3,
        "point": "0",
    }


def test_what_a_point_does_not_set_is_as_the_job_says_it() -> None:
    found = sweep(
        f'[vars]\nconcurrency = 8\n[[sweep.points]]\nname = "a"\n{CONCURRENCY} = 1\n'
        f'[[sweep.points]]\nname = "b"\n{TP} = 1\n'
    )
    assert constants(found, found.points[1])["concurrency"] == 8
    assert "tensor-parallel-size" not in constants(found, found.points[0])


def test_a_value_is_found_where_it_stands() -> None:
    point = sweep(f"[sweep]\n{TP} = [1, 2]\nvars.concurrency = [4, 64]\n").points[3]
    assert place_of(("roles", "decode", "args", "tensor-parallel-size"), point) == (
        "sweep",
        "roles.decode.args.tensor-parallel-size",
        1,
    )
    assert place_of(("vars", "concurrency"), point) == ("sweep", "vars", "concurrency", 1)
    assert place_of(("roles", "decode"), point) is None


@pytest.mark.parametrize("count", [MOST_POINTS, MOST_POINTS + 1])
def test_a_sweep_has_as_many_points_as_a_job_array_may_have(count: int) -> None:
    text = f"[sweep]\n{CONCURRENCY} = {list(range(count))}\n"
    if count == MOST_POINTS:
        assert len(sweep(text).points) == count
        return
    with pytest.raises(InputError, match="D125: the sweep has 1001 points"):
        sweep(text)


def told(text: str, point: dict[str, Any] | None = None) -> list[tuple[str, str]]:
    """What is wrong with a job: code and message of each finding."""
    findings = Findings()
    with pytest.raises(InputError) as caught:
        read(resolve([parse("job.toml", text.encode())], findings, point), findings)
    return [(finding.code, finding.message) for finding in caught.value.findings]


ROLE = '[roles.a]\ncommand = ["x", "{sweep.load}"]\n'


def test_a_job_that_is_still_a_sweep_is_no_job() -> None:
    text = '[sweep]\n"vars.load" = [1]\n[roles.a]\ncommand = "x"\n'
    assert told(text) == [("D126", "this is a sweep, and one point of it is a job")]


def test_placeholders_of_a_sweep_are_for_its_points_alone() -> None:
    assert told(ROLE) == [("D123", "there is no `{sweep.load}`")]
    assert told(ROLE, {"lode": 1}) == [("D123", "there is no `{sweep.load}`")]


def test_a_value_is_text_where_it_stands_in_a_text_and_a_number_of_a_file_is_one() -> None:
    text = ROLE + '[vars]\nname = "of-{sweep.load}"\n[job]\nname = "{vars.name}-{sweep.point}"\n'
    text += '[files."a.json".data]\nload = "{sweep.load}"\n'
    tables = resolve([parse("job.toml", text.encode())], point={"load": 8, "point": "low"})
    assert tables["job"]["name"] == "of-8-low"
    assert tables["roles"]["a"]["command"] == ["x", "8"]
    assert tables["files"]["a.json"]["data"] == {"load": 8}


def test_what_a_value_holds_is_no_placeholder() -> None:
    tables = resolve([parse("job.toml", ROLE.encode())], point={"load": "{host}"})
    assert tables["roles"]["a"]["command"] == ["x", "{{host}"]
