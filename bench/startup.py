"""The price of a cold start: CPU time of `dynplan compile` on the example, against its libraries alone.

    python bench/startup.py [RUNS]

Prints one line of Markdown. User and system time of the process, by wait4(2), median of RUNS runs, the two
commands by turns so that a busy machine is busy for both.
"""

import os
import sys
from pathlib import Path
from statistics import median

ROOT = Path(__file__).parent.parent
EXAMPLE = ROOT / "examples" / "dynamo-shared" / "job.toml"
LIBRARIES = [sys.executable, "-c", "import typer, attrs, tomllib"]
COMPILE = [str(Path(sys.executable).parent / "dynplan"), "compile", str(EXAMPLE)]


def cpu_ms(command: list[str]) -> float:
    """Run a command and return its CPU time in milliseconds."""
    nowhere = [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
    # Without byte code every run compiles the sources again, which is not what a user's runs do.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    child = os.posix_spawn(command[0], command, environment, file_actions=nowhere)
    _, status, usage = os.wait4(child, 0)
    if status:
        raise SystemExit(f"{command} failed")
    return 1000 * (usage.ru_utime + usage.ru_stime)


def main() -> None:
    """Print both medians and their ratio."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 31
    pairs = [(cpu_ms(LIBRARIES), cpu_ms(COMPILE)) for _ in range(runs + 1)][1:]
    libraries, whole = (median(column) for column in zip(*pairs, strict=True))
    print("| imports of typer, attrs, tomllib | dynplan compile | ratio |")
    print("|---|---|---|")
    print(f"| {libraries:.0f} ms | {whole:.0f} ms | {whole / libraries:.2f} |")


if __name__ == "__main__":
    main()
