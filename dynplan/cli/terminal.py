"""What a terminal can show: colours, and how wide it is. Anything else gets text that depends on its input alone."""

import os
import sys
from typing import TextIO

from dynplan.cli.documents import STDIN
from dynplan.diagnostics.paint import COLOURED, PLAIN, Paint


def paint_of(stream: TextIO | None) -> Paint:
    """Return what paints for a stream: colours on a terminal, unless NO_COLOR is set (https://no-color.org)."""
    told_not_to = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return COLOURED if _is_terminal(stream) and not told_not_to else PLAIN


def paint_for(output: str) -> Paint:
    """Return what paints for `--output`: a file has no colours."""
    return paint_of(sys.stdout) if output in ("", STDIN) else PLAIN


def width_for(output: str) -> int:
    """Return how many columns there are for `--output`: those of the terminal, else 80."""
    from dynplan.views.text import LEAST_WIDTH, USUAL_WIDTH  # findings are painted too, and need no view

    if output not in ("", STDIN) or not _is_terminal(sys.stdout):
        return USUAL_WIDTH
    try:
        return max(LEAST_WIDTH, os.get_terminal_size(sys.stdout.fileno()).columns or USUAL_WIDTH)
    except OSError:  # a terminal that does not say
        return USUAL_WIDTH


def _is_terminal(stream: TextIO | None) -> bool:
    try:
        return stream is not None and stream.isatty()
    except ValueError:  # it is closed
        return False
