"""Whatever a file holds: findings or a job, no key out of the report, and no other end."""

import copy
import io
import random
import tomllib
from typing import Any

import tomli_w
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from dynplan.diagnostics import InputError
from dynplan.diagnostics.rendering import render
from dynplan.importers import Imported, Kind, Source, imported, report_json, report_text
from tests.importers import CASES, presets, sources

ALL = [source for case in CASES for source in sources(case)]
PIECES = [
    *(
        "\t",
        "\n",
        ":",
        "- ",
        "{",
        "}",
        "[",
        "]",
        '"',
        "'",
        "|",
        ">",
        "&a ",
        "*a",
        "<<: *a",
        "!!x ",
        "%",
        "---\n",
        "...",
    ),
    *("? ", "#", ", ", "\u2028", "\r", "  ", "~", "1e999", ".inf", "0x", "\x85", "\ufeff", "\x00"),
]
VALUES: list[Any] = [
    *(None, True, 0, 1, -1, 3, 17, 10**20, 1.5, float("inf"), "", "x", "a b", "{x}", "${HOME}", "$(id)", '"'),
    *("a\nb", "\x1b[31m", "ü", "4x8x32", "{node}", [], [1], ["a"], [None], [[1]], [{}], {}, {"a": 1}, {"": 1}),
    *("{{", "~", "colocate", "trtllm", "vllm", "1:2:3", "/a:/b", "8", {"a": {"b": [1]}}),
]
SLOW = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def survives(raw: bytes, name: str, kind: Kind | None) -> None:
    """Import bytes: findings that can be shown, or a job in TOML with a report that has every key once."""
    try:
        found = imported([Source(name, raw)], kind, presets())
    except InputError as refusal:
        assert refusal.findings
        assert render(refusal.findings, [])
        return
    tomllib.loads(found.job)
    _is_whole(found)


def _is_whole(found: Imported) -> None:
    keys = [(entry.file, entry.key) for entry in found.entries]
    assert len(set(keys)) == len(keys)
    text = report_text(found.entries)
    assert text.count("\n  ") == len(keys)
    assert report_json(found.entries)


@SLOW
@given(st.sampled_from(ALL), st.randoms(use_true_random=False), st.sampled_from([None, *Kind]))
def test_broken_text_gives_findings_or_a_job(source: Source, chance: random.Random, kind: Kind | None) -> None:
    text = source.raw.decode()
    for _ in range(chance.randint(1, 4)):
        at, end = sorted((chance.randrange(len(text) + 1), chance.randrange(len(text) + 1)))
        text = chance.choice([text[:at], text[:at] + chance.choice(PIECES) + text[at:], text[:at] + text[end:]])
    survives(text.encode(), source.name, kind)


@SLOW
@given(st.sampled_from(ALL), st.randoms(use_true_random=False))
def test_other_values_give_findings_or_a_job(source: Source, chance: random.Random) -> None:
    toml = source.name.endswith(".toml")
    data = tomllib.loads(source.raw.decode()) if toml else YAML(typ="safe", pure=True).load(io.BytesIO(source.raw))
    for _ in range(chance.randint(1, 3)):
        holder, key = chance.choice(list(_places(data)) or [({}, "a")])
        holder[key] = copy.deepcopy(chance.choice(VALUES))
    survives(_written(data, toml=toml), source.name, None)


def _places(value: Any) -> list[tuple[Any, Any]]:
    """Return every place of a value: what holds it, and under which key."""
    pairs = (
        list(value.items()) if isinstance(value, dict) else list(enumerate(value)) if isinstance(value, list) else []
    )
    return [place for key, item in pairs for place in ((value, key), *_places(item))]


def _written(data: Any, *, toml: bool) -> bytes:
    if toml:
        return tomli_w.dumps(_without_null(data)).encode()
    out = io.BytesIO()
    writer: Any = YAML(typ="safe", pure=True)
    writer.allow_unicode = True
    writer.sort_base_mapping_type_on_output = False
    writer.dump(data, out)
    return out.getvalue()


def _without_null(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_null(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_without_null(item) for item in value if item is not None]
    return 7 if isinstance(value, int) and abs(value) > 2**63 else value


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=200), st.sampled_from([None, *Kind]), st.sampled_from(["a.yaml", "a.toml", "a"]))
def test_any_bytes_give_findings(raw: bytes, kind: Kind | None, name: str) -> None:
    survives(raw, name, kind)
