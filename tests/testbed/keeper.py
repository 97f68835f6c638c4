"""The process between a testbed and its owner: makes the directory, and removes it in the end.

    owner (pytest, `up`)  -- pipe -->  keeper  ->  setpriv unshare  ->  init.sh  ->  daemons, nodes

Each arrow is a parent that takes its children with it: the owner by closing the pipe, however it
ends; the keeper and unshare by the death signal they ask the kernel to send; init.sh as process 1 of
the PID namespace. The keeper is outside of the namespaces and outlives all of them, so that it can
remove the files; a signal from the terminal does not reach it.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tests.testbed import config

INIT: Final = Path(__file__).with_name("init.sh")
NAMESPACES: Final = ("--fork", "--kill-child", "--pid", "--mount", "--net", "--uts", "--ipc")


def main(
    directory: Path, kinds: Sequence[config.Kind], gpu_flags: str, named: bool, prolog: str, blocks: Sequence[str]
) -> int:
    """Run a testbed in the new `directory` until its first process ends."""
    directory.mkdir(mode=0o755)
    try:
        config.write(directory, kinds, gpu_flags, named, prolog, blocks)
        command = ["setpriv", "--pdeathsig=KILL", "unshare", *NAMESPACES]
        nodes = sum(kind.nodes for kind in kinds)
        init = ["bash", str(INIT), str(directory), config.CONTROLLER_ADDRESS, str(nodes)]
        code = subprocess.run([*command, *init]).returncode
        if code == 1:  # init.sh failed; 0 is its usual end, 137 is `down`
            print(log_ends(directory), file=sys.stderr)
        return code
    finally:
        shutil.rmtree(directory)


def log_ends(directory: Path, lines: int = 15) -> str:
    """Last lines of the logs of the testbed in `directory`; node n0 stands for all nodes."""
    logs = [directory / "log" / f"{name}.log" for name in ("munged", "slurmctld", "n0")]
    ends = [(log.name, log.read_text(errors="replace").splitlines()[-lines:]) for log in logs if log.exists()]
    return "\n".join(f"--- {name}\n" + "\n".join(end) for name, end in ends)


if __name__ == "__main__":
    words = sys.argv[1:]
    told = [config.Kind(*kind) for kind in json.loads(words[1])]
    sys.exit(main(Path(words[0]), told, words[2], words[3] == "True", words[4], words[5:]))
