"""Sizes of an engine that are not counted as meant. Loaded only where a role has an engine with sizes."""

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from dynplan.diagnostics import Findings, Path
from dynplan.diagnostics.visible import brief
from dynplan.language.engine_sizes import EngineSize, EngineSizes, Setting, settings
from dynplan.language.expressions import ExprError, evaluate
from dynplan.language.lookups import lookup_of
from dynplan.language.tables import name_of

_FORMULA = "gpus-per-worker"
_SHORTEST = 6  # characters of an option that may be a slip for another
_LONGEST = 40  # characters of a value that is told
_MOST = 20  # warnings of a kind for a role
_NOT_COUNTED = ("leader-args", "follower-args")


def check_sizes(role: Mapping[str, Any], own: Mapping[str, Any], engine: str, path: Path, findings: Findings) -> None:
    """Report options that look like a size of the engine and are none, and sizes where they are not counted (W107).

    Sizes that a role says twice are W108.

    Args:
        role: its resolved table.
        own: its table without the preset.
        engine: what the role calls it.
        path: of the role.
        findings: where to report.
    """
    sizes = EngineSizes(role)
    args = _table(role.get("args"))
    slips = ((key, _meant(f"--{key}", sizes)) for key in args if not sizes.taken(f"--{key}"))
    told = {finding.path for finding in findings.found}
    for key, size in islice(((key, size) for key, size in slips if size), _MOST):
        if (*path, "args", key) not in told:
            message = f"`{key}` of role `{path[-1]}` is no size of engine `{engine}`, and counts no GPUs"
            fix = f"did you mean `{size.name}`?"
            findings.warn("W107", message, (*path, "args", key), help=fix, key=True)
    for option, where in islice(_hidden(own, sizes), _MOST):
        message = f"`{option}` in {name_of((*path, *where))} is a size, and counts no GPUs there"
        findings.warn("W107", message, (*path, *where), help="write it in `args`")
    first: dict[str, Setting] = {}
    twice: set[str] = set()
    for setting in settings(role, sizes):
        before = first.setdefault(setting.size.name, setting)
        if str(before.value) != str(setting.value) and setting.size.name not in twice:
            twice.add(setting.size.name)
            was, now = (brief(str(one.value), _LONGEST) for one in (before, setting))
            message = (
                f"`{setting.size.name}` of role `{path[-1]}` is {was} by `{before.option}`"
                f" and {now} by `{setting.option}`, which comes last and counts"
            )
            findings.warn("W108", message, (*path, *setting.at), help="say it once")


def _table(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _hidden(role: Mapping[str, Any], sizes: EngineSizes) -> Iterator[tuple[str, Path]]:
    """Yield options of sizes where they are not counted: in a command for bash, and where not all tasks have them."""
    for key in ("command", *_NOT_COUNTED):
        value = role.get(key)
        if isinstance(value, str):
            yield from ((word.partition("=")[0], (key,)) for word in value.split() if _is_size(word, sizes))
        elif isinstance(value, list) and key != "command":
            yield from ((str(word), (key, at)) for at, word in enumerate(value) if _is_size(word, sizes))
    for key in ("command", "extra-args", *_NOT_COUNTED):
        value = role.get(key)
        for at, item in enumerate(value if isinstance(value, list) else []):
            words = item.get("args") if isinstance(item, Mapping) else None
            for word in words if isinstance(words, list) else []:
                if _is_size(word, sizes):
                    yield str(word), (key, at)


def _is_size(word: Any, sizes: EngineSizes) -> bool:
    return isinstance(word, str) and word[:1] == "-" and bool(sizes.taken(word.partition("=")[0]))


def check_gpus(role: Mapping[str, Any], engine: str, formula: str, path: Path, findings: Findings) -> None:
    """Report a number of GPUs that is not what the sizes of the engine come to (W108); 0 is a worker without any.

    Arguments as in `check_sizes`; `formula` is the engine's.
    """
    sizes = EngineSizes(role)
    lookup = lookup_of(role)
    try:
        needs = evaluate(formula, lookup)
        own = role.get(_FORMULA)
        has = evaluate(own, lookup) if isinstance(own, str) else own
    except ExprError:  # reported where the role is read, if it matters
        return
    if not isinstance(has, int) or isinstance(has, bool) or has in (0, needs):
        return
    set_by = {setting.size.name: f"`{setting.option} {setting.value}`" for setting in settings(role, sizes)}
    by = ", ".join(set_by.values()) or f"`{formula}`, none of which is set"
    message = f"role `{path[-1]}` has {has} GPUs for a worker, and engine `{engine}` needs {needs}: {by}"
    fix = f"leave `{_FORMULA}` out: it is computed from the sizes"
    findings.warn("W108", message, (*path, _FORMULA), help=fix)


def _meant(option: str, sizes: EngineSizes) -> EngineSize | None:
    """Return the size that an option is another spelling of, or a slip for."""
    plain = option.lstrip("-").replace("_", "-").lower()
    for size in sizes.all:
        for known in size.options:
            other = known.strip("-*").replace("_", "-").lower()
            if plain == other or (len(other) >= _SHORTEST and known[-1] != "*" and _close(plain, other)):
                return size
    return None


def _close(word: str, other: str) -> bool:
    """Tell whether one letter more, less, other or out of place makes one of two words, or twice in a long one."""
    most = 1 if len(other) < 2 * _SHORTEST else 2
    if abs(len(word) - len(other)) > most or len(set(word) ^ set(other)) > 2 * most:
        return False
    before, row = [0] * (len(other) + 1), list(range(len(other) + 1))
    for at, char in enumerate(word, 1):
        two, before, row = before, row, [at]
        for to, wanted in enumerate(other, 1):
            cost = min(before[to] + 1, row[-1] + 1, before[to - 1] + (char != wanted))
            if at > 1 and to > 1 and (char, word[at - 2]) == (other[to - 2], wanted):
                cost = min(cost, two[to - 2] + 1)
            row.append(cost)
    return row[-1] <= most
