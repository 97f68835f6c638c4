"""Brings the versions of bash that Debian still serves beside its own: `python -m tests.launch.bashes`.

Clusters run what their system came with. 5.1 is Debian 11's and RHEL 9's. 4.4 (RHEL 8) and 5.0 are in no
archive that is certain to answer: `test_portability.py` guards their grammar by a list of what came later.
"""

import shutil
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path

from tests.launch.lab import CACHED_BASHES

PACKAGES = {"5.1": "bash_5.1-2+deb11u1_amd64.deb"}
ARCHIVE = "http://deb.debian.org/debian/pool/main/b/bash/"


def bring(version: str, package: str) -> None:
    """Unpack one package's /bin/bash below the cache."""
    target = CACHED_BASHES / version / "bin" / "bash"
    if target.exists():
        return
    with tempfile.TemporaryDirectory() as folder:
        deb = Path(folder) / package
        with urllib.request.urlopen(ARCHIVE + package, timeout=30) as answer:  # noqa: S310 - a constant
            deb.write_bytes(answer.read())
        subprocess.run(["dpkg-deb", "-x", deb, folder], check=True)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(Path(folder) / "bin" / "bash", target)


def main() -> int:
    """Bring them all; say what could not be had."""
    for version, package in PACKAGES.items():
        try:
            bring(version, package)
        except OSError as error:
            print(f"bash {version}: {error}; the tests run without it", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
