"""The documentation's site: its made pages are complete, and what is wrong with a built one is found.

That it builds without a warning is shown by `make docs`, a part of `make test`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

import dynplan
from dynplan.cli import app
from tests.golden import EXAMPLES, ROOT
from tools.site.check import problems
from tools.site.keys import kind
from tools.site.pages import pages

PAGES = pages(ROOT)


def section(page: str, heading: str) -> str:
    """Return a section of a page of the site, without its heading."""
    return re.split(r"^## ", PAGES[page].partition(f"\n## {heading}\n")[2], flags=re.MULTILINE)[0]


def options() -> Iterator[tuple[str, str]]:
    """Return every option of every command, with the command."""
    program: Any = typer.main.get_command(app)
    waiting = list(program.commands.items())
    for name, command in waiting:  # which grows
        if hasattr(command, "commands"):
            waiting += [(f"{name} {below}", inner) for below, inner in command.commands.items()]
            continue
        for param in command.params:
            yield from ((name, option) for option in param.opts if option.startswith("-"))


@pytest.mark.parametrize(("command", "option"), list(options()))
def test_every_option_of_every_command_has_a_row(command: str, option: str) -> None:
    assert re.search(rf"^\| `(.*, )?{option}\b.*` \| \S", section("reference/commands.md", f"dynplan {command}"), re.M)


def keys(schema: dict[str, Any]) -> set[str]:
    """Return the keys with a description anywhere in a schema."""
    found = {key for key, value in schema.get("properties", {}).items() if "description" in value}
    parts = [
        *schema.get("properties", {}).values(),
        *schema.get("$defs", {}).values(),
        schema.get("additionalProperties"),
        schema.get("items"),
    ]
    return found.union(*(keys(part) for part in parts if isinstance(part, dict)))


@pytest.mark.parametrize("name", ["job", "cluster", "engine"])
def test_every_key_of_a_schema_has_a_row(name: str) -> None:
    schema = json.loads((ROOT / "dynplan" / "language" / "schemas" / f"{name}.json").read_text())
    rows = set(re.findall(r"^\| `([^`]+)` \|", PAGES["reference/keys.md"], re.MULTILINE))
    assert keys(schema) - rows == set()


def test_a_list_of_tables_has_a_table_of_its_own() -> None:
    rows = re.findall(r"^\| `([^`]+)` \|", section("reference/keys.md", "`[[cluster.node-groups]]`"), re.MULTILINE)
    facts = {"domain-nodes", "gpu-groups", "gpu-nics", "gpu-numa", "gpus-per-node"}
    assert set(rows) == facts | {"gpu-request", "name", "sbatch"}


def test_a_row_of_a_key_says_what_it_is_its_default_and_its_kind() -> None:
    assert (
        '| `name` | the job\'s name in Slurm | text | `"dynplan"` |'
        in section("reference/keys.md", "`[job]`").splitlines()
    )


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"type": "integer", "minimum": 1, "maximum": 65535}, "1 to 65535"),
        (
            {"anyOf": [{"const": "max"}, {"type": "integer", "minimum": 1, "maximum": 1000000}]},
            '`"max"` or whole number from 1',
        ),
        ({"anyOf": [{"enum": ["even", "fill"]}, {"type": "string", "pattern": r"\{vars\."}]}, '`"even"`, `"fill"`'),
        ({"type": "array", "items": {"type": "string"}}, "list of text"),
        ({"not": {"type": ["array", "object"]}}, "value"),
    ],
)
def test_kinds_in_words(schema: dict[str, Any], words: str) -> None:
    assert kind(schema) == words


def test_every_name_for_python_has_a_section_with_a_signature_where_it_is_a_function() -> None:
    for name in dynplan.__all__:
        if not name.startswith("_"):
            assert section("reference/python.md", f"dynplan.{name}").strip()
    assert "load(path: str | PathLike[str], *, sets:" in section("reference/python.md", "dynplan.load")


def test_every_example_has_a_page_with_its_readme_its_job_and_its_picture() -> None:
    for example in EXAMPLES:
        page = PAGES[f"examples/{example.name}.md"]
        assert page.startswith((example / "README.md").read_text().split("\n\n")[0])
        assert (example / "job.toml").read_text().rstrip("\n") in page
        assert f"](../images/{example.name}.svg)" in page
        assert f"| [{example.name}]({example.name}.md) | " in PAGES["examples/index.md"]


def test_the_navigation_leads_to_every_page() -> None:
    trees = re.findall(r"^```\{toctree\}\n(.*?)^```$", PAGES["index.md"], re.MULTILINE | re.DOTALL)
    lines = [line for tree in trees for line in tree.splitlines() if line and not line.startswith(":")]
    named = {re.sub(r".*<(.*)>", r"\1", line) for line in lines}
    others = {name.removesuffix(".md") for name in PAGES if not re.match(r"examples/(?!index)", name)}
    assert named == others - {"index"}


def test_links_out_of_docs_lead_to_pages_of_the_site() -> None:
    assert "](../examples/rl-trainer.md)" in PAGES["how-to/reinforcement-learning.md"]
    assert "](examples/vllm-shared.md)" in PAGES["migrating.md"]
    assert "](review.md)" in PAGES["changelog.md"]


SITE = {
    "index.html": '<img src="a.svg"><a href="b.html#here">b</a><a href="https://example.org/x">there</a>',
    "b.html": '<h1 id="here">Here</h1><a href="#here">above</a><a href="index.html">back</a><a href="a.svg">it</a>',
    "a.svg": "<svg/>",
}


@pytest.mark.parametrize(
    ("page", "told"),
    [
        ("", []),
        ('<a href="c.html">c</a>', ["c.html: leads to c2.html, which is not there"]),
        ('<a href="b.html#there">b</a>', ["c.html: leads to b.html#there, which has no such heading"]),
        ('<a href="https://exam ple.org">x</a>', ["c.html: leads to https://exam ple.org, which is no URL"]),
        ('<script src="https://cdn.example/x.js">', ["c.html: loads https://cdn.example/x.js from elsewhere"]),
        ('<link rel="stylesheet" href="none.css">', ["c.html: loads none.css, which is not there"]),
    ],
)
def test_what_is_wrong_with_a_built_page_is_found(tmp_path: Path, page: str, told: list[str]) -> None:
    for name, text in {**SITE, "c.html": page.replace("c.html", "c2.html")}.items():
        (tmp_path / name).write_text(text)
    assert problems(tmp_path) == told
