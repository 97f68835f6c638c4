"""The digests of a script: one of what its plan says, one of all of its text."""

import re
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dynplan.emitter import lower, write
from dynplan.emitter.digests import digest, seal_of
from tests.launch.lab import compiled, plan_of, program_parts

JOB = """\
[job]
name = "digests"
[cluster]
gpus-per-node = 8
[roles.web]
command = ["serve", "x"]
ports = { http = 8000 }
"""
TEXT = compiled(JOB)


class Seal(NamedTuple):
    """Both digests of a script's text."""

    plan: str
    text: str


def seal(text: str) -> Seal:
    found = re.search(r"^# Plan (\w{12}), text (\w{12})\.$", text, re.MULTILINE)
    assert found
    return Seal(found[1], found[2])


def test_a_script_is_whole_as_it_was_written() -> None:
    found = seal_of(TEXT)
    assert found
    assert (found.whole, found.plan, found.stamp) == (True, seal(TEXT).plan, "dynplan test")
    assert TEXT.splitlines()[found.line - 1].startswith("# Plan ")
    assert f"\tdigest={found.plan}\n" in TEXT


def test_a_digest_is_the_beginning_of_sha_256() -> None:
    assert digest("") == "e3b0c44298fc"
    assert digest("\udcff") == digest("\udcff")


@given(st.integers(0, len(TEXT) - 1), st.sampled_from(["", "x", "0", "\n", "\udcff"]))
def test_any_edit_is_seen(at: int, other: str) -> None:
    edited = TEXT[:at] + other + TEXT[at + 1 :]
    found = seal_of(edited)
    assert edited == TEXT or found is None or not found.whole


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"x"', '"y"'),
        ("8000", "8001"),
        ('name = "digests"', 'name = "other"'),
        ("[roles.web]", "[roles.site]"),
        ("[roles.web]", "[job.sbatch]\naccount = 'a'\n[roles.web]"),
        ("[roles.web]", "[files.a]\ncontent = 'a'\n[roles.web]"),
    ],
)
def test_another_plan_has_another_digest(old: str, new: str) -> None:
    assert old in JOB
    assert seal(compiled(JOB.replace(old, new))).plan != seal(TEXT).plan


def test_another_program_or_writer_is_another_text_of_the_same_plan() -> None:
    lowered = lower(plan_of(JOB))
    parts = {name: f"{text}\n# more" for name, text in program_parts().items()}
    for stamp, program in (("dynplan test", parts), ("dynplan 9", program_parts())):
        other = seal(write(lowered, stamp, program))
        assert other.plan == seal(TEXT).plan
        assert other.text != seal(TEXT).text


def test_a_text_without_a_seal() -> None:
    assert seal_of("#!/bin/bash\n") is None
    assert seal_of("# Plan abc, text def.\n") is None
