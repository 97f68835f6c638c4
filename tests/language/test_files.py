"""`[files]`: text or data becomes a file's text, and placeholders in it are checked where it stands."""

import json
import tomllib
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from dynplan.diagnostics import Finding, InputError
from dynplan.language import parse, read, resolve
from dynplan.language.files import _yaml
from dynplan.model import Job

ROLE = '[roles.a]\ncommand = ["a", "{file.conf.yaml}"]\n'


def job(text: str) -> Job:
    return read(resolve([parse("job.toml", (text + ROLE).encode())]))


def findings(text: str) -> tuple[Finding, ...]:
    with pytest.raises(InputError) as caught:
        job(text)
    return caught.value.findings


def test_content_stands_as_it_is_with_vars_filled() -> None:
    found = job('[vars]\nn = 3\n[files."conf.yaml"]\ncontent = """\na: {vars.n}\nb: {host}\n"""\n')
    assert found.files[0].content == "a: 3\nb: {host}\n"


DATA = '[files."conf.yaml".data]\nurl = "http://{role.a.host}"\nsizes = [1, 2.5, true]\n[files."conf.yaml".data.deep]\n'
YAML = 'url: "http://{role.a.host}"\nsizes:\n  - 1\n  - 2.5\n  - true\ndeep: {}\n'


def test_data_is_written_in_the_format_that_the_name_ends_in() -> None:
    assert job(DATA).files[0].content == YAML


@pytest.mark.parametrize(("form", "loads"), [("json", json.loads), ("toml", tomllib.loads), ("yaml", yaml.safe_load)])
def test_a_format_of_its_own_wins_over_the_name(form: str, loads: Any) -> None:
    text = job(DATA.replace(".data]", f']\nformat = "{form}"\n[files."conf.yaml".data]', 1)).files[0].content
    assert loads(text) == {"url": "http://{role.a.host}", "sizes": [1, 2.5, True], "deep": {}}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[files."conf.yaml"]\n', "`files.conf.yaml` needs `content` or `data`"),
        ('[files."conf.yaml"]\ncontent = "a"\ndata = { a = 1 }\n', "`files.conf.yaml` has `content` and `data`"),
        ('[files."conf.yaml"]\ncontent = "a"\nformat = "json"\n', "`format` is for `data`: `content` stands as it is"),
        ('[files."conf.yaml"]\ncontent = "{hots}"\n', "there is no `{hots}` in `files.conf.yaml.content`"),
        ('[files."conf.yaml"]\ncontent = "{rank}"\n', "there is no `{rank}` in `files.conf.yaml.content`"),
        ('[files."conf.yaml"]\ncontent = ""\n[files."../x"]\ncontent = "a"\n', "`../x` is not a name for a file"),
        ('[files."conf.yaml"]\nformat = "json"\ndata = { a = nan }\n', "`files.conf.yaml.data` holds `nan` or `inf`"),
    ],
)
def test_a_wrong_file_is_told_what_is_wrong(text: str, message: str) -> None:
    assert findings(text)[0].message.startswith(message)


def test_a_file_that_is_not_there_is_named_with_the_nearest_one() -> None:
    found = findings('[files."conf.yml"]\ncontent = "a"\n')
    assert (found[0].message, found[0].help) == (
        "there is no `{file.conf.yaml}` in `command[1]` of role `a`",
        "did you mean `{file.conf.yml}`?",
    )


SCALARS = (
    st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | st.text(st.characters(codec="utf-8"))
)
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8)


@given(st.dictionaries(st.text(st.characters(codec="utf-8")), VALUES))
def test_yaml_reads_back_as_the_data_it_was_made_from(data: dict[str, Any]) -> None:
    assert yaml.safe_load(_yaml(data)) == data
