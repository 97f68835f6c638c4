"""Pages that are walked through at a terminal: docs/tutorial.md and docs/how-to/*.md, run as they are printed.

What the fences of such a page are, from top to bottom, in one folder and one shell on a throwaway Slurm:

`toml`                   a whole job, which stands in job.toml from here on
`LANGUAGE ... NAME.EXT`  the file of that name: `toml fragment cluster.toml`, `yaml recipe.yaml`
`diff`                   what is changed in job.toml; `diff NAME.EXT` in another file
`console`                `$ COMMAND`, and what it prints: a line `...` stands for any lines. Times, durations and
                         digests may be others
any other                nothing that is run

`python -m tests.walks PAGE...` writes into pages what their commands print today, where it is not what they show.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

from attrs import frozen

ROOT: Final = Path(__file__).parents[1]
DOCS: Final = ROOT / "docs"
TUTORIAL: Final = DOCS / "tutorial.md"
HOW_TO: Final = sorted((DOCS / "how-to").glob("*.md"))
SERVED: Final = "## A served model"  # the part of the tutorial that needs Dynamo
FOLDER: Final = "/tmp/tutorial"  # noqa: S108 - where the pages say that the reader is
CLONE: Final = "~/dynplan"  # and where they say that he has the project

_FENCE = re.compile(r"^```(?P<info>[^\n`]+)\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE)
_END = re.compile(r"^<<<(\d+)>>>$")
_OTHERWISE = (
    (r"\d{4}-\d\d-\d\dT|\d\d/\w{3}/\d{4}[ :]?", ""),  # dates
    (r"\d\d:\d\d:\d\d([+-]\d{4})?", "TIME"),
    (r"\b(\d+h)?(\d+m)?\d+(\.\d+)? ?s\b", "DURATION"),
    (r"\b(plan|text) [0-9a-f]{12}\b", r"\1 DIGEST"),
    (r"\bdynplan \d+\.\d+\.\d+\b", "dynplan VERSION"),
    (r"[─-╿ \t]+", " "),  # columns and frames
    (r"\S*/(?=python3: )", ""),
)


@frozen
class Fence:
    """A fenced block of a page, and where its text stands there."""

    info: str
    text: str
    begin: int
    end: int

    @property
    def file(self) -> str | None:
        """The file that it is or changes, None where it is none."""
        last = self.info.split()[-1]
        if "." in last:
            return last
        return "job.toml" if self.info in ("toml", "diff") else None


@frozen
class Said:
    """A command of a page, what the page shows of its output, and what it has printed."""

    command: str
    shown: str
    printed: str

    @property
    def alike(self) -> bool:
        """Whether the page shows what is printed."""
        parts = re.split(r"^\.\.\.\n", same(self.shown), flags=re.MULTILINE)
        return re.fullmatch(r"(?:.*\n)?".join(map(re.escape, parts)), same(self.printed), re.DOTALL) is not None


def same(text: str) -> str:
    """Return text with one word for what differs from run to run."""
    for pattern, word in _OTHERWISE:
        text = re.sub(pattern, word, text)
    return re.sub(r"[ \t]+$", "", text, flags=re.MULTILINE).rstrip("\n") + "\n"


def fences(page: str, begin: str = "", end: str = "") -> list[Fence]:
    """Return the fenced blocks of a page, or of it from the heading `begin` up to the heading `end`."""
    first = page.index(f"\n{begin}\n") if begin else 0
    last = page.index(f"\n{end}\n") if end else len(page)
    found = (Fence(match["info"].strip(), match["text"], *match.span("text")) for match in _FENCE.finditer(page))
    return [fence for fence in found if first <= fence.begin < last]


def walk(blocks: list[Fence], folder: Path) -> list[list[Said]]:
    """Do what the blocks say in an empty folder, and return what the commands of each say, in the blocks' order."""
    with _shell(folder) as shell:
        return [list(_step(block, folder, shell)) for block in blocks]


def _step(block: Fence, folder: Path, shell: subprocess.Popen[str]) -> Iterator[Said]:
    if block.info == "console":
        for command, shown in _commands(block.text):
            yield Said(command, shown, _there(_printed(_here(command, folder), shell), folder))
    elif block.info.startswith("diff") and block.file:
        path = folder / block.file
        path.write_text(_changed(path.read_text(), block.text))
    elif block.file:
        (folder / block.file).write_text(block.text)


def _commands(text: str) -> Iterator[tuple[str, str]]:
    """Return the commands of a block, each with what is shown below it."""
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        found = re.match(r"(?:.*\\\n)*.*\n", part)
        assert found
        yield found[0].rstrip("\n"), part[found.end() :]


def _here(command: str, folder: Path) -> str:
    return command.replace(FOLDER, str(folder)).replace(CLONE, str(ROOT)).replace("$HOME/dynplan", str(ROOT))


def _there(text: str, folder: Path) -> str:
    return text.replace(str(folder), FOLDER).replace(str(ROOT), CLONE.replace("~", "/root"))


def _changed(text: str, diff: str) -> str:
    """Return a text after a change: lines that are gone or stay stand in it exactly once, one below the other."""
    lines = [(line[:1], line[1:]) for line in diff.splitlines(keepends=True)]
    before = "".join(rest for sign, rest in lines if sign != "+")
    assert text.count(before) == 1, f"not there once:\n{before}\nin\n{text}"
    return text.replace(before, "".join(rest for sign, rest in lines if sign != "-"))


@contextmanager
def _shell(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Run the shell that `make slurm` opens."""
    argv = [sys.executable, "-m", "tests.testbed", "shell", "--nodes", "2"]
    pipe = subprocess.PIPE
    with subprocess.Popen(argv, cwd=ROOT, stdin=pipe, stdout=pipe, text=True) as shell:
        assert shell.stdin and shell.stdout
        _printed(f"cd '{folder}'", shell)
        yield shell
        shell.stdin.close()
        assert shell.wait(60) == 0


def _printed(command: str, shell: subprocess.Popen[str]) -> str:
    assert shell.stdin
    # What the last command came to is there for `echo $?`.
    shell.stdin.write(f"{{ (exit ${{code-0}})\n{command}\n}} 2>&1 </dev/null; code=$?; printf '\\n<<<%s>>>\\n' $code\n")
    shell.stdin.flush()
    return "".join(_until_end(shell.stdout)).removesuffix("\n")


def _until_end(lines: IO[str] | None) -> Iterator[str]:
    assert lines
    for line in lines:
        if _END.match(line):
            return
        if not line.startswith("A Slurm of its own"):
            yield line
    raise AssertionError("the shell has ended")


def with_outputs(page: str, folder: Path) -> str:
    """Return a page with what its commands print today, where it is not what it shows."""
    blocks = fences(page)
    for block, done in reversed(list(zip(blocks, walk(blocks, folder), strict=True))):
        if any(not said.alike for said in done):
            text = "".join(f"$ {said.command}\n{said.shown if said.alike else said.printed}" for said in done)
            page = page[: block.begin] + text + page[block.end :]
    return page


def main() -> None:
    """Write outputs into the pages of the command line."""
    for name in sys.argv[1:]:
        with tempfile.TemporaryDirectory() as folder:
            Path(name).write_text(with_outputs(Path(name).read_text(), Path(folder)))


if __name__ == "__main__":
    main()
