"""Sizes by name: the integers that `gpus-per-worker`, `count` and constraints compute with."""

import re
from collections.abc import Callable, Mapping
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


def lookup_args(args: Any) -> Callable[[str], int]:
    """Return the look-up of a name in an `args` table, for `dynplan.language.expressions`."""
    table: Mapping[str, Any] = args if isinstance(args, Mapping) else {}

    def lookup(name: str) -> int:
        key = spelling(name, table)
        if key is None:
            return _default(name, table)
        value = table[key]
        if isinstance(value, bool) or not isinstance(value, int | str) or not _WHOLE.fullmatch(str(value)):
            raise ExprError(f"`{key}` is no whole number", key=key)
        return int(value)

    return lookup


def report_expression(error: ExprError, path: Path, findings: Findings) -> None:
    """Report an expression of a role that has no value (D112), at the one of its `args` that is at fault."""
    owner = path[:2]
    place = (*owner, "args", error.key) if error.key else path
    lacks = (*owner, "args", error.lacks) if error.lacks else None
    findings.error("D112", str(error), place, help=error.fix or SIZES_FIX, lacks=lacks)


def spelling(name: str, table: Mapping[str, Any]) -> str | None:
    """Find a key as it stands, or in another spelling of the same size."""
    if name in table:
        return name
    folded = name.replace("_", "-")
    same = next((group for group in _SPELLINGS if folded in group), (folded,))
    return next((key for key in table if key.replace("_", "-") in (folded, *same)), None)


def _default(name: str, table: Mapping[str, Any]) -> int:
    if name in ONE_BY_DEFAULT or name.replace("_", "-") in ONE_BY_DEFAULT:
        return 1
    near = nearest(name, {*table, *ONE_BY_DEFAULT})
    raise ExprError(f"`{name}` is not set in `args`", f"did you mean `{near}`?" if near else "", lacks=name)
