"""`tools/install.sh` where something is missing that it cannot install."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]

# Debian's python3 without python3-venv, as far as a shell script can be one.
BARE_PYTHON = """\
#!/bin/sh
case $2 in
*ensurepip*) echo "Traceback ... ModuleNotFoundError: No module named 'ensurepip'" >&2; exit 1 ;;
*venv*) echo python3.11-venv ;;
esac
"""


@pytest.fixture
def project() -> Iterator[Path]:
    """What `make demo` begins with, where an ordinary user may look; pytest's own directories are root's."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for file in ("Makefile", "pyproject.toml", "tools/install.sh"):
            (folder / file).parent.mkdir(exist_ok=True)
            shutil.copy(ROOT / file, folder / file)
        (folder / "bin").mkdir()
        (folder / "bin" / "python3").write_text(BARE_PYTHON)
        (folder / "bin" / "python3").chmod(0o755)
        folder.chmod(0o755)
        yield folder


def test_a_python_without_venv_is_one_line_with_the_package_to_install(project: Path) -> None:
    path = {"PATH": f"{project / 'bin'}:{os.environ['PATH']}"}
    words = [*(NOBODY if os.geteuid() == 0 else []), "make", "demo"]
    done = subprocess.run(words, cwd=project, env=path, capture_output=True, text=True, check=False)
    ours = [line for line in done.stderr.splitlines() if not line.startswith("make: ***")]
    assert ours == ["install.sh: missing, and only root on Debian or Ubuntu can install it here: python3.11-venv"]
    assert "python3-venv" in (ROOT / "README.md").read_text()
