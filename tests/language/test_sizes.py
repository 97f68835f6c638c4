"""Sizes as an engine's own parser takes them: which words of a command line count, and what they come to."""

from typing import Any

import pytest

from dynplan.diagnostics import InputError
from dynplan.language import parse, read, resolve
from dynplan.language.engine_sizes import arg_of
from dynplan.language.expressions import ExprError, evaluate
from dynplan.language.lookups import lookup_of
from dynplan.model import Job

ENGINE: dict[str, Any] = {
    "command": ["serve"],
    "sizes": ["--tensor-parallel-size --tensor-p* -tp", "--data-parallel-size -dp"],
    "switches": ["--enable-dp-attention --enable-dp-a*"],
}
FORMULA = "tensor-parallel-size * if(enable-dp-attention, 1, data-parallel-size)"


@pytest.mark.parametrize(
    ("role", "gpus"),
    [
        ({}, 1),
        ({"args": {"tensor-parallel-size": 4}}, 4),
        ({"args": {"tensor-parallel-size": "4"}}, 4),
        ({"args": {"tensor-parallel": 4}}, 4),  # an abbreviation
        ({"args": {"tensor-parallel-sizes": 4}}, 1),  # longer than the option: the engine refuses it
        ({"args": {"tp": 4}}, 1),  # `--tp` is unknown to an engine that takes `-tp`
        ({"args": {"tensor_parallel_size": 4}}, 1),  # as is any spelling that it does not list
        ({"extra-args": ["-tp", "4"]}, 4),
        ({"extra-args": ["-tp=4", "--data-parallel-size=2"]}, 8),
        ({"extra-args": "-tp 4 --model 'a b'"}, 4),
        ({"extra-args": "'"}, 1),  # reported where it is read
        ({"extra-args": ["--tensor-p", 4]}, 4),
        ({"command": ["serve", "model", "-tp", "2"]}, 2),
        ({"command": ["serve", "-tp", "2"], "args": {"tensor-parallel-size": 4}}, 4),  # the last one counts
        ({"args": {"tensor-parallel-size": 4}, "extra-args": ["-tp", "8"]}, 8),
        ({"args": {"tensor-parallel-size": 4, "data-parallel-size": 4}}, 16),
        ({"args": {"tensor-parallel-size": 4, "data-parallel-size": 4, "enable-dp-attention": True}}, 4),
        ({"args": {"tensor-parallel-size": 4, "data-parallel-size": 4, "enable-dp-attention": False}}, 16),
        ({"args": {"tensor-parallel-size": 4, "data-parallel-size": 4, "enable-dp-att": True}}, 4),
        ({"args": {"data-parallel-size": 4}, "extra-args": ["--enable-dp-attention", "-tp", "2"]}, 2),
    ],
)
def test_a_size_counts_in_every_spelling_that_the_engine_takes(role: dict[str, Any], gpus: int) -> None:
    assert evaluate(FORMULA, lookup_of({**ENGINE, **role})) == gpus


@pytest.mark.parametrize("name", ["tp", "tp-size", "tensor_parallel_size", "tensor-parallel-size"])
def test_an_expression_may_name_a_size_as_any_engine_does(name: str) -> None:
    assert evaluate(name, lookup_of({**ENGINE, "extra-args": ["-tp", "4"]})) == 4


@pytest.mark.parametrize(
    ("role", "message", "at"),
    [
        ({"extra-args": ["-tp", "{gpu-count}"]}, "`tp` is no whole number", ("extra-args", 0)),
        ({"extra-args": "-tp"}, "`tp` is no whole number", ("extra-args",)),
        ({"args": {"tensor-parallel-size": ""}}, "`tensor-parallel-size` is no whole number", None),
    ],
)
def test_a_size_that_is_no_number_is_told_where_it_stands(role: Any, message: str, at: Any) -> None:
    with pytest.raises(ExprError) as caught:
        evaluate(FORMULA, lookup_of({**ENGINE, **role}))
    assert (str(caught.value), caught.value.at) == (message, at or ("args", "tensor-parallel-size"))


def test_advice_names_the_key_that_sets_a_size() -> None:
    assert arg_of("tensor-parallel-size", {**ENGINE, "args": {"tensor-parallel": 4}}) == "tensor-parallel"
    assert arg_of("tensor-parallel-size", ENGINE) == "tensor-parallel-size"
    assert arg_of("tensor-parallel-size", {**ENGINE, "extra-args": ["-tp", "4"]}) is None
    assert arg_of("enable-dp-attention", ENGINE) is None


def job(text: str) -> Job:
    return read(
        resolve([parse("job.toml", f'[cluster]\ngpus-per-node = 4\n[roles.a]\ncommand = ["a"]\n{text}'.encode())])
    )


@pytest.mark.parametrize(("gpus", "count"), [(2, 2), (4, 4), (6, 3), (7, 4)])
def test_the_block_of_a_port_may_be_as_large_as_the_slice(gpus: int, count: int) -> None:
    found = job(f'gpus-per-worker = {gpus}\nports = {{ a = {{ base = 5000, count = "gpu-count + 1" }}, b = 7000 }}\n')
    assert found.roles[0].ports[0].count == count + 1


def test_the_block_of_a_port_may_be_as_large_as_the_worker() -> None:
    found = job('gpus-per-worker = "2 * 3"\nports = { a = { base = 5000, count = "gpus-per-worker" } }\n')
    assert found.roles[0].ports[0].count == 6


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('sizes = ["tp"]\n', "`tp` is no size"),
        ('sizes = ["--tp $(x)"]\n', "`--tp $(x)` is no size"),
        ("sizes = 3\n", "`sizes` of role `a` must be a list of strings, not a number"),
        (f"sizes = {['--a'] * 31}\n", "an engine has at most 30 sizes, and here are 31"),
    ],
)
def test_sizes_that_are_none_are_refused(text: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        job(text)
    assert caught.value.findings[0].message == message
