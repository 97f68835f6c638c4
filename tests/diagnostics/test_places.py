"""One law: what stands at a leaf's span, parsed again, is the leaf."""

import json
import tomllib
from collections.abc import Iterator
from datetime import UTC, date
from typing import Any

import pytest
import tomli_w
from hypothesis import given
from hypothesis import strategies as st

from dynplan.diagnostics import Path
from dynplan.diagnostics.places import Span, spans


def cut(text: str, span: Span) -> str:
    lines = text.split("\n")[span.line - 1 : span.end_line]
    lines[-1] = lines[-1][: span.end_column - 1]
    lines[0] = lines[0][span.column - 1 :]
    return "\n".join(lines)


def walk(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    yield path, value
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in members:
        yield from walk(inner, (*path, key))


def written_out(value: Any) -> bool:
    """Whether the value's text is all of it: no table or array that headers or dotted keys made."""
    if isinstance(value, list):
        return not value or not all(isinstance(item, dict) for item in value)
    return not isinstance(value, dict)


def assert_law(text: str) -> None:
    found = spans(text)
    members = dict(walk(tomllib.loads(text)))
    del members[()]
    assert set(found) == set(members)
    for path, value in members.items():
        key, place = (cut(text, span) for span in found[path])
        if written_out(value) or place.startswith("{"):
            again = tomllib.loads(f"x = {place}")["x"]
            assert (type(again), repr(again)) == (type(value), repr(value))  # repr, for nan
        if isinstance(path[-1], str):
            assert tomllib.loads(f"{key} = 1") == {path[-1]: 1}


VALID = {
    "empty": "",
    "comment only": "# nothing\n",
    "no newline at the end": "a = 1",
    "blank lines and spaces": "\n \t\n  a  =  1  \n\n",
    "comment after a value": "a = 1# one\nb = 'x' # = 2\n[t]# [u]\nc = 3 #",
    "bare keys": "key = 1\nbare_key = 2\nbare-key = 3\n1234 = 4\n-- = 5\n",
    "quoted keys": '"127.0.0.1" = 1\n"character encoding" = 2\n"ʎǝʞ" = 3\n\'quoted "value"\' = 4\n"" = 5\n',
    "quoted keys with escapes": (
        '"a\\"b" = 1\n"\\u00e9 = 2" = 3\n"\\\\" = 4\n\'\\\\\' = 5\n"#" = 6\n"\\U0001F600" = 7\n'
    ),
    "dotted keys": 'physical.color = "orange"\nphysical.shape = "round"\nsite."google.com" = true\n3.14159 = "pi"\n',
    "dotted keys with spaces": "fruit . flavor = 1\nfruit\t.\tcolor=2\n'a' . \"b\".c = 3\n",
    "dotted keys out of order": "apple.type = 1\norange.type = 2\napple.skin = 3\norange.skin = 4\n",
    "basic strings": (
        'a = "I\'m a string. \\"You can quote me\\". Name\\tJos\\u00E9"\nb = ""\nc = "# no"\nd = "\\\\"\n'
    ),
    "multi-line basic strings": 'a = """\nRoses are red\nViolets are blue"""\nb = """"""\nc = 1\n',
    "line-ending backslash": 'a = """\\\n  The quick \\\n\n\n  brown."""\nb = """ \\""" \\\\"""\n',
    "quotes in multi-line": (
        'a = """Two: "". Enough."""\nb = """Three: ""\\"."""\nc = """"This," she said."""\nd = """x"""""\n'
    ),
    "only quotes in multi-line": "a = \"\"\"\"\"\"\"\nb = \"\"\"\"\"\"\"\"\nc = '''''''\nd = ''''''''\ne = 1\n",
    "literal strings": "winpath = 'C:\\Users\\'\nquoted = 'Tom \"Dubs\"'\nempty = ''\nregex = '<\\i\\c*\\s*>'\n",
    "multi-line literals": (
        "a = '''I [dw]on't need \\d{2} apples'''\nb = '''\nfirst\n  # kept\n\\'''\nc = '''x'''''\n"
    ),
    "a table in a string": "a = \"\"\"\n[b]\nc = 1\n\"\"\"\nd = '''\n[[e]]'''\n[f]\n",
    "integers": "a = +99\nb = -17\nc = 1_000\nd = 0xDEAD_beef\ne = 0o755\nf = 0b1101\ng = +0\n",
    "floats": "a = +1.0\nb = 5e+22\nc = -2E-2\nd = 6.626e-34\ne = 224_617.445_991\nf = -0.0\n",
    "special floats": "a = inf\nb = -inf\nc = nan\nd = +nan\n",
    "booleans": "t = true\nf = false",
    "offset date-times": (
        "a = 1979-05-27T07:32:00Z\nb = 1979-05-27T00:32:00.999999-07:00\nc = 1979-05-27 07:32:00Z # x\n"
    ),
    "local date-times": "a = 1979-05-27T07:32:00\nb = 1979-05-27 00:32:00.5\nc = 1979-05-27t07:32:00\n",
    "local dates and times": "a = 1979-05-27\nb = 07:32:00\nc = 00:32:00.999999\nd = 1979-05-27 # 07:32:00\n",
    "dates in arrays": "a = [1979-05-27 07:32:00, 1979-05-27,07:32:00]\nb = {c = 1979-05-27 07:32:00}\n",
    "a date before a number key": "a = 1979-05-27 \n07 = 1\n",
    "arrays": "a = [1, 2]\nb = [[1, 2], [\"a\", 'b', \"\"\"c\"\"\", '''d''']]\nc = []\nd = [ ]\ne = [ [ [] ] ]\n",
    "arrays over lines": "a = [\n  1, # one ]\n  2,\n\n  # [3\n]\nb = [\n\n]\nc = [1\n,2\n]\n",
    "strings with brackets": 'a = ["]", \'}\', "\\"]"]\nb = { c = "}", d = "#" }\n',
    "tables": "[table]\n[table-1]\nkey1 = 'x'\n[ j . \"ʞ\" . 'l' ]\na = 1\n[\td.e ]\n",
    "a super-table afterwards": "[x.y.z.w]\na = 1\n[x]\nb = 2\n[x.y]\nc = 3\n",
    "dotted keys and sub-tables": (
        "[fruit]\napple.color = 1\napple.taste.sweet = true\n[fruit.apple.texture]\nsmooth = 1\n"
    ),
    "inline tables": "a = {}\nb = { }\nc = {x = 1, y.z = 2, y.w = { v = [ { u = 1 }, {} ] } }\n[d]\ne = { f = {} }\n",
    "inline tables with odd keys": 'a = { "x y" = 1, \'z.w\' = 2, 3 = 4, "}" = 5 }\n',
    "arrays of tables": "[[products]]\nname = 1\n[[products]]\n[[products]]\nname = 2\n",
    "arrays of tables, nested": (
        "[[f]]\nn = 1\n[f.p]\nc = 1\n[[f.v]]\nn = 2\n[[f.v]]\nn = 3\n[[f]]\n[[f.v]]\nn.m = 4\n[f.v.x]\n"
    ),
    "arrays of tables, spaced": "[[ a . 'b' ]] # x\nc = 1\n[[a.b]]\n[a.b.d]\n[[a.b.e.f]]\ng = [{h = 1}]\n",
    "array of inline tables": "points = [ { x = 1, y = 2 },\n  { x = 7, y = 8 },\n]\n",
    "CRLF": "a = 1\r\n[b]\r\nc = [\r\n  1, # x\r\n  2\r\n]\r\nd = \"\"\"\r\nx\\\r\n  y\"\"\"\r\ne = '''\r\nz'''\r\n",
    "other line separators": 'a = "\u2028\x85"\n# \u2028 b = 1\nc = "é" # \x85\nd = 1\n',
    "wide and combining": "'日本' = '東京'\n\"é\" = '😀'\nb = 1\n",
    "tabs": "\ta\t=\t[\t1\t,\t2\t]\t\n\t[\tb\t]\t\n",
    "keys that look like values": "true = 1\ninf = 2\n1e5 = 3\n1979-05-27 = 4\n0x1.2 = 5\n",
}


@pytest.mark.parametrize("text", VALID.values(), ids=VALID.keys())
def test_every_leaf_of_a_valid_file_is_what_stands_at_its_span(text: str) -> None:
    assert_law(text)


def test_spans_are_lines_and_columns_from_one_and_paths_keep_the_keys_as_written() -> None:
    text = '[roles."decode"]\nargs = { tensor_parallel-size = 16 }\nports.nixl.base = [\n  5557,\n]\n\n[[x]]\n'
    assert spans(text) == {
        ("roles",): (Span(1, 2, 1, 7), Span(1, 2, 1, 7)),
        ("roles", "decode"): (Span(1, 8, 1, 16), Span(1, 1, 1, 17)),
        ("roles", "decode", "args"): (Span(2, 1, 2, 5), Span(2, 8, 2, 37)),
        ("roles", "decode", "args", "tensor_parallel-size"): (Span(2, 10, 2, 30), Span(2, 33, 2, 35)),
        ("roles", "decode", "ports"): (Span(3, 1, 3, 6), Span(3, 1, 3, 6)),
        ("roles", "decode", "ports", "nixl"): (Span(3, 7, 3, 11), Span(3, 1, 3, 11)),
        ("roles", "decode", "ports", "nixl", "base"): (Span(3, 12, 3, 16), Span(3, 19, 5, 2)),
        ("roles", "decode", "ports", "nixl", "base", 0): (Span(4, 3, 4, 7), Span(4, 3, 4, 7)),
        ("x",): (Span(7, 3, 7, 4), Span(7, 1, 7, 6)),
        ("x", 0): (Span(7, 3, 7, 4), Span(7, 1, 7, 6)),
    }


def test_a_header_of_its_own_wins_over_one_that_only_implies_the_table() -> None:
    assert spans("[a.b]\n[a]\n[a.c]\n")["a",][1] == Span(2, 1, 2, 4)


def test_depth_costs_no_recursion() -> None:
    deep = ".".join(["a"] * 3000)
    assert len(spans(f"{deep} = 1")) == 3000
    assert len(spans("x = " + "[" * 3000 + "]" * 3000)) == 3000


# Random documents: first as tomli_w writes them, then in every spelling that TOML has

KEYS = st.text(max_size=4) | st.sampled_from(["num-nodes", "a_b", "1", "a.b", '"', "'", "#", "\\", "\n"])
SCALARS = (
    st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats()
    | st.text(max_size=9)
    | st.text('"\\\n\t #[]{}=,.', max_size=9)
    | st.dates(date(1, 1, 1))
    | st.times()
    | st.datetimes()
    | st.datetimes(timezones=st.just(UTC))
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


@given(data=st.dictionaries(KEYS, VALUES, max_size=5), multiline=st.booleans())
def test_the_law_holds_for_what_tomli_w_writes(data: dict[str, Any], multiline: bool) -> None:
    assert_law(tomli_w.dumps(data, multiline_strings=multiline))


def escaped(text: str) -> str:
    return "".join(char if char.isalnum() else f"\\U{ord(char):08x}" for char in text)


PLAIN = st.text("ab \t#[]{}=,.:é日", max_size=6)
BLANK = st.text(" \t", max_size=2)
GAP = st.lists(st.sampled_from([" ", "\t", "\n", "# ]}\"'\n", "\n\n"]), max_size=3).map("".join)
BODY = st.lists(st.sampled_from(["a", " ", "\n", "#", "[x]", "\\\\", "\\n", '\\"', "'", '" ', "\\\n "]), max_size=5)
RAW = st.lists(st.sampled_from(["a", " ", "\n", "#", "[x]", "\\", '"', "' "]), max_size=5)
STRINGS = (
    PLAIN.map(lambda text: f'"{text}"')
    | PLAIN.map(lambda text: f"'{text}'")
    | st.text(max_size=4).map(lambda text: f'"{escaped(text)}"')
    | st.tuples(BODY, st.sampled_from(["", '"', '""'])).map(lambda pair: f'"""{"".join(pair[0])}{pair[1]}"""')
    | st.tuples(RAW, st.sampled_from(["", "'", "''"])).map(lambda pair: f"'''{''.join(pair[0])}{pair[1]}'''")
)
NUMBERS = ["0", "+1", "-1_0", "0xDEAD_beef", "0o17", "0b1", "1.0", "-0.0", "1e5", "6.0E-1_0", "+inf", "nan"]
TIMES = ["1979-05-27", "07:32:00", "00:00:00.123", "1979-05-27t07:32:00z", "1979-05-27T07:32:00.5-07:00"]
SPACED = ["1979-05-27 07:32:00", "1979-05-27 07:32:00+01:00"]
BARE = st.sampled_from([*NUMBERS, "true", "false", *TIMES, *SPACED])
PART = st.text("abAB01-_", min_size=1, max_size=3) | STRINGS.filter(
    lambda text: "\n" not in text and text[:3] not in ('"""', "'''")
)


@st.composite
def dotted(draw: st.DrawFn) -> str:
    parts = draw(st.lists(PART, min_size=1, max_size=3))
    return "".join(part + draw(BLANK) + "." + draw(BLANK) for part in parts[:-1]) + parts[-1]


@st.composite
def array(draw: st.DrawFn, inner: st.SearchStrategy[str]) -> str:
    items = [draw(GAP) + item + draw(GAP) for item in draw(st.lists(inner, max_size=3))]
    return "[" + ",".join(items) + draw(st.sampled_from(["", ","]) if items else GAP) + draw(GAP) + "]"


@st.composite
def inline_table(draw: st.DrawFn, inner: st.SearchStrategy[str]) -> str:
    pairs = [draw(BLANK) + draw(pair(inner)) + draw(BLANK) for _ in range(draw(st.integers(0, 3)))]
    return "{" + ",".join(pairs) + "}"


@st.composite
def pair(draw: st.DrawFn, inner: st.SearchStrategy[str]) -> str:
    return draw(dotted()) + draw(BLANK) + "=" + draw(BLANK) + draw(inner)


SPELLED = st.recursive(STRINGS | BARE, lambda inner: array(inner) | inline_table(inner), max_leaves=8)
HEADERS = st.tuples(BLANK, dotted(), BLANK).map("".join)
LINES = (
    pair(SPELLED)
    | pair(array(SPELLED) | inline_table(SPELLED))
    | HEADERS.map(lambda name: f"[{name}]")
    | HEADERS.map(lambda name: f"[[{name}]]")
    | st.sampled_from(["[t]", "[[t]]", "[t.u]", "[[t.u]]", "[t.u.v]", "t.x = 1", "u.y = [{}]", ""])
)


@st.composite
def documents(draw: st.DrawFn) -> str:
    """Lines of every spelling; those that clash with an earlier one are left out."""
    text = ""
    for line in draw(st.lists(LINES, max_size=8)):
        longer = text + draw(BLANK) + line + draw(BLANK) + draw(st.sampled_from(["\n", " # x = 1\n", "\n\n"]))
        text = longer if is_toml(longer) else text
    return text.replace("\n", draw(st.sampled_from(["\n", "\r\n"])))


def is_toml(text: str) -> bool:
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return False
    return True


@given(documents())
def test_the_law_holds_in_every_spelling(text: str) -> None:
    assert_law(text)


# JSON, in which a plan may come

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


@given(
    data=st.dictionaries(KEYS, JSON, max_size=5),
    indent=st.sampled_from([None, 0, 2]),
    ascii_only=st.booleans(),
)
def test_the_law_holds_for_json(data: dict[str, Any], indent: int | None, ascii_only: bool) -> None:
    text = json.dumps(data, indent=indent, ensure_ascii=ascii_only)
    found, members = spans(text), dict(walk(data))
    assert set(found) == set(members)
    for path, value in members.items():
        assert repr(json.loads(cut(text, found[path][1]))) == repr(value)
        if path and isinstance(path[-1], str):
            assert json.loads(cut(text, found[path][0])) == path[-1]


def test_json_keys_may_have_escapes_that_toml_does_not_know() -> None:
    assert list(spans('{"a\\/b": 1, "\\ud83d\\ude00": 2}')) == [("a/b",), ("😀",), ()]
