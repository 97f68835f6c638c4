"""What runs containers in the tests, and images that hold nothing but bash and one small program."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).parent
ROOT: Final = HERE.parents[2]
APPTAINER: Final = ROOT / ".cache" / "apptainer" / "usr" / "bin" / "apptainer"
SPANK_HEADER: Final = Path("/usr/include/slurm/spank.h")
STATIC_BASH: Final = Path("/bin/bash-static")


def obstacle(runtime: str) -> str | None:
    """Why this machine can't run containers of `runtime`, or None if it can."""
    files = [STATIC_BASH, SPANK_HEADER if runtime == "pyxis" else APPTAINER]
    programs = ["cc"] if runtime == "pyxis" else ["cc", "mksquashfs"]
    absent = [str(path) for path in files if not path.exists()]
    absent += [program for program in programs if not shutil.which(program)]
    return f"containers need {', '.join(absent)}: see tools/install.sh containers" if absent else None


def write_plugstack(etc: Path) -> None:
    """Give a testbed's Slurm the stand-in for pyxis, by its directory `etc`; none where it can't be built."""
    if obstacle("pyxis"):
        return
    plugin = etc / "pyxis.so"
    _compile("pyxis.c", plugin, "-shared", "-fPIC")
    disk, registry = etc.parent / "node", etc.parent / "registry"
    registry.mkdir()
    # Each node has a disk of its own there.
    (etc / "plugstack.conf").write_text(f"required {plugin} {disk} {registry}\n")
    enroot = etc / "bin" / "enroot"
    enroot.parent.mkdir()
    enroot.write_text(f'#!/bin/bash\n[[ "$1 $2" == "remove -f" && -n $3 ]] && rm -r -- "{disk}/data/$3"\n')
    enroot.chmod(0o755)


def write_image(folder: Path, bash: bool = True, environment: str = "") -> Path:
    """Write an image, a directory: `/bin/bash` unless it is to have none, `/bin/serve`, and `/work`.

    Args:
        folder: where; must not exist.
        bash: whether it holds bash.
        environment: what it sets, a line `NAME=value` for each variable.
    """
    for name in ("bin", "work", "etc", ".singularity.d/env"):
        (folder / name).mkdir(parents=True)
    if bash:
        shutil.copy(STATIC_BASH, folder / "bin" / "bash")
    _compile("serve.c", folder / "bin" / "serve", "-static")
    (folder / "etc" / "environment").write_text(environment)  # pyxis reads it there
    exports = "".join(f"export {line}\n" for line in environment.splitlines())
    (folder / ".singularity.d" / "env" / "10-docker2singularity.sh").write_text(exports)  # and apptainer here
    return folder


def _compile(source: str, target: Path, *words: str) -> None:
    flags = ["-std=gnu11", "-Wall", "-Wextra", "-Werror"]
    subprocess.run(["cc", *flags, *words, "-o", target, HERE / source], check=True)
