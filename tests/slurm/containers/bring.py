"""Brings apptainer, which of all Debian only sid has: `python -m tests.slurm.containers.bring`.

Its programs want a newer C library than Debian 12's, so that comes too, and they are told to load it. Nothing
of the system changes: all is below `.cache/apptainer`.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.slurm.containers import APPTAINER

PACKAGES = ("apptainer", "libc6", "libseccomp2", "libsqlite3-0")
SOURCE = "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian sid main\n"
TARGET = APPTAINER.parents[2]


def fetch(folder: Path) -> None:
    """Download the packages with apt, from lists of its own, and unpack them below the folder."""
    (folder / "lists" / "partial").mkdir(parents=True)
    (folder / "sources.list").write_text(SOURCE)
    own = {"Dir::Etc::sourcelist": folder / "sources.list", "Dir::Etc::sourceparts": "-"}
    own |= {"Dir::State::lists": folder / "lists", "Acquire::Languages": "none", "APT::Sandbox::User": "root"}
    own |= {"Dir::Cache::pkgcache": "", "Dir::Cache::srcpkgcache": ""}
    options = [word for name, value in own.items() for word in ("-o", f"{name}={value}")]
    subprocess.run(["apt-get", "-qq", *options, "update"], check=True)
    names = [f"{package}/sid" for package in PACKAGES]
    subprocess.run(["apt-get", "-qq", *options, "download", *names], check=True, cwd=folder)
    for deb in folder.glob("*.deb"):
        subprocess.run(["dpkg-deb", "-x", deb, folder / "root"], check=True)


def settle(root: Path) -> None:
    """Make the unpacked programs work where they will be: TARGET."""
    libraries = Path("usr/lib/x86_64-linux-gnu")
    loader = next((root / libraries).glob("ld-linux*"))
    for program in ("usr/bin/apptainer", libraries / "apptainer/bin/starter"):
        load = ["--set-interpreter", f"{TARGET / libraries / loader.name}", "--set-rpath", f"{TARGET / libraries}"]
        subprocess.run(["patchelf", "--force-rpath", *load, root / program], check=True)
    # Where programs that were moved look: below their prefix, `/usr`.
    shutil.move(root / "etc", root / "usr" / "etc")
    (root / "usr" / "lib" / "var" / "lib" / "apptainer" / "mnt" / "session").mkdir(parents=True)
    # A root that lacks a capability, as in a container, can't hand it on.
    conf = root / "usr" / "etc" / "apptainer" / "apptainer.conf"
    conf.write_text(conf.read_text().replace("root default capabilities = full", "root default capabilities = no"))


def main() -> int:
    """Bring it; say what stands in the way."""
    if APPTAINER.exists():
        return 0
    with tempfile.TemporaryDirectory() as folder:
        try:
            fetch(Path(folder))
            settle(Path(folder) / "root")
        except (OSError, subprocess.CalledProcessError) as error:
            print(f"apptainer: {error}; the tests run without it", file=sys.stderr)
            return 0
        TARGET.parent.mkdir(exist_ok=True)
        shutil.move(Path(folder) / "root", TARGET)
    return 0


if __name__ == "__main__":
    sys.exit(main())
