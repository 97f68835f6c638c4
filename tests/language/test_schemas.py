"""The JSON Schemas and the reader say the same of every key, and of every type that its value may have."""

import datetime
import json
import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from dynplan.cli.inputs import job_documents
from dynplan.diagnostics import Document, Finding, Findings, InputError
from dynplan.language import parse, read, resolve
from tests.schemas import FOLDER, PAGES, schemas, written
from tests.test_docs import FENCES
from tests.wrong import CASES
from tests.wrong import FOLDER as WRONG

ROOT = Path(__file__).parents[2]
SCHEMAS = {name: json.loads((FOLDER / f"{name}.json").read_text()) for name in ("job", "cluster", "engine")}
VALID = {name: Draft202012Validator(schema) for name, schema in SCHEMAS.items()}
JOBS = [*sorted(ROOT.glob("examples/**/*.toml"))]
PRESETS = sorted(ROOT.glob("dynplan/engines/*.toml"))
# What a schema can see of a wrong file.
SEEN = {"D101", "D102", "D110", "D111"}
# A value of each kind of TOML.
KINDS: dict[str, Any] = {
    "a flag": True,
    "a number": 3,
    "a fraction": 1.5,
    "a text": "text",
    "a list of texts": ["text"],
    "a list of numbers": [3],
    "a table": {"zzz": 1},
    "a date": datetime.date(2026, 1, 2),
}
SMALL: dict[str, Any] = {"roles": {"a": {"command": ["serve"], "ports": {"p": 8000}}}}
Place = Callable[[str, Any], dict[str, Any]]


def errors(kind: str, data: Mapping[str, Any]) -> list[str]:
    """Return what a schema finds wrong with a file."""
    return [f"{list(error.absolute_path)}: {error.message}" for error in VALID[kind].iter_errors(_dated(data))]


def _dated(value: Any) -> Any:
    """Return data with dates and times as text, as editors have it: JSON has no type for them."""
    if isinstance(value, Mapping):
        return {key: _dated(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_dated(item) for item in value]
    return value.isoformat() if isinstance(value, datetime.date | datetime.time) else value


def told(data: dict[str, Any]) -> tuple[Finding, ...]:
    """Return the errors that the reader finds in a job."""
    document, findings = Document("job.toml", "", data), Findings()
    try:
        read(resolve(job_documents("job.toml", document, (), "", findings), findings), findings)
    except InputError as problem:
        return tuple(finding for finding in problem.findings if finding.severity == "error")
    return ()


def in_role(*keys: str) -> Place:
    """Return the job in which a key of a table below a role has a value."""

    def placed(key: str, value: Any) -> dict[str, Any]:
        role: dict[str, Any] = {"command": ["serve"], "ports": {"p": 8000}, "gpus-per-worker": 0}
        inner = role
        for name in keys:
            inner[name] = dict(inner.get(name, {}))
            inner = inner[name]
        if keys[-1:] in (("ready",), ("alive",)):
            inner["port"] = "p"
        if keys[-1:] == ("container",):
            inner["image"] = "x"
        inner[key] = value
        return {"roles": {"a": role}}

    return placed


def beside(table: str, *keys: str) -> Place:
    """Return the job in which a key of another table has a value."""

    def placed(key: str, value: Any) -> dict[str, Any]:
        inner: dict[str, Any] = {"command": ["run"]} if "phase" in table else {}
        data = {**SMALL, table: {keys[0]: inner} if keys else inner}
        if table == "files":
            inner["content"] = "text"
        inner[key] = value
        return data

    return placed


def in_group(key: str, value: Any) -> dict[str, Any]:
    """Return the job on whose cluster a key of a node group has a value."""
    return {**SMALL, "cluster": {"node-groups": [{"name": "a", key: value}]}}


def at(*path: str) -> dict[str, Any]:
    """Return the keys of a table in the schema of a job."""
    found: Any = SCHEMAS["job"]
    for key in path:
        found = found[key]
    keys: dict[str, Any] = found["properties"]
    return keys


ROLE = ("properties", "roles", "additionalProperties")
TABLES: dict[str, tuple[dict[str, Any], Place]] = {
    "job": (at("properties", "job"), beside("job")),
    "cluster": (at("properties", "cluster"), beside("cluster")),
    "node-groups": (at("properties", "cluster", "properties", "node-groups", "items"), in_group),
    "role": (at(*ROLE), in_role()),
    "restart": (at(*ROLE, "properties", "restart"), in_role("restart")),
    "stop": (at(*ROLE, "properties", "stop"), in_role("stop")),
    "phase": (at("properties", "phases", "additionalProperties"), beside("phases", "a")),
    "phase-defaults": (at("properties", "phase-defaults"), beside("phase-defaults")),
    "file": (at("properties", "files", "additionalProperties"), beside("files", "f.json")),
    "port": (at("$defs", "port"), in_role("ports", "q")),
    "ready": (at("$defs", "ready"), in_role("ready")),
    "alive": (at("$defs", "alive"), in_role("alive")),
    "container": (at("$defs", "container"), in_role("container")),
    "results": (at("properties", "results", "additionalProperties"), beside("results", "a")),
}
KEYS = [(name, key) for name, (keys, _) in TABLES.items() for key in keys]


def words_of(schema: Mapping[str, Any]) -> Iterator[Any]:
    """Yield the words that a key may have, where it may have a few."""
    yield from schema.get("enum", ())
    yield from [schema["const"]] if "const" in schema else []
    for part in schema.get("anyOf", ()):
        yield from words_of(part)


# The schemas are what the pages and the reader say


def test_they_are_what_the_pages_say_today() -> None:
    for name, schema in schemas().items():
        assert (FOLDER / f"{name}.json").read_text() == written(schema), "run `make golden`, read the diff"
        Draft202012Validator.check_schema(schema)
    assert {file.stem for file in FOLDER.glob("*.json")} == set(SCHEMAS)
    assert set(PAGES) == {"job-file", "cluster-file", "engines", "sweeps"}


@pytest.mark.parametrize("name", TABLES)
def test_the_reader_knows_the_keys_of_the_schema_and_no_others(name: str) -> None:
    keys, place = TABLES[name]
    found = [finding for finding in told(place("zzzzzz", 1)) if "`zzzzzz`" in finding.message]
    assert [finding.code for finding in found] == ["D101"]
    known = set(found[0].help.removeprefix("known keys: ").split(", "))
    assert known <= set(keys)
    for key in set(keys) - known:  # taken before the reader, or known with others alone
        assert not any(finding.code == "D101" for finding in told(place(key, {"a": 1}))), key
    assert errors("job", place("zzzzzz", 1))


@pytest.mark.parametrize(("name", "key"), KEYS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_type_that_the_reader_refuses_is_refused_by_the_schema_and_none_that_it_takes(
    name: str, key: str, kind: str
) -> None:
    data = TABLES[name][1](key, KINDS[kind])
    found, wrong = told(data), errors("job", data)
    if any(finding.code in SEEN for finding in found):
        assert wrong, found
    if wrong:
        assert found, wrong


@pytest.mark.parametrize(("name", "key"), [(name, key) for name, key in KEYS if [*words_of(TABLES[name][0][key])]])
def test_the_words_of_a_choice_are_the_readers(name: str, key: str) -> None:
    keys, place = TABLES[name]
    for word in words_of(keys[key]):
        assert not any(finding.code in ("D102", "D104") for finding in told(place(key, word))), word
        assert not errors("job", place(key, word))


@pytest.mark.parametrize(("name", "key"), KEYS)
def test_every_key_is_described_in_either_spelling(name: str, key: str) -> None:
    keys, place = TABLES[name]
    said = keys[key]["description"]
    assert len(said) > 5
    assert "](" not in said
    if "-" in key:
        assert not any("was unexpected" in error for error in errors("job", place(key.replace("-", "_"), "text")))


# What is valid, and what is not


@pytest.mark.parametrize("file", JOBS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_every_example_is_valid(file: Path) -> None:
    data = tomllib.loads(file.read_text())
    if file.name == "plan.toml":
        assert errors("job", data), "a plan is no job"
        return
    assert errors("cluster" if set(data) == {"cluster"} else "job", data) == []


@pytest.mark.parametrize("file", PRESETS, ids=lambda path: path.stem)
def test_every_preset_is_valid(file: Path) -> None:
    assert errors("engine", tomllib.loads(file.read_text())) == []


def test_a_key_that_nobody_knows_is_invalid_in_each_kind_of_file() -> None:
    assert errors("engine", {"command": ["serve"], "comand": ["serve"]})
    assert errors("cluster", {"cluster": {"gpu-per-node": 8}})
    assert errors("cluster", {"roles": {}}), "a cluster file holds one table"
    assert errors("job", {"jobs": {}})


@pytest.mark.parametrize("fence", [fence for fence in FENCES if fence.info == "toml"], ids=lambda fence: fence.place)
def test_every_job_of_the_pages_is_valid(fence: Any) -> None:
    assert errors("job", tomllib.loads(fence.text)) == []


@pytest.mark.parametrize("name", CASES)
def test_a_wrong_file_is_invalid_where_a_schema_can_see_why(name: str) -> None:
    try:
        data = parse(name, (WRONG / f"{name}.toml").read_bytes()).data
    except InputError:
        return
    text = (WRONG / f"{name}.txt").read_text()
    wrong = errors("job", data)
    if not any(f"error[{code}]" in text for code in SEEN):
        assert not wrong or "error[D1" in text, wrong
    elif name not in UNSEEN:
        assert wrong


# What a dotted key of a sweep means is seen only where its values stand in the job.
UNSEEN = {"sweep-key-that-is-not-there", "sweep-value-of-the-wrong-type"}
