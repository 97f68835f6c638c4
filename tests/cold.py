"""A pytest plugin for `make mutants`: every run of the tests starts with cold caches, and with bounds.

mutmut runs the tests of a mutant in a fork of the process that has run them on the unchanged code: what
`functools.cache` holds there are results of the unchanged code.
"""

import resource
import sys

import pytest

MOST_BYTES = 4 << 30  # a mutant may build lists without end


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MOST_BYTES, MOST_BYTES))
    for name, module in list(sys.modules.items()):
        if name.startswith("dynplan."):
            for value in vars(module).values():
                getattr(value, "cache_clear", int)()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run tests with literal examples first: most mutants end there, and the first failure is enough."""
    items.sort(key=lambda item: hasattr(getattr(item, "obj", None), "hypothesis"))
