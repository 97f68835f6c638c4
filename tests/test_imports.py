"""Which module may know which: imports point down, and the world is the command line's."""

import ast
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest
from attrs import frozen

import dynplan

PACKAGE = Path(dynplan.__file__).parent
SHELL = {"cli", "files", "__main__"}  # all that touches files, streams, environment and processes
MODULES = sorted(path.stem for path in PACKAGE.glob("*.py"))
CORE = [name for name in MODULES if name not in SHELL]

# The world: what a function computes would depend on more than its arguments.
WORLD = {
    *("os", "sys", "io", "pathlib", "shutil", "tempfile", "glob", "fileinput", "subprocess", "signal", "socket"),
    *("time", "random", "secrets", "uuid", "locale", "platform", "getpass", "pwd", "importlib", "logging", "threading"),
    *("asyncio", "multiprocessing", "ctypes", "mmap", "fcntl", "resource", "atexit", "warnings"),
}
# A clock, or the world through a builtin.
WORLDLY = {"now", "today", "utcnow", "open", "input", "print", "exec", "eval", "__import__", "breakpoint"}
LIBRARIES = {"attrs", "tomli_w", "typer"}


@frozen
class Import:
    """One imported name: the module it is in, and where the statement stands."""

    name: str
    line: int
    inside: bool


def tree(module: str) -> ast.Module:
    return ast.parse((PACKAGE / f"{module}.py").read_text(encoding="utf-8"))


def imports(module: str) -> Iterator[Import]:
    parsed = tree(module)
    at_top = {id(node) for node in parsed.body}
    for node in ast.walk(parsed):
        inside = id(node) not in at_top
        if isinstance(node, ast.Import):
            yield from (Import(alias.name, node.lineno, inside) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "a flat package needs no relative imports"
            if node.module == "dynplan":
                yield from (Import(f"dynplan.{alias.name}", node.lineno, inside) for alias in node.names)
            else:
                yield Import(node.module or "", node.lineno, inside)


def below(module: str) -> set[str]:
    """Return the modules of dynplan that a module imports, anywhere in it."""
    names = {found.name.removeprefix("dynplan.") for found in imports(module) if found.name.startswith("dynplan.")}
    return names & set(MODULES)


def roots(module: str) -> set[str]:
    return {found.name.partition(".")[0] for found in imports(module)} - {"dynplan", "__future__"}


def test_no_module_imports_itself_through_others() -> None:
    graph = {module: below(module) for module in MODULES}
    order = list(TopologicalSorter(graph).static_order())  # raises CycleError with the ring
    assert order[-1] == "__main__"
    assert {name for name in MODULES if "cli" in graph[name]} == {"__main__"}


@pytest.mark.parametrize("module", MODULES)
def test_an_import_inside_a_function_says_why(module: str) -> None:
    lines = (PACKAGE / f"{module}.py").read_text(encoding="utf-8").splitlines()
    for found in imports(module):
        assert not found.inside or "  # " in lines[found.line - 1], f"{module}.py:{found.line}"


@pytest.mark.parametrize("module", MODULES)
def test_nothing_is_imported_but_the_standard_library_and_three_others(module: str) -> None:
    assert roots(module) <= {*sys.stdlib_module_names, *LIBRARIES}
    assert "typer" not in roots(module) or module == "cli"


@pytest.mark.parametrize("module", CORE)
def test_the_core_knows_no_file_no_clock_and_no_environment(module: str) -> None:
    assert roots(module).isdisjoint(WORLD)
    called = {
        node.func.id if isinstance(node.func, ast.Name) else node.func.attr
        for node in ast.walk(tree(module))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute)
    }
    assert called.isdisjoint(WORLDLY)


def test_the_emitter_and_the_views_know_the_plan_and_not_how_it_was_made() -> None:
    planner = {"planner", "demand", "nodes", "allocate", "slices", "ports", "ledger", "services", "pack"}
    assert planner <= set(MODULES), "a stage has another name now: use it here"
    for module in ("script", "directives", "fold", "rows", "quote", "show", "svg", "view", "planfile"):
        assert reach(module).isdisjoint(planner), module


def test_the_checker_shares_nothing_with_the_planner() -> None:
    planner = reach("planner") & set(MODULES)
    language = reach("read") | {"read", "errors", "record", "model"}
    assert reach("check") & planner <= language


def reach(module: str) -> set[str]:
    """Return all modules that a module rests on."""
    found: set[str] = set()
    new = below(module)
    while new:
        found |= new
        new = set().union(*(below(name) for name in new)) - found
    return found
