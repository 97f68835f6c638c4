"""What Linux and Slurm take: a word, the data of a task, a script."""

from collections.abc import Iterable, Mapping, Sequence

from dynplan.diagnostics import Finding, Findings, InputError, Path
from dynplan.model import Job, Worker, texts_of

MOST_BYTES = 4 * 1024 * 1024  # Slurm's max_script_size
MOST_WORD_BYTES = 120 * 1024  # Linux's MAX_ARG_STRLEN is 128 KiB; host names and paths are filled in
# A program's arguments and environment have a quarter of the stack's limit together (execve(2)), 2 MiB by
# default; a user's environment is there too.
MOST_TASK_BYTES = 1536 * 1024
_NODE_BYTES = 80  # its name and its address, as facts of a task


def check_words(job: Job) -> None:
    """Check that Linux takes each argument and variable that a task's program is given (D602)."""
    findings = Findings()
    for kind, owners in (("roles", job.roles), ("phases", job.phases)):
        for name, launch in ((owner.name, owner.launch) for owner in owners):
            words = texts_of((*launch.command, *launch.leader_args, *launch.follower_args, job.setup + launch.setup))
            longest = max((len(text.encode()) for text in (*words, *(text for _, text in launch.env))), default=0)
            if longest > MOST_WORD_BYTES:
                message = f"an argument or variable of {longest} bytes, and Linux takes {MOST_WORD_BYTES}"
                findings.error("D602", message, (kind, name), help="keep long texts in `files`")
    findings.raise_if_errors()


def check_files(job: Job, workers: Mapping[str, Sequence[Worker]]) -> None:
    """Check that what files repeat for workers and tasks fits into a script, before it is written out (D601)."""
    for file in job.files:
        size = 0
        for part in (part for part in file.content if not isinstance(part, str)):
            times = sum(len(worker.tasks) if part.tasks else 1 for worker in workers[part.role])
            size += times * (len(part.text) + len(part.between))
        if size > MOST_BYTES:
            message = (
                f"file `{file.name}` repeats {size} characters of text, and Slurm takes scripts of {MOST_BYTES} bytes"
            )
            raise InputError([Finding("D601", message, ("files", file.name), help="let the job make this file itself")])


def check_task_size(data: Mapping[Path, str], nodes: int, program: Iterable[str]) -> None:
    """Check that what a task is given fits (D602).

    Args:
        data: the functions of data, by the key path of what they say.
        nodes: how many nodes the job has; a task knows their names and addresses.
        program: the texts of the program that go to tasks.
    """
    of_nodes: Path = ("job", "num-nodes")
    sizes = {path: len(text.encode()) for path, text in data.items()} | {of_nodes: _NODE_BYTES * nodes}
    # bash prints a function with more indentation than we write it with.
    room = MOST_TASK_BYTES - 2 * sum(len(text) for text in program)
    if sum(sizes.values()) > room:
        largest = max(sizes, key=lambda path: sizes[path])
        message = f"the tasks of this job would be given {sum(sizes.values())} bytes of data, and Linux takes {room}"
        what = f"most of them, {sizes[largest]} bytes,"
        stand = f"{what} stand in `{'.'.join(map(str, largest))}`: keep long texts in `files`"
        told = f"{what} are names and addresses of {nodes} nodes: make several jobs of it"
        raise InputError([Finding("D602", message, largest, told if largest == of_nodes else stand)])


def check_script_size(text: str) -> None:
    """Check that Slurm takes a script (D601)."""
    size = len(text.encode())
    if size > MOST_BYTES:
        message = f"the script has {size} bytes, and Slurm takes {MOST_BYTES}"
        raise InputError([Finding("D601", message, help="keep long texts in files that the job reads")])
