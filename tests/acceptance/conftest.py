"""The throwaway Slurm of the real runs, and the environments that `install.sh` made for them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.slurm.lab import Lab
from tests.testbed import Cluster, obstacle

HERE = Path(__file__).parent
CACHE = HERE.parents[1] / ".cache"
PROGRAMS = HERE / "programs"  # what the jobs run beside the real things


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Collect these tests only where they are asked for by path: `pytest tests/acceptance`."""
    asked = (Path(config.invocation_params.dir, word.split("::")[0]).resolve() for word in config.args)
    return None if any(path.is_relative_to(HERE) for path in asked) else True


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A cluster of four nodes with eight GPUs, for one run behind the other."""
    if reason := obstacle():
        pytest.fail(reason)
    with Cluster.up(nodes=4) as cluster:
        yield Lab(cluster, tmp_path_factory.mktemp("acceptance"))


def environment(name: str) -> Path:
    """Return the folder of one of the environments below `environments/`, as `install.sh NAME` makes it."""
    folder = CACHE / name
    if not (folder / "installed").exists():
        pytest.fail(f"{folder} is not there: run tests/acceptance/install.sh {name}")
    return folder


def constants(**more: Path) -> str:
    """Return the `[vars]` of a job file: `programs`, and what else it names."""
    return "[vars]\n" + "".join(f'{name} = "{path}"\n' for name, path in {"programs": PROGRAMS, **more}.items())
