"""Sizes by name: the integers that `gpus-per-worker`, `count` and constraints compute with."""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from dynplan.diagnostics import Findings, Path, nearest
from dynplan.language.expressions import ExprError

_WHOLE = re.compile(r"[0-9]{1,18}")
SIZES_FIX = "write a number, or sizes that stand in `args`"
# The parallel sizes of vLLM (`vllm serve --help`), SGLang (`launch_server --help`) and TensorRT-LLM
# (`trtllm-serve --help`): each is 1 where the command line does not name it.
ONE_BY_DEFAULT = frozenset(
    [
        "tensor-parallel-size",
        "pipeline-parallel-size",
        "data-parallel-size",
        "prefill-context-parallel-size",
        "decode-context-parallel-size",
        "context-parallel-size",
        "expert-parallel-size",
        "data-parallel-size-local",
        "tp-size",
        "pp-size",
        "dp-size",
        "ep-size",
        "attn-dp-size",
        "attn-cp-size",
        "dcp-size",
        "moe-dp-size",
        "tp",
        "pp",
        "dp",
        "ep",
        "cp",
        "tp_size",
        "pp_size",
        "ep_size",
        "cp_size",
    ]
)


# Spellings that one program takes for one size: `--tp`, `--tp-size` and `--tensor-parallel-size` of SGLang.
_SPELLINGS = (
    ("tensor-parallel-size", "tp-size", "tp"),
    ("pipeline-parallel-size", "pp-size", "pp"),
    ("data-parallel-size", "dp-size", "dp"),
    ("expert-parallel-size", "ep-size", "ep"),
    ("context-parallel-size", "cp-size", "cp"),
    ("decode-context-parallel-size", "dcp-size"),
)


def lookup_args(args: Any, others: Iterable[str]) -> Callable[[str], int]:
    """Return the look-up of a name in an `args` table; `others` are names that may be meant instead."""
    table: Mapping[str, Any] = args if isinstance(args, Mapping) else {}

    def lookup(name: str) -> int:
        key = spelling(name, table)
        return _default(name, {*table, *others}) if key is None else whole_number(table[key], key, ("args", key))

    return lookup


def whole_number(value: Any, name: str, at: Path) -> int:
    """Return a size as a number; raises ExprError with its name and place in the role for one that is none."""
    text = str(int(value)) if isinstance(value, bool) else str(value)
    if not isinstance(value, int | str) or not _WHOLE.fullmatch(text):
        raise ExprError(f"`{name}` is no whole number", at=at)
    return int(text)


def report_expression(error: ExprError, path: Path, findings: Findings) -> None:
    """Report an expression of a role that has no value (D112), at what the role says that is at fault."""
    owner = path[:2]
    place = (*owner, *error.at) if error.at else path
    lacks = (*owner, "args", error.lacks) if error.lacks else None
    also = (*owner, "switches")  # where a preset has the expression
    findings.error("D112", str(error), place, help=error.fix or SIZES_FIX, lacks=lacks, also=also)


def spelling(name: str, table: Mapping[str, Any]) -> str | None:
    """Find a key as it stands, or in another spelling of the same size."""
    if name in table:
        return name
    same = names_of(name)
    return next((key for key in table if key.replace("_", "-") in same), None)


def names_of(name: str) -> tuple[str, ...]:
    """Return the names of a size that programs have for it, in small letters with dashes."""
    folded = name.replace("_", "-")
    return (folded, *next((group for group in _SPELLINGS if folded in group), ()))


def _default(name: str, known: Iterable[str]) -> int:
    if name in ONE_BY_DEFAULT or name.replace("_", "-") in ONE_BY_DEFAULT:
        return 1
    near = nearest(name, {*known, *ONE_BY_DEFAULT})
    raise ExprError(f"`{name}` is not set in `args`", f"did you mean `{near}`?" if near else "", lacks=name)
