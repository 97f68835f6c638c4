"""Which launcher a file is for, by its keys."""

from collections.abc import Sequence
from enum import StrEnum

from dynplan.diagnostics import Finding, InputError
from dynplan.importers.nodes import Tree


class Kind(StrEnum):
    """A launcher whose files can be read."""

    srt = "srt"
    cloudai = "cloudai"
    trtllm = "trtllm"


def is_toml(name: str, raw: bytes) -> bool:
    """Tell whether a file is TOML, by its name, or where that says nothing by its first line with a key."""
    ending = name.rpartition(".")[2].lower()
    if ending in ("toml", "yaml", "yml"):
        return ending == "toml"
    lines = (line.strip() for line in raw.decode(errors="replace").splitlines())
    first = next((line for line in lines if line and not line.startswith("#")), "")
    return first.startswith("[") or ("=" in first and ":" not in first.partition("=")[0])


def kind_of(trees: Sequence[Tree]) -> Kind:
    """Return the launcher that files are for.

    Raises:
        InputError: D702 where no launcher has such keys.
    """
    found = {kind: tree for tree in trees if (kind := _kind(tree))}
    if len(found) == 1 and all(_kind(tree) or is_cluster(tree) for tree in trees):
        return next(iter(found))
    tree = next((tree for tree in trees if not _kind(tree)), trees[-1])
    message = "the files are for different launchers" if len(found) > 1 else "no launcher that is known has these keys"
    fix = "say whose file it is: `--from srt`, `--from cloudai` or `--from trtllm`"
    raise InputError(
        [Finding("D702", message, help=fix, document=tree.document, span=tree.root.span._replace(end_line=1))]
    )


def _kind(tree: Tree) -> Kind | None:
    table = tree.root.table
    if "context_servers" in table or "generation_servers" in table:
        return Kind.trtllm
    if "Tests" in table or "test_template_name" in table or "cmd_args" in table:
        return Kind.cloudai
    srt = ("resources", "roles", "backend", "engine", "benchmark", "model")
    if "base" in table or sum(key in table for key in ("name", *srt)) > 1:
        return Kind.srt
    return None


def is_cluster(tree: Tree) -> bool:
    """Tell whether a file is srt-slurm's description of a cluster, which may stand beside a recipe."""
    return any(key in tree.root.table for key in ("model_paths", "containers", "srtctl_root", "default_account"))
