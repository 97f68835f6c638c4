"""Reading files: regular ones, standard input, and pipes that somebody writes into; never for ever."""

import errno
import os
import stat
import sys
from collections.abc import Callable, Sequence
from pathlib import Path as File

from attrs import frozen

_MOST_BYTES = 256 * 1024 * 1024  # a plan of 10,000 nodes has a tenth of that
_CHUNK = 1024 * 1024
_NOBODY_S = 5  # that a pipe may be without a writer: what makes `<(...)` has it open before we do
_SILENCE_S = 60  # that a writer may take until the next byte


@frozen(eq=False, repr=False)
class Origin:
    """A regular file, whatever it is called, and who may read and write it."""

    device: int
    inode: int
    mode: int


@frozen(eq=False, repr=False)
class Content:
    """What was read, and the file that it came from, None for a pipe."""

    raw: bytes
    origin: Origin | None


def read_file(file: File, *, given: bool) -> Content:
    """Return what is in a file.

    Args:
        file: a regular file, or a pipe.
        given: whether the command line names it, which may name standard input in this way too: `/dev/stdin`.

    Raises:
        OSError: with the reason in its `strerror`.
        ValueError: no file can have that name.
    """
    handle = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY)  # a pipe without a writer opens at once
    try:
        found = os.fstat(handle)
        if given and _is_stdin(found):
            return read_stdin()
        if stat.S_ISFIFO(found.st_mode):
            return Content(_from_pipe(handle), None)
        if stat.S_ISDIR(found.st_mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if not stat.S_ISREG(found.st_mode):
            raise OSError(errno.EINVAL, "it is a device, not a file")
        return Content(_in_parts(lambda: os.read(handle, _CHUNK)), _origin(found))
    finally:
        os.close(handle)


def read_stdin() -> Content:
    """Return what stands on standard input; errors as in `read_file`."""
    if sys.stdin is None:
        raise OSError(errno.EBADF, "it is closed")
    found = _stdin()
    if sys.stdin.isatty():
        raw = _bounded([sys.stdin.buffer.read(_MOST_BYTES + 1)])  # at once: its end is told no second time
    else:
        is_device = found is not None and stat.S_ISCHR(found.st_mode)
        raw = _in_parts(lambda: sys.stdin.buffer.read(_CHUNK), is_device=is_device)
    return Content(raw, _origin(found) if found and stat.S_ISREG(found.st_mode) else None)


def origin_of(file: File) -> Origin | None:
    """Return which regular file a name leads to, None where there is none."""
    found = file.stat() if file.exists() else None
    return _origin(found) if found and stat.S_ISREG(found.st_mode) else None


def _in_parts(read: Callable[[], bytes | None], *, is_device: bool = False) -> bytes:
    """Return all that there is, read by parts: files of the kernel's (`/proc/sys`) refuse to be read at once.

    Args:
        read: returns the next part, empty at the end, None where nothing has come yet.
        is_device: whether it is a device: `/dev/null` has an end, and others have none.
    """
    parts: list[bytes] = []
    size = 0
    while size <= _MOST_BYTES:
        part = read()
        if part is None:
            raise BlockingIOError(errno.EAGAIN, "nothing has come yet, and it does not wait")
        if not part:
            break
        if is_device and parts:
            raise OSError(errno.EINVAL, "it is a device, not a file")
        parts.append(part)
        size += len(part)
    return _bounded(parts)


def _origin(found: os.stat_result) -> Origin:
    return Origin(found.st_dev, found.st_ino, stat.S_IMODE(found.st_mode))


def _stdin() -> os.stat_result | None:
    try:
        return os.fstat(sys.stdin.fileno())
    except (AttributeError, OSError, ValueError):  # closed, or no stream of the system's
        return None


def _is_stdin(found: os.stat_result) -> bool:
    stdin = _stdin()
    return stdin is not None and os.path.samestat(found, stdin)


def _from_pipe(handle: int) -> bytes:
    """Return what is written into a pipe until its last writer has gone."""
    import select  # hardly anybody reads pipes by name

    poll = select.poll()
    poll.register(handle, select.POLLIN)
    parts: list[bytes] = []
    size = 0
    while size <= _MOST_BYTES:
        try:
            part = os.read(handle, _CHUNK)
        except BlockingIOError:  # there is a writer
            part, wait, reason = b"", _SILENCE_S, f"nothing came out of it for {_SILENCE_S} seconds"
        else:
            wait, reason = _NOBODY_S, "nobody writes into it"
            if parts and not part:
                break
        if part:
            parts.append(part)
            size += len(part)
        elif not (events := poll.poll(wait * 1000)):
            raise TimeoutError(errno.ETIMEDOUT, reason)
        elif not events[0][1] & select.POLLIN:
            break  # a writer came and went without a word
    return _bounded(parts)


def _bounded(parts: Sequence[bytes]) -> bytes:
    if sum(map(len, parts)) > _MOST_BYTES:
        raise OSError(errno.EFBIG, f"it is larger than {_MOST_BYTES // 1024 // 1024} MiB")
    return b"".join(parts)
