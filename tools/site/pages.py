"""The pages of the site as text: those of docs/, and those that are made of something else."""

import re
import tomllib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path, PurePosixPath

from tools.site.commands import commands_page
from tools.site.keys import keys_page
from tools.site.python import python_page

Pages = dict[str, str]  # by their paths in the site, without a slash in front

_MADE = [
    *("Every command <reference/commands>", "Every key <reference/keys>", "Every function <reference/python>"),
    *("Examples <examples/index>", "Changelog <changelog>"),
]
_LINK = re.compile(r"(?<!`)\]\((?P<target>[^)#:\s]+)(?P<anchor>#[^)]*)?\)")
_FENCE = re.compile(r"^( *)```.*?^\1```$", re.DOTALL | re.MULTILINE)


def pages(root: Path) -> Pages:
    """Return all pages of the project in `root`."""
    docs = root / "docs"
    found = {
        str(path.relative_to(docs)): path.read_text(encoding="utf-8")
        for path in sorted(docs.rglob("*.md"))
        if path != docs / "README.md"
    }
    site = {name: _relinked(text, partial(_inside, f"docs/{name}")) for name, text in found.items()}
    begin = (root / "tools" / "site" / "index.md").read_text(encoding="utf-8")
    site["index.md"] = begin + navigation((docs / "README.md").read_text(encoding="utf-8"))
    changes = (root / "CHANGELOG.md").read_text(encoding="utf-8")
    site["changelog.md"] = _relinked(changes, partial(_inside, "CHANGELOG.md", placed="docs/changelog.md"))
    site["reference/commands.md"] = commands_page()
    site["reference/keys.md"] = keys_page()
    site["reference/python.md"] = python_page()
    examples = [path.parent for path in sorted((root / "examples").glob("*/job.toml"))]
    site["examples/index.md"] = _examples_page(examples)
    for example in examples:
        site[f"examples/{example.name}.md"] = _example_page(example)
    return site


def navigation(index: str) -> str:
    """Return what leads to all pages, as docs/README.md lists them: the first link of each item, below its heading."""
    trees = []
    for heading, items in re.findall(r"^(\w[^\n]*):\n\n((?:- .*\n(?:  .*\n)*)+)", index, re.MULTILINE):
        links = re.findall(r"^- [^[]*\[([^]]+)\]\(([\w/-]+)\.md", items, re.MULTILINE)
        trees.append((heading, [f"{title} <{page}>" for title, page in links]))
    trees.insert(-1, ("Made from the code", _MADE))  # what is left is for those who work on dynplan
    return "".join(
        "\n".join(("", "```{toctree}", f":caption: {caption}", ":hidden:", "", *lines, "```", ""))
        for caption, lines in trees
    )


def _relinked(page: str, change: Callable[[str], str]) -> str:
    """Return a page with other targets of its links; what stands in fences stays."""
    parts, at = [], 0
    for fence in [*_FENCE.finditer(page), None]:
        text = page[at : fence.start() if fence else len(page)]
        parts.append(_LINK.sub(lambda link: f"]({change(link['target'])}{link['anchor'] or ''})", text))
        parts.append(fence[0] if fence else "")
        at = fence.end() if fence else len(page)
    return "".join(parts)


def _inside(page: str, target: str, placed: str = "") -> str:
    """Return where a link of a page of the project leads to in the site.

    Args:
        page: path of the page in the project.
        target: what the link says, relative to it.
        placed: where the page stands in the site, `docs/` in front, if that is elsewhere.
    """
    to = _normal(PurePosixPath(page).parent / target)
    if to.parts[0] == "examples":
        to = PurePosixPath("docs/examples", f"{to.parts[1]}.md" if len(to.parts) > 1 else "index.md")
    elif str(to) in ("README.md", "docs/README.md"):
        to = PurePosixPath("docs/index.md")
    elif str(to) == "CHANGELOG.md":
        to = PurePosixPath("docs/changelog.md")
    return _relative(to, PurePosixPath(placed or page).parent)


def _normal(path: PurePosixPath) -> PurePosixPath:
    parts: list[str] = []
    for part in path.parts:
        if part == "..":
            parts.pop()
        else:
            parts.append(part)
    return PurePosixPath(*parts)


def _relative(to: PurePosixPath, folder: PurePosixPath) -> str:
    common = 0
    while common < min(len(folder.parts), len(to.parts)) and folder.parts[common] == to.parts[common]:
        common += 1
    return "/".join([".."] * (len(folder.parts) - common) + list(to.parts[common:]))


def _examples_page(examples: list[Path]) -> str:
    lines = ["# Examples", "", "Whole jobs of real engines, each with the plan that becomes of it.", ""]
    lines += ["| example | what it is |", "|---|---|"]
    lines += [f"| [{path.name}]({path.name}.md) | {_about(path)} |" for path in examples]
    return "\n".join([*lines, "", "```{toctree}", ":hidden:", "", *(path.name for path in examples), "```", ""])


def _about(example: Path) -> str:
    """Return the first sentence of the comment that a job file begins with."""
    text = (example / "job.toml").read_text(encoding="utf-8")
    comment = re.match(r"(?:#.*\n)*", text)
    words = " ".join(line.lstrip("# ") for line in (comment[0] if comment else "").splitlines())
    return re.split(r"(?<=[.?])\s|:\s", f"{words} ", maxsplit=1)[0].strip().rstrip(".").replace("|", "\\|")


def _example_page(example: Path) -> str:
    return "\n".join(_example_lines(example)) + "\n"


def _example_lines(example: Path) -> Iterator[str]:
    name = example.name
    plan = tomllib.loads((example / "plan.toml").read_text(encoding="utf-8"))
    yield from (f"# Example: {name}", "")
    yield from (f"![Placement of {plan['job']['name']}](../images/{name}.svg)", "")
    for path in sorted(
        example.iterdir(), key=lambda path: (path.name != "job.toml", path.suffix != ".toml", path.name)
    ):
        if path.name in ("plan.toml", "job.sbatch", "job.data.sh") or not path.is_file():
            continue
        language = {".toml": "toml", ".sh": "bash", ".py": "python"}.get(path.suffix, "text")
        yield from (f"## {path.name}", "", f"```{language}", path.read_text(encoding="utf-8").rstrip("\n"), "```", "")
