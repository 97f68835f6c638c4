"""`dynplan logs`: what workers and phases have written, and with `-f` what they write."""

import codecs
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path as File
from typing import BinaryIO

import typer
from attrs import define, field

from dynplan.cli.inputs import Inputs
from dynplan.cli.left import Found, find, look, unreadable
from dynplan.cli.streams import reporting, write
from dynplan.diagnostics import NOWHERE, Finding, InputError
from dynplan.views.logs import (
    LOGS,
    PHASES,
    Log,
    chosen,
    expected_words,
    log_called,
    meant,
    parts_of,
    prefixed,
    prefixes,
)
from dynplan.views.progress import is_over

_CHUNK = 256 * 1024
_LOOK_S = 0.5
_MANY = 64  # logs of which the end is looked for less often: each look is a question to the file system
_LONGEST_LINE = 64 * 1024  # that is held back until it has an end
_END_S, _ASK_S = 2, 30  # how often the end of the job is looked for in its markers, and asked for


@define
class _Reading:
    """How far a log has been read: `held` is a line without an end."""

    log: Log
    at: int = 0
    held: str = ""
    decode: codecs.IncrementalDecoder = field(factory=lambda: codecs.getincrementaldecoder("utf-8")("replace"))


def show_logs(name: str, asked: Sequence[str], tail: int | None) -> None:
    """Write what stands in logs, one after another; the last `tail` lines of each, None for all."""
    with reporting() as inputs:
        found = find(name)
        directory = _directory(found, name)
        logs = _known(found, directory, asked)
        if not logs:
            what = f"`{asked[0]}`" if asked else "this job"
            raise InputError(
                [Finding("D803", f"{what} has written no log yet", help="`-f` waits for it", document=NOWHERE)]
            )
        before = prefixes(logs) if len(logs) > 1 else {}
        for log in logs:
            reading = _Reading(log, _start(directory / log.file, tail))
            while text := _next(directory, reading):
                _tell(text, reading, before.get(log, ""), inputs)
            _finish(reading, before.get(log, ""), inputs)


def follow_logs(name: str, asked: Sequence[str], tail: int | None) -> None:
    """Write what stands in logs and what comes, of new ones too, until the job has ended."""
    with reporting() as inputs:
        found = find(name)
        directory = _directory(found, name)
        readings = {log: _Reading(log, _start(directory / log.file, tail)) for log in _known(found, directory, asked)}
        ends = _ends(found, name)
        over, quiet = False, False
        while not (over and quiet):
            over = over or next(ends)
            for log in chosen(_logs(directory), asked):
                readings.setdefault(log, _Reading(log))
            before = {} if _is_one(asked, readings) else prefixes(readings)
            news = [_go_on(directory, reading, before, inputs) for reading in readings.values()]
            quiet = not any(news)
            if quiet and not over:
                _sleep(_LOOK_S if len(readings) < _MANY else 4 * _LOOK_S)
        for log, reading in readings.items():
            _finish(reading, before.get(log, ""), inputs)


def _go_on(directory: File, reading: _Reading, before: dict[Log, str], inputs: Inputs) -> bool:
    """Write the next part of a log, and tell whether there was one: no log keeps the others waiting."""
    text = _next(directory, reading)
    _tell(text, reading, before.get(reading.log, ""), inputs)
    return bool(text)


def _is_one(asked: Sequence[str], readings: dict[Log, _Reading]) -> bool:
    """Tell whether there will never be more than one log: no prefix comes and goes."""
    return len(asked) == 1 and all(log.name == asked[0] for log in readings)


def _directory(found: Found, name: str) -> File:
    if found.directory is None:
        message = f"job {name} has not begun, and has no logs"
        raise InputError([Finding("D802", message, document=NOWHERE)])
    return found.directory


def _logs(directory: File) -> Iterator[Log]:
    for folder in (LOGS, PHASES):
        for path in (directory / folder).glob("*.log"):
            if path.is_file():
                yield log_called(folder, path.name.removesuffix(".log"))


def _known(found: Found, directory: File, asked: Sequence[str]) -> list[Log]:
    """Return the logs that are asked for; a word that names none, and never will, is a finding."""
    logs = list(_logs(directory))
    _, progress = look(found)
    known = {word for log in logs for word in log.words} | expected_words(progress)
    wrong = [word for word in asked if word not in known]
    if wrong:
        raise InputError([_unknown(word, known) for word in wrong])
    return chosen(logs, asked, parts_of(progress))


def _unknown(word: str, known: set[str]) -> Finding:
    close = meant(word, known)
    some = sorted(word for word in known if "-" not in word) or sorted(known)
    fix = f"there is `{close}`" if close else f"known names: {', '.join(some[:12])}" if some else ""
    return Finding("D803", f"no worker, role or phase of this job is called `{word}`", help=fix, document=NOWHERE)


# Reading


@contextmanager
def _opened(file: File) -> Iterator[BinaryIO | None]:
    """Open a log, None where it was moved away; raises InputError, D004, where it cannot be read."""
    try:
        with file.open("rb") as stream:
            yield stream
    except FileNotFoundError:
        yield None
    except OSError as error:
        raise unreadable(file, error) from None


def _start(file: File, tail: int | None) -> int:
    """Return where the last lines of a file begin, by blocks from its end."""
    if tail is None:
        return 0
    with _opened(file) as stream:
        if stream is None:
            return 0
        at = end = stream.seek(0, os.SEEK_END)
        missing = tail
        while at > 0:
            size = min(_CHUNK, at)
            at -= size
            stream.seek(at)
            block = stream.read(size)
            if at + size == end and block.endswith(b"\n"):
                missing += 1  # the end of the last line is none between two
            here = block.count(b"\n")
            if here >= missing:
                place = len(block)
                for _ in range(missing):
                    place = block.rindex(b"\n", 0, place)
                return at + place + 1 if missing else end
            missing -= here
    return 0


def _next(directory: File, reading: _Reading) -> str:
    """Return what comes next in a log, and read on from there; nothing at its end."""
    with _opened(directory / reading.log.file) as stream:
        if stream is None:
            return ""
        if stream.seek(0, os.SEEK_END) < reading.at:  # it was cut, by a rotation that copies
            reading.at = 0
        stream.seek(reading.at)
        block = stream.read(_CHUNK)
    reading.at += len(block)
    return reading.decode.decode(block)


def _tell(text: str, reading: _Reading, prefix: str, inputs: Inputs) -> None:
    """Write text of a log, and of several whole lines only."""
    if not prefix:
        if text:
            write(text, "", inputs)
        return
    whole, end, rest = (reading.held + text).rpartition("\n")
    reading.held = rest
    if len(rest) > _LONGEST_LINE:
        whole, end, reading.held = whole + end + rest, "\n", ""
    if end:
        write("".join(prefixed(whole + end, prefix)), "", inputs)


def _finish(reading: _Reading, prefix: str, inputs: Inputs) -> None:
    if prefix and reading.held:
        write("".join(prefixed(reading.held, prefix)), "", inputs)
        reading.held = ""


# The end


def _ends(found: Found, name: str) -> Iterator[bool]:
    """Yield again and again whether the job has ended; few of the answers are looked for."""
    looked = asked = float("-inf")
    while True:
        now = time.monotonic()
        if now - asked > _ASK_S:
            asked = looked = now
            yield _is_over(find(name))
        elif now - looked > _END_S and found.directory and _has_marker(found.directory):
            looked = now
            yield _is_over(found)
        else:
            yield False


def _has_marker(directory: File) -> bool:
    return any((directory / f"{word}-marker.txt").exists() for word in ("success", "failure"))


def _is_over(found: Found) -> bool:
    return is_over(look(found)[1], datetime.now(UTC))


def _sleep(seconds: float) -> None:
    try:
        time.sleep(seconds)
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
