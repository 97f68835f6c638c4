"""From the files of a launcher to the text of a job: reads them, finds out whose they are, and asks its importer."""

from collections.abc import Mapping, Sequence
from typing import Any

from attrs import frozen

from dynplan.importers.draft import Draft
from dynplan.importers.job_text import cluster_text, job_text
from dynplan.importers.kinds import Kind, is_cluster, is_toml, kind_of
from dynplan.importers.nodes import Tree
from dynplan.importers.points import inlined, joined
from dynplan.importers.source import Entry, Ledger, Part
from dynplan.importers.toml_source import read_toml
from dynplan.importers.variants import tell_unreached, variants
from dynplan.importers.yaml_source import read_yaml

_LAUNCHERS = {Kind.srt: "an srt-slurm recipe", Kind.cloudai: "CloudAI", Kind.trtllm: "a TensorRT-LLM server's file"}


@frozen
class Source:
    """One file: its name as shown, and what is in it."""

    name: str
    raw: bytes


@frozen
class Imported:
    """What was made of files.

    Attributes:
        kind: the launcher that they are for.
        job: the text of the job file.
        cluster: the text of the cluster file; empty where the job holds its keys.
        entries: what became of every key.
    """

    kind: Kind
    job: str
    cluster: str
    entries: tuple[Entry, ...]


def imported(
    sources: Sequence[Source], kind: Kind | None, presets: Mapping[str, Mapping[str, Any]], cluster_file: str = ""
) -> Imported:
    """Return the job that files of another launcher describe.

    Args:
        sources: the files, at least one.
        kind: whose they are, None to find out.
        presets: what the engines of dynplan say, by name.
        cluster_file: the file for what is the site's; empty for a table in the job.

    Raises:
        InputError: D001 to D003, D102 to D106, D701 to D704, each at its line.
    """
    trees = [(read_toml if is_toml(one.name, one.raw) else read_yaml)(one.name, one.raw) for one in sources]
    found = kind or kind_of(trees)
    ledger = Ledger(trees)
    drafts, values = _drafts(found, trees, ledger)
    if not drafts and not ledger.findings.found:
        ledger.wrong("D103", "the file describes no job", trees[0].root, at_key=True)
    ledger.findings.raise_if_errors()
    inlined(drafts, presets)
    draft, sweep = joined(drafts, values)
    header = _header(found, trees)
    cluster = cluster_text(draft, header[:1]) if cluster_file else ""
    return Imported(found, job_text(draft, sweep, header, cluster_file), cluster, tuple(ledger.entries()))


def _drafts(kind: Kind, trees: Sequence[Tree], ledger: Ledger) -> tuple[list[Draft], list[dict[str, Any]]]:
    if kind is Kind.srt:
        return _srt(trees, ledger)
    from dynplan.importers.cloudai import drafts_of as cloudai  # each import is of one kind
    from dynplan.importers.trtllm import drafts_of as trtllm  # the same

    drafts = (cloudai if kind is Kind.cloudai else trtllm)(trees, ledger)
    return drafts, [{} for _ in drafts]


def _srt(trees: Sequence[Tree], ledger: Ledger) -> tuple[list[Draft], list[dict[str, Any]]]:
    from dynplan.importers.srt import draft_of  # the same

    drafts, values = [], []
    recipes = [tree for tree in trees if not is_cluster(tree)] or list(trees)
    cluster = next((Part(tree.root, ledger) for tree in trees if is_cluster(tree) and tree not in recipes), None)
    if len(recipes) > 1:
        ledger.wrong("D702", "one recipe makes one job, and this is a second one", recipes[1].root, at_key=True)
    recipe = recipes[0].root
    found = variants(recipe, ledger)
    for variant in found:
        draft = draft_of(Part(variant.root, ledger), ledger, variant.name, cluster)
        if draft is not None:
            drafts.append(draft)
            values.append({name: node.value for name, node in variant.values.items()})
    ledger.findings.raise_if_errors()
    if "base" in recipe.table:
        tell_unreached(recipe.table["base"], [variant.root for variant in found], ledger)
    return drafts, values


def _header(kind: Kind, trees: Sequence[Tree]) -> tuple[str, ...]:
    names = ", ".join(tree.document.name.rpartition("/")[2] for tree in trees)
    lines = [f"Imported from {names} ({_LAUNCHERS[kind]})."]
    for tree in trees:
        if tree.header:
            lines += ["", *tree.header]
    return tuple(lines)
