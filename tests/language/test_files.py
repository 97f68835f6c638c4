"""`[files]`: text or data becomes a file's text, and placeholders in it are checked where it stands."""

import json
import tomllib
from typing import Any

import pytest
import yaml
from hypothesis import assume, given
from hypothesis import strategies as st

from dynplan.diagnostics import Finding, InputError
from dynplan.emitter import lower
from dynplan.language import parse, read, resolve
from dynplan.language.file_data import _yaml, rendered
from dynplan.language.plan_file import from_tree, to_toml
from dynplan.model import EachText, Job
from dynplan.planner import plan

ROLE = '[roles.a]\ncommand = ["a", "{file.conf.yaml}"]\n'


def job(text: str) -> Job:
    return read(resolve([parse("job.toml", (text + ROLE).encode())]))


def findings(text: str) -> tuple[Finding, ...]:
    with pytest.raises(InputError) as caught:
        job(text)
    return caught.value.findings


def test_content_stands_as_it_is_with_vars_filled() -> None:
    found = job('[vars]\nn = 3\n[files."conf.yaml"]\ncontent = """\na: {vars.n}\nb: {host}\n"""\n')
    assert found.files[0].content == ("a: 3\nb: {host}\n",)


DATA = '[files."conf.yaml".data]\nurl = "http://{role.a.host}"\nsizes = [1, 2.5, true]\n[files."conf.yaml".data.deep]\n'
YAML = 'url: "http://{role.a.host}"\nsizes:\n  - 1\n  - 2.5\n  - true\ndeep: {}\n'


def test_data_is_written_in_the_format_that_the_name_ends_in() -> None:
    assert job(DATA).files[0].content == (YAML,)


@pytest.mark.parametrize(("form", "loads"), [("json", json.loads), ("toml", tomllib.loads), ("yaml", yaml.safe_load)])
def test_a_format_of_its_own_wins_over_the_name(form: str, loads: Any) -> None:
    text = job(DATA.replace(".data]", f']\nformat = "{form}"\n[files."conf.yaml".data]', 1)).files[0].texts[0]
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


# What is repeated, and numbers

ONE = '[files."conf.yaml"]\ncontent = ""\n'
POOL = (
    '[cluster]\ngpus-per-node = 8\n[roles.pool]\ncommand = ["p"]\nworkers = 2\ngpus-per-worker = 16\n'
    "ports = { http = 8000, rpc = { base = 9000, same = true } }\n"
)


def texts(files: str) -> dict[str, str]:
    """The text of every file as its script has it, of a job with a pool of two workers on two nodes each."""
    return dict(lower(plan(job(POOL + files))).files)


def test_a_text_is_repeated_for_every_worker_or_every_task() -> None:
    found = texts(
        '[files."conf.yaml"]\ncontent = ["a\\n", { each = "pool", text = "server {it.endpoint.http} {it.worker};\\n" },'
        ' { each-task = "pool", text = "{it.ip}:{it.port.rpc}/{it.rank}", between = "," }, "\\n{role.pool.host}"]\n'
    )
    assert found["conf.yaml"] == (
        "a\nserver {url-host.0}:8000 0;\nserver {url-host.2}:8000 1;\n"
        "{ip.0}:9000/0,{ip.1}:9000/1,{ip.2}:9000/0,{ip.3}:9000/1"
        "\n{host.0}"
    )


DATA_WITH_LISTS = """
port = "{role.pool.port.http}"
text = "port {role.pool.port.http}"
nothing = "{null}"
size = "{vars.size}"
share = "{vars.share}"
sum = "{= 2 * 4 }"
urls = ["first", { each = "pool", value = "{it.url.http}" }, "last"]
tables = [{ each-task = "pool", value = { rank = "{it.rank}", deep = [1, "{it.port.rpc}", "{null}"] } }]
lists = [{ each = "pool", value = ["{it.worker}", "x"] }]
plain = [{ each = "pool", other = 1 }]
[files."conf.yaml".data.deep.er]
ports = [{ each = "pool", value = "{it.port.http}" }]
"""


@pytest.mark.parametrize(("form", "loads"), [("json", json.loads), ("toml", tomllib.loads), ("yaml", yaml.safe_load)])
def test_items_are_repeated_and_numbers_are_numbers_in_every_form(form: str, loads: Any) -> None:
    data = (
        DATA_WITH_LISTS.replace(', "{null}"', "").replace('nothing = "{null}"\n', "")
        if form == "toml"
        else DATA_WITH_LISTS
    )
    head = f'[vars]\nsize = 4\nshare = 0.5\n[files."conf.yaml"]\nformat = "{form}"\n[files."conf.yaml".data]'
    deep: list[Any] = [1, 9000] if form == "toml" else [1, 9000, None]
    expected = {
        "port": 8000,
        "text": "port 8000",
        "size": 4,
        "share": 0.5,
        "sum": 8,
        "urls": ["first", "http://{url-host.0}:8000", "http://{url-host.2}:8000", "last"],
        "tables": [{"rank": rank, "deep": deep} for rank in (0, 1, 0, 1)],
        "lists": [[0, "x"], [1, "x"]],
        "plain": [{"each": "pool", "other": 1}],
        "deep": {"er": {"ports": [8000, 8000]}},
    }
    nothing = {} if form == "toml" else {"nothing": None}
    assert loads(texts(head + data)["conf.yaml"]) == {**expected, **nothing}


def test_what_would_not_fit_into_a_script_is_not_written_out() -> None:
    text = '[files."conf.yaml"]\ncontent = [{ each = "many", text = """' + "x" * 100_000 + '""" }]\n'
    many = '[roles.many]\ncommand = ["m"]\nworkers = 100000\ngpus-per-worker = 0\nplace = "head"\n'
    with pytest.raises(InputError, match="repeats 10000000000 characters of text"):
        lower(plan(job(text + many)))


def test_a_backslash_before_u0000_is_no_nul_byte() -> None:
    assert texts("[files.\"conf.json\"]\ndata = { a = '\\u0000' }\n" + ONE)["conf.json"] == '{\n  "a": "\\\\u0000"\n}\n'


def test_a_plan_says_the_same_files() -> None:
    found = plan(job(POOL + '[vars]\nsize = 4\nshare = 1\n[files."conf.yaml".data]' + DATA_WITH_LISTS))
    again = from_tree(tomllib.loads(to_toml(found)))
    assert again.job.files == found.job.files
    assert lower(again).files == lower(found).files


@given(st.dictionaries(st.text(st.characters(codec="utf-8")), VALUES), st.sampled_from(["json", "yaml"]))
def test_a_repeated_item_reads_back_as_the_data_it_was_made_from(data: dict[str, Any], form: str) -> None:
    assume(form == "yaml" or "inf" not in repr(data))
    assume("\\x00" not in repr(data))
    loads = yaml.safe_load if form == "yaml" else json.loads
    rows = rendered({"rows": [1, {"each": "pool", "value": data}, 2]}, form)
    repeated = next(part for part in rows if isinstance(part, EachText))
    twice = repeated.text + repeated.between + repeated.text
    text = "".join(part if isinstance(part, str) else twice for part in rows)
    assert loads(text) == {"rows": [1, data, data, 2]}


def test_a_file_may_name_another_which_may_differ_by_node() -> None:
    found = lower(
        plan(
            job(
                '[files."conf.yaml"]\ncontent = "{file.inner} {file.same}"\n[files.same]\ncontent = "{file.same}"\n'
                '[files.inner]\ncontent = "{host}"\n[files.outer]\ncontent = "{file.conf.yaml}"\n'
            )
        )
    )
    assert dict(found.files)["conf.yaml"] == "{job.dir}/files/{host}/inner {job.dir}/files/same"
    assert found.files_by_node == {"conf.yaml", "inner", "outer"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('content = [{ each = "b", text = "x" }]\n', "`files.conf.yaml.content[0].each` names `b`, which is no role"),
        ('content = [{ each-task = "a" }]\n', "`files.conf.yaml.content[0]` needs `text`"),
        ('content = [{ text = "a" }]\n', "`files.conf.yaml.content[0]` needs `each`"),
        ("content = [3]\n", "`files.conf.yaml.content[0]` must be a text, not a number"),
        (
            'content = [{ each = "a", text = "{it.rank}" }]\n',
            "there is no `{it.rank}` in `files.conf.yaml.content[0].text`",
        ),
        ('content = [{ each = "a", text = "", words = 1 }]\n', "unknown key `words` in `[files.conf.yaml.content[0]]`"),
        ('content = [{ each = "a", each-task = "a", text = "" }]\n', "unknown key `each-task` in"),
        ('content = "{it.host}"\n', "there is no `{it.host}` in `files.conf.yaml.content`"),
        ('format = "toml"\ndata = { a = "{null}" }\n', "`files.conf.yaml.data` holds `{null}`, and TOML has no null"),
        (
            "data = { a = [{ each = 3, value = 1 }] }\n",
            "`files.conf.yaml.data` holds an item whose `each` names no role",
        ),
        (
            'data = { a = [{ each = "a", value = [{ each = "a", value = 1 }] }] }\n',
            "`files.conf.yaml.data` repeats an item inside a repeated item",
        ),
        ('data = { a = "\\u00000;", b = "{null}" }\n', "`files.conf.yaml.data` holds a NUL byte"),
    ],
)
def test_a_wrong_repetition_is_told_what_is_wrong(text: str, message: str) -> None:
    assert findings('[files."conf.yaml"]\n' + text)[0].message.startswith(message)
