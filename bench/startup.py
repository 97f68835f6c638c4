"""The price of a cold start: `dynplan compile` on the example, against its three libraries alone.

    python -m bench.startup

The two commands run by turns, so that a busy machine is busy for both.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from bench.costs import Row, show, spent

LIBRARIES = (sys.executable, "-c", "import typer, attrs, tomllib")
COMPILE = (str(Path(sys.executable).parent / "dynplan"), "compile", "examples/dynamo-shared/job.toml")
RUNS = 31


def rows() -> Iterator[Row]:
    """Measure."""
    pairs = [(spent(LIBRARIES).cpu_s, spent(COMPILE).cpu_s) for _ in range(RUNS + 1)][1:]
    libraries, whole = (1000 * median(column) for column in zip(*pairs, strict=True))
    yield Row("cold compile of `examples/dynamo-shared`, CPU", f"{whole:.0f} ms")
    yield Row("`import typer, attrs, tomllib` alone, CPU", f"{libraries:.0f} ms")
    ratio = median(after / before for before, after in pairs)
    yield Row("ratio of the two", f"{ratio:.2f}", "1.3")


if __name__ == "__main__":
    show(rows())
