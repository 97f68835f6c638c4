"""Build the site: `python -m tools.site [FOLDER]`, by an interpreter that has the extra `docs`."""

import shutil
import subprocess
import sys
from pathlib import Path

from tools.site.check import problems
from tools.site.pages import pages

ROOT = Path(__file__).parents[2]
BUILD = ROOT / "build"


def main() -> int:
    """Write the sources of all pages, let Sphinx build them without a warning, and look at what has come of it."""
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else BUILD / "site"
    source = BUILD / "site-source"
    shutil.rmtree(source, ignore_errors=True)
    shutil.rmtree(target, ignore_errors=True)
    for name, text in pages(ROOT).items():
        path = source / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    shutil.copytree(ROOT / "docs" / "images", source / "images")
    words = ["-W", "--keep-going", "-n", "-q", "-j", "auto", "-d", str(BUILD / "site-cache")]
    conf = ["-c", str(Path(__file__).parent)]
    done = subprocess.run([sys.executable, "-m", "sphinx", *words, *conf, str(source), str(target)], check=False)
    found = problems(target) if done.returncode == 0 else []
    for problem in found:
        print(f"site: {problem}", file=sys.stderr)
    if found or done.returncode:
        return 1
    print(f"{target / 'index.html'}: {len(list(target.rglob('*.html')))} pages")
    return 0


if __name__ == "__main__":
    sys.exit(main())
