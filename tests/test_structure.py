"""Which package may know which: imports point one way, and the world is the command line's."""

import ast
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest
from attrs import frozen

import dynplan

PACKAGE = Path(dynplan.__file__).parent
# What each part of dynplan may import: what stands before it on the way from text to script, and not all of that.
MAY_IMPORT: dict[str, set[str]] = {
    "__init__": {"cli", "diagnostics", "model"},  # for other programs, above all others
    "diagnostics": set(),
    "model": {"diagnostics"},
    "language": {"diagnostics", "model"},
    "planner": {"diagnostics", "model", "language"},
    "emitter": {"diagnostics", "model", "language"},
    "views": {"diagnostics", "model", "language", "emitter"},
    "checker": {"diagnostics"},
    "importers": {"diagnostics", "language"},
    "detection": {"diagnostics", "language"},
    "cli": {"diagnostics", "model", "language", "planner", "emitter", "views", "checker", "importers", "detection"},
    "__main__": {"cli"},
}
# Other packages come in by a package's door, its `__init__`, or by one of these: words that several stages share,
# and modules of which a cold `compile` needs none.
BESIDE_THE_DOOR = {
    "cli.api",
    "language.templates",
    "language.placeholders",
    "language.expressions",
    "language.task_numbers",
    "language.shell_text",
    "language.lookups",
    "language.engine_sizes",
    "language.plan_file",
    "language.flags",
    "language.starts",
    "language.settable",
    "language.host_list",
    "language.limits",
    "language.results",
    "language.sweep",
    "emitter.arrays",
    "language.directives",
    "planner.advice",
    "diagnostics.explanations",
    "diagnostics.rendering",
    "diagnostics.paint",
    "diagnostics.records",
    "diagnostics.visible",
    "diagnostics.places",
    "emitter.digests",
    "emitter.lowered",
    "emitter.rows",
    "views.plan_data",
    "views.plan_page",
    "views.text",
    "views.svg",
    "views.progress",
    "views.status",
    "views.slurm",
    "views.logs",
    "views.numbers",
    "views.report",
    "views.columns",
    "views.difference",
    "views.difference.text",
    "views.difference.markdown",
    "views.difference.data",
    "views.runs",
    "views.sweeps",
}
# The world: what a function computes would depend on more than its arguments.
WORLD = {
    *("os", "sys", "io", "pathlib", "shutil", "tempfile", "glob", "fileinput", "subprocess", "signal", "socket"),
    *("time", "random", "secrets", "uuid", "locale", "platform", "getpass", "pwd", "importlib", "logging", "threading"),
    *("asyncio", "multiprocessing", "ctypes", "mmap", "fcntl", "resource", "atexit", "warnings"),
}
# A clock, or the world through a builtin.
WORLDLY = {"now", "today", "utcnow", "open", "input", "print", "exec", "eval", "__import__", "breakpoint"}
LIBRARIES = {"attrs", "tomli_w", "typer"}
OF_IMPORTERS = {"ruamel"}  # an extra: `pip install 'dynplan[import]'`
RENAMED = {"_sha2", "_sha256"}  # one module of the standard library: each version has one of these names
PYTHONS_OWN = {"__init__.py", "__main__.py", "py.typed", "__pycache__"}
MOST_ENTRIES = 12
MOST_LINES = 400
MOST_FUNCTION_LINES = 40


def name_of(path: Path) -> str:
    """Return a module as it is imported below `dynplan`: `language.job`; a package for its `__init__`."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)


FILES = {name_of(path): path for path in sorted(PACKAGE.rglob("*.py"))}
MODULES = sorted(FILES)


def package_of(module: str) -> str:
    """Return the part of dynplan that a module belongs to."""
    return module.partition(".")[0]


CORE = [name for name in MODULES if package_of(name) not in ("cli", "__init__", "__main__")]


@frozen
class Import:
    """One import: the module it names below `dynplan`, or a library; where it stands; whether inside a function."""

    name: str
    line: int
    inside: bool
    ours: bool


def tree(module: str) -> ast.Module:
    return ast.parse(FILES[module].read_text(encoding="utf-8"))


def imports(module: str) -> Iterator[Import]:
    parsed = tree(module)
    at_top = {id(node) for node in parsed.body}
    for node in ast.walk(parsed):
        inside = id(node) not in at_top
        if isinstance(node, ast.Import):
            yield from (Import(alias.name, node.lineno, inside, ours=False) for alias in node.names)
            assert not any(alias.name.startswith("dynplan") for alias in node.names), f"{module}: `from ... import`"
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "an import says the whole name"
            yield from _named(node.module or "", [alias.name for alias in node.names], node.lineno, inside)


def _named(module: str, names: list[str], line: int, inside: bool) -> Iterator[Import]:
    first, _, below = module.partition(".")
    if first != "dynplan":
        yield Import(module, line, inside, ours=False)
        return
    for name in names:
        if (below, name) == ("", "__version__"):
            continue  # a constant that stands before everything else
        whole = f"{below}.{name}".strip(".")
        yield Import(whole if whole in FILES else below or "__init__", line, inside, ours=True)


def below(module: str) -> set[str]:
    """Return the modules of dynplan that a module imports, anywhere in it."""
    return {found.name for found in imports(module) if found.ours}


def roots(module: str) -> set[str]:
    return {found.name.partition(".")[0] for found in imports(module) if not found.ours} - {"__future__"}


def test_no_module_imports_itself_through_others() -> None:
    list(TopologicalSorter({module: below(module) for module in MODULES}).static_order())  # raises CycleError


@pytest.mark.parametrize("module", MODULES)
def test_packages_know_those_before_them_and_no_others(module: str) -> None:
    package = package_of(module)
    assert {package_of(name) for name in below(module)} - {package} <= MAY_IMPORT[package]


def test_the_order_of_the_packages_is_whole_and_has_no_circle() -> None:
    assert set(MAY_IMPORT) == {package_of(module) for module in MODULES}
    list(TopologicalSorter(MAY_IMPORT).static_order())


@pytest.mark.parametrize("module", MODULES)
def test_others_come_in_by_the_door(module: str) -> None:
    strangers = {name for name in below(module) if package_of(name) != package_of(module)}
    assert {name for name in strangers if "." in name} <= BESIDE_THE_DOOR


@pytest.mark.parametrize("module", [name for name in MODULES if (PACKAGE / name).is_dir()])
def test_a_door_says_what_comes_in_and_what_goes_out(module: str) -> None:
    said = ast.get_docstring(tree(module)) or ""
    assert " in" in said
    assert " out" in said


@pytest.mark.parametrize("module", MODULES)
def test_an_import_inside_a_function_says_why(module: str) -> None:
    lines = FILES[module].read_text(encoding="utf-8").splitlines()
    for found in imports(module):
        assert not found.inside or "  # " in lines[found.line - 1], f"{module}:{found.line}"


@pytest.mark.parametrize("module", MODULES)
def test_nothing_is_imported_but_the_standard_library_and_three_others(module: str) -> None:
    extra = OF_IMPORTERS if package_of(module) == "importers" else set()
    assert roots(module) <= {*sys.stdlib_module_names, *LIBRARIES, *RENAMED, *extra}
    assert "typer" not in roots(module) or package_of(module) == "cli"


@pytest.mark.parametrize("module", CORE)
def test_the_core_knows_no_file_no_clock_and_no_environment(module: str) -> None:
    assert roots(module).isdisjoint(WORLD)
    called = {
        node.func.id if isinstance(node.func, ast.Name) else node.func.attr
        for node in ast.walk(tree(module))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute)
    }
    assert called.isdisjoint(WORLDLY)


def test_the_package_is_a_dozen_entries() -> None:
    assert len([path for path in PACKAGE.iterdir() if path.name not in PYTHONS_OWN]) <= MOST_ENTRIES


@pytest.mark.parametrize("module", MODULES)
def test_modules_and_functions_are_short(module: str) -> None:
    lines = FILES[module].read_text(encoding="utf-8").splitlines()
    assert len(lines) <= MOST_LINES, "look for a second noun in it"
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.FunctionDef):
            first = node.body[0]
            docstring = ast.get_docstring(node)
            said = (first.end_lineno or 0) - first.lineno + 1 if docstring else 0
            assert (node.end_lineno or 0) - node.lineno + 1 - said <= MOST_FUNCTION_LINES, node.name
