"""What counts as alike where a page is walked through, and what its fences are."""

from __future__ import annotations

import pytest

from tests.walks import Fence, Said, _changed, _commands, fences

PAGE = """\
# A page

```toml
[job]
```

## First

```toml fragment cluster.toml
[cluster]
```

```console
$ one | \\
  two
said
$ three
```

## Second

```diff cluster.toml
-a
```

```sh
make slurm
```
"""


@pytest.mark.parametrize(
    ("shown", "printed", "alike"),
    [
        ("job 1\n", "job 1\n", True),
        ("job 1\n", "job 2\n", False),
        ("job 1\n", "job 1\nand more\n", False),
        ("", "said\n", False),
        ("[03:53:22] ready, 0 s after\n", "[23:01:07] ready, 12 s after\n", True),
        ("done after 1s, at 03:53:22\n", "done after 2m10s, at 04:00:00\n", True),
        ("failed with 70 after 1s\n", "failed with 71 after 1s\n", False),
        ("plan 217e172eeddf, text 70c6a21a632f\n", "plan 0123456789ab, text 0123456789ab\n", True),
        ("a  b\n", "a    b\n", True),
        ("/usr/bin/python3: No module\n", "/opt/venv/bin/python3: No module\n", True),
        ("...\nlast\n", "first\nsecond\nlast\n\n", True),
        ("...\nlast\n", "last\n", True),
        ("...\nlast\n", "at last\n", False),
        ("first\n...\n", "first\nand\nmore\n", True),
        ("first\n...\n", "second\n", False),
        ("1.0 (a+b)\n", "1x0 (a+b)\n", False),
    ],
)
def test_what_is_shown_is_what_is_printed_but_for_times_and_digests(shown: str, printed: str, alike: bool) -> None:
    assert Said("command", shown, printed).alike is alike


def test_the_fences_of_a_page_and_of_a_part_of_it() -> None:
    assert [(fence.info, fence.file) for fence in fences(PAGE)] == [
        ("toml", "job.toml"),
        ("toml fragment cluster.toml", "cluster.toml"),
        ("console", None),
        ("diff cluster.toml", "cluster.toml"),
        ("sh", None),
    ]
    assert [fence.info for fence in fences(PAGE, begin="## Second")] == ["diff cluster.toml", "sh"]
    assert [fence.info for fence in fences(PAGE, end="## First")] == ["toml"]


def test_a_part_of_a_job_without_a_name_is_no_file() -> None:
    assert Fence("toml fragment", "", 0, 0).file is None


def test_the_commands_of_a_fence() -> None:
    (console,) = (fence for fence in fences(PAGE) if fence.info == "console")
    assert list(_commands(console.text)) == [("one | \\\n  two", "said\n"), ("three", "")]


def test_a_change_needs_its_place() -> None:
    assert _changed("a\nb\nc\n", " a\n-b\n+x\n+y\n") == "a\nx\ny\nc\n"
    with pytest.raises(AssertionError, match="not there once"):
        _changed("a\na\n", "-a\n+b\n")
