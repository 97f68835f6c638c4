"""`dynplan status`: how far a job has come, once or again and again."""

import json
import sys
import time
from datetime import UTC, datetime

import typer

from dynplan.cli.left import find, look
from dynplan.cli.program import Told
from dynplan.cli.streams import reporting, write
from dynplan.cli.terminal import paint_of
from dynplan.views.progress import Progress, is_over
from dynplan.views.status import as_text, as_tree

_ASK_EVERY_S = 30  # a controller has better things to do
_CLEAR = "\x1b[H\x1b[2J"


def tell_status(name: str, form: Told) -> None:
    """Write how far a job has come."""
    with reporting() as inputs:
        _, progress = look(find(name))
        write(_text(progress) if form is Told.text else f"{_data(progress, 1)}\n", "", inputs)


def watch_status(name: str, form: Told, interval_s: float) -> None:
    """Write how far a job has come, again and again until it has ended.

    A terminal is drawn anew each time; elsewhere it is written again, as data in one line, where something has
    happened.
    """
    drawn = form is Told.text and sys.stdout is not None and sys.stdout.isatty()
    with reporting() as inputs:
        found, progress = look(find(name))
        asked, told = time.monotonic(), None
        while True:
            news = (progress.state, progress.latest, progress.slurm)
            if drawn or news != told:
                text = f"{_data(progress, None)}\n" if form is not Told.text else _text(progress)
                write(_CLEAR + text if drawn else text + "\n" * (form is Told.text), "", inputs)
            if is_over(progress, datetime.now(UTC)):
                return
            told = news
            _sleep(interval_s)
            if found.directory is None or time.monotonic() - asked > _ASK_EVERY_S:
                found, asked = find(name), time.monotonic()
            found, progress = look(found)


def _sleep(interval_s: float) -> None:
    try:
        time.sleep(interval_s)
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


def _text(progress: Progress) -> str:
    return as_text(progress, datetime.now(UTC), paint_of(sys.stdout))


def _data(progress: Progress, indent: int | None) -> str:
    return json.dumps(as_tree(progress, datetime.now(UTC)), ensure_ascii=False, indent=indent)
