"""The logs that a job leaves: what they are called, which of them a word names, and their lines one beside another."""

import re
from collections.abc import Iterable, Iterator, Sequence

from attrs import frozen

from dynplan.diagnostics import nearest
from dynplan.diagnostics.visible import visible
from dynplan.model import Record
from dynplan.views.progress import Progress

LOGS, PHASES = "logs", "phases"  # the folders of an output directory that hold them
_WORKER = re.compile(r"(.+)-([0-9]{1,9})(?:\.([0-9]{1,9}))?")  # ROLE-WORKER or ROLE-WORKER.RANK


@frozen(eq=False, repr=False)
class Log(Record):
    """A log of a worker's rank, or of a phase: `part` is the role or phase, `words` are all that may be said for it."""

    folder: str
    name: str
    part: str
    worker: int
    rank: int
    words: tuple[str, ...]

    @property
    def file(self) -> str:
        """Where it stands in the output directory."""
        return f"{self.folder}/{self.name}.log"


def log_called(folder: str, name: str) -> Log:
    """Return the log that a file `FOLDER/NAME.log` is."""
    match = _WORKER.fullmatch(name) if folder == LOGS else None
    if match is None:
        return Log(folder, name, name, 0, 0, (name,))
    role, worker, rank = match.groups()
    words = dict.fromkeys((name, f"{role}-{worker}", role))
    return Log(folder, name, role, int(worker), int(rank or 0), tuple(words))


def chosen(logs: Iterable[Log], asked: Sequence[str], parts: Sequence[str] = ()) -> list[Log]:
    """Return the logs that one of these words names, all of them for no words: roles, then phases, as in `parts`."""
    found = (log for log in logs if not asked or any(word in log.words for word in asked))
    place = {part: at for at, part in reversed(list(enumerate(parts)))}
    last = len(place)
    return sorted(
        found, key=lambda log: (log.folder == PHASES, place.get(log.part, last), log.part, log.worker, log.rank)
    )


def parts_of(found: Progress) -> list[str]:
    """Return the roles and phases of a job in the order of its plan."""
    return [*(role.name for role in found.roles), *(phase.name for phase in found.phases)]


def expected_words(found: Progress) -> set[str]:
    """Return what a job will have logs of, by its plan and its events."""
    words = {phase.name for phase in found.phases}
    for role in found.roles:
        words.add(role.name)
        for worker in role.workers:
            words.add(f"{role.name}-{worker.worker}")
            words.update(f"{role.name}-{worker.task_name(task)}" for task in worker.tasks)
    return words


def meant(word: str, known: Iterable[str]) -> str | None:
    """Return the known word that was probably meant, None if nothing comes close.

    A role is compared with roles: of a thousand workers all names are alike.
    """
    known = sorted(known)
    match = _WORKER.fullmatch(word)
    if match is None:
        return nearest(word, [each for each in known if not _WORKER.fullmatch(each)]) or nearest(word, known)
    role, number = match[1], word[len(match[1]) :]
    close = nearest(role, {each[1] for other in known if (each := _WORKER.fullmatch(other))}) or role
    if f"{close}{number}" in known:
        return f"{close}{number}"
    return close if close in known else nearest(word, known)


def prefixes(logs: Iterable[Log]) -> dict[Log, str]:
    """Return what stands before each line of a log where several are shown together."""
    named = {log: visible(log.name) for log in logs}
    width = max(map(len, named.values()), default=0)
    return {log: f"{name:<{width}} | " for log, name in named.items()}


def prefixed(text: str, prefix: str) -> Iterator[str]:
    """Yield the lines of a text with a prefix, each with its end; a last one without an end gets one."""
    lines = text.split("\n")
    if not lines[-1]:
        lines.pop()
    return (f"{prefix}{line}\n" for line in lines)
