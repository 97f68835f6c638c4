"""Findings for programs: every place as in the text for people, and nothing that GitHub would read as more."""

import json
import re

from hypothesis import given
from hypothesis import strategies as st

from dynplan.diagnostics.findings import NOWHERE, Finding
from dynplan.diagnostics.records import as_commands, as_records
from dynplan.diagnostics.rendering import render
from tests.diagnostics.test_rendering import DOCUMENTS, document

FINDINGS = [
    Finding("D102", "a value: 50 %, or\nso", ("roles", "decode", "num-nodes"), "set `x`"),
    Finding("W101", "a warning", ("roles", "decode", "args", "model")),
    Finding("D005", "nowhere", document=NOWHERE),
]


def test_a_record_has_the_place_and_all_that_is_told() -> None:
    first, *others = as_records(FINDINGS, DOCUMENTS)
    assert first == {
        "code": "D102",
        "severity": "error",
        "message": "a value: 50 %, or\nso",
        "help": "set `x`",
        "file": "job.toml",
        "line": 8,
        "column": 13,
        "end_line": 8,
        "end_column": 14,
        "path": ["roles", "decode", "num-nodes"],
    }
    assert [(record["file"], record["line"]) for record in others] == [("--set", 1), (None, None)]
    json.dumps(others)


def test_places_are_those_of_the_text() -> None:
    told = re.findall(r"--> (\S+):(\d+):(\d+)", render(FINDINGS, DOCUMENTS))
    records = [record for record in as_records(FINDINGS, DOCUMENTS) if record["file"]]
    assert told == [(r["file"], str(r["line"]), str(r["column"])) for r in records]


def test_what_is_said_of_many_phases_is_one_record() -> None:
    twice = [Finding("D101", f"phase `{name}` is odd", ("phases", name, "command")) for name in ("smoke", "other")]
    assert len(as_records(twice, [document("job.toml", "phase-defaults.command = 1\n")])) == 1


def test_commands_to_the_character() -> None:
    assert as_commands(as_records(FINDINGS, DOCUMENTS)) == (
        "::error file=job.toml,line=8,endLine=8,col=13,endColumn=14,title=D102"
        "::a value: 50 %25, or\\nso%0Ahelp: set `x`\n"
        "::warning title=W101::a warning\n"
        "::error title=D005::nowhere\n"
    )
    assert as_commands([]) == ""


def test_an_annotation_of_several_lines_has_no_columns() -> None:
    several = document("a,b:c%.toml", "a = [\n1,\n]\n")
    told = as_commands(as_records([Finding("D102", "x", ("a",))], [several]))
    assert told == "::error file=a%2Cb%3Ac%25.toml,line=1,endLine=3,title=D102::x\n"


@given(st.text(max_size=40), st.text(max_size=40), st.text(min_size=1, max_size=20))
def test_no_text_begins_a_command_or_a_property_of_its_own(message: str, fix: str, name: str) -> None:
    named = document("job.toml", "a = 1\n")
    records = as_records([Finding("D102", message, ("a",), fix)], [named])
    (line, end) = as_commands([{**record, "file": f"x{name}"} for record in records]).split("\n")
    assert end == ""
    assert line.isprintable()
    properties, separator, text = line.removeprefix("::error ").partition("::")
    assert separator
    assert [part.partition("=")[0] for part in properties.split(",")] == [
        *("file", "line", "endLine", "col", "endColumn", "title")
    ]
    assert re.fullmatch(r"(?:[^%]|%25|%0A)*", text)
