"""The text of a cluster file: what was found of a site, each line with where it is from."""

import re
from collections.abc import Iterator, Sequence

from dynplan.detection.choices import Choice, choices, vendor
from dynplan.detection.entries import DECIDE, Entry, comment, is_plain, written
from dynplan.detection.node_entries import account, asked, described, gpus, partition_notes, vendor_entry
from dynplan.detection.site import Site
from dynplan.detection.surround_entries import surroundings
from dynplan.diagnostics import counted

_MOST_GROUPS = 12  # that are written out


def cluster_text(site: Site, partition: str = "") -> str:
    """Return a cluster file, TOML: with node groups where there are several kinds of node.

    Args:
        site: what was found; it has nodes.
        partition: the only partition that counts; empty for all of them.
    """
    found = choices(site, partition)
    alike, others = _of_one_vendor(found, site)
    main, several = alike[0], len(alike) > 1
    entries = [*_name(site), *([] if several else gpus(main, site)), *vendor_entry(main, site), *surroundings(site)]
    lines = [
        *comment(f"What Slurm{_version(site)} says of this cluster, as `dynplan cluster detect` has read it."),
        *comment("Look it over: DECIDE marks what only a person knows. All keys: docs/cluster-file.md."),
        "",
        "[cluster]",
        *written(entries)[1:],
        "",
        "[cluster.sbatch]",
        *written([*(() if several else _options(main)), *_for_all(main, site)])[1:],
        *(_groups(alike, site) if several else ()),
        *written(_left_out([*alike[_MOST_GROUPS:], *others], site)),
    ]
    return "\n".join(lines).rstrip("\n") + "\n"


def _of_one_vendor(found: Sequence[Choice], site: Site) -> tuple[list[Choice], list[Choice]]:
    """Return the kinds of node that can stand in one cluster file, whose GPUs are of one vendor, and the others."""
    whose = vendor(found[0], site) or "nvidia"  # as is written where nothing says it
    alike = [one for one in found if not one.kind.main.count or (vendor(one, site) or whose) == whose]
    return alike, [one for one in found if one not in alike]


def _version(site: Site) -> str:
    version = site.config.get("SLURM_VERSION", "")
    return f" {version}" if is_plain(version) else ""


def _name(site: Site) -> Iterator[Entry]:
    name = site.config.get("ClusterName", "")
    if is_plain(name):
        yield Entry(("ClusterName.",), "name", name)
    else:
        yield Entry(("For people: Slurm did not say what it is called.",), "name", "my-cluster", is_set=False)


def _options(choice: Choice) -> Iterator[Entry]:
    """Yield the options of sbatch, a key for each."""
    options = asked(choice)
    yield Entry(tuple(partition_notes(choice)), "partition", options.get("partition", "..."), "partition" in options)
    for key in ("constraint", "account"):
        if key in options:
            yield Entry((), key, options[key])


def _for_all(choice: Choice, site: Site) -> Iterator[Entry]:
    """Yield what is to be known of each request."""
    yield from account(choice, site)
    plugins = site.config.get("JobSubmitPlugins", "")
    if plugins:
        yield Entry((f"JobSubmitPlugins={plugins}: the site may refuse or change what is asked for.",))


def _groups(found: Sequence[Choice], site: Site) -> Iterator[str]:
    """Yield the node groups, that with most GPUs first."""
    yield ""
    yield from comment(
        "Kinds of nodes: a role stands in the first group that has the GPUs it needs, or in the one that its `group` "
        "names, and one without GPUs in the first of all."
    )
    names: set[str] = set()
    for choice in found[:_MOST_GROUPS]:
        name = _group_name(choice, names)
        names.add(name)
        yield from ("", "[[cluster.node-groups]]", f'name = "{name}"')
        notes = tuple(partition_notes(choice))
        entries = [*gpus(choice, site), Entry(notes, "sbatch", asked(choice), bool(asked(choice)))]
        yield from written(entries)


def _group_name(choice: Choice, taken: set[str]) -> str:
    """Return a name that no other group has, made of what the GPUs are called: letters, digits, `-` and `_`."""
    main = choice.kind.main
    word = re.sub(r"[^a-z0-9_]+", "-", main.type.lower()).strip("-_")
    plain = word if re.match("[a-z]", word) else f"gpu-{word}".strip("-") if main.count else "cpu"
    names = (plain[:40], f"{plain[:40]}-{main.count}", *(f"{plain[:40]}-{main.count}-{i}" for i in range(2, 1000)))
    return next((name for name in names if name not in taken), "")


def _left_out(others: Sequence[Choice], site: Site) -> Iterator[Entry]:
    """Yield the kinds of node that are in no cluster file with the first: for `--partition`."""
    if others:
        said = "Left out: more kinds of nodes, or GPUs of another vendor. `--partition NAME` makes a file of theirs."
        yield Entry((f"{DECIDE}{said}",))
    for choice in others[:_MOST_GROUPS]:
        yield Entry((f"{described(choice)} ({vendor(choice, site) or 'nobody says whose'}).",))
    if len(others) > _MOST_GROUPS:
        yield Entry((f"... and {counted(len(others) - _MOST_GROUPS, 'kind')} more, or others still.",))
