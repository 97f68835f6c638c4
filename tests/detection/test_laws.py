"""Laws of detection: whatever Slurm says, a cluster file that reads without a warning; whatever else, no traceback."""

import re

from attrs import evolve, fields
from hypothesis import given
from hypothesis import strategies as st

from dynplan.detection import Said, cluster_text, site_of
from tests.detection.said import active, compiled, detected, node, on_lines, partition
from tests.detection.said import settings as config_text
from tests.laws.profile import law

WORDS = st.text(st.characters(exclude_categories=("Zs", "Zl", "Zp", "Cc", "Cs"), exclude_characters=",="), max_size=12)
NAMES = st.sampled_from(["batch", "gpu", "long", "a-b", "x.y", "@odd", "{it}"]) | WORDS.filter(bool)
TYPES = st.sampled_from(["h100", "a100", "mi300x", "pvc", "1g.10gb", "a100_3g.20gb", "odd type", "", "a+b"]) | WORDS
COUNTS = st.sampled_from([0, 1, 2, 4, 8, 16, 1024, 1025, 10**9]) | st.integers(0, 16)
SUFFIXES = st.sampled_from(["", "(S:0-1)", "(IDX:0-3)", "(S:0)"])
GRES = st.lists(
    st.builds(
        lambda name, kind, count, suffix: f"{name}{kind and ':' + kind}:{count}{suffix}",
        st.sampled_from(["gpu", "gpu", "gpu", "shard", "mps", "nvme"]),
        TYPES,
        COUNTS,
        SUFFIXES,
    ),
    max_size=3,
).map(lambda items: ",".join(items) or "(null)")
STATES = st.sampled_from(["IDLE", "MIXED+CLOUD", "DOWN*+DRAIN", "FUTURE", "ALLOCATED+PLANNED", "UNKNOWN", ""])
NODES = st.lists(
    st.builds(
        lambda name, gres, partitions, state, features, sockets: node(
            name, gres, ",".join(partitions), State=state, ActiveFeatures=",".join(features), Sockets=sockets
        ),
        WORDS.filter(bool),
        GRES,
        st.lists(NAMES, max_size=3),
        STATES,
        st.lists(WORDS | st.sampled_from(["gpu", "ib", "h100", "amd"]), max_size=3),
        st.sampled_from(["1", "2", "", "x"]),
    ),
    min_size=1,
    max_size=8,
).map("".join)
VALUES = (
    st.sampled_from(["YES", "NO", "ALL", "UNLIMITED", "UP", "DOWN", "1-00:00:00", "4", "FORCE:2", "(null)"]) | WORDS
)
PARTITIONS = st.lists(
    st.builds(
        lambda name, more: partition(name, **more),
        NAMES,
        st.dictionaries(
            st.sampled_from(["Default", "Hidden", "RootOnly", "State", "MaxTime", "AllowAccounts", "OverSubscribe"]),
            VALUES,
        ),
    ),
    max_size=4,
).map("".join)
CONFIG = st.dictionaries(
    st.sampled_from(
        (
            *("ClusterName", "SlurmctldPort", "SlurmdPort", "SrunPortRange", "MpiParams", "SelectType", "Prolog"),
            *("AccountingStorageEnforce", "JobSubmitPlugins", "SLURM_VERSION"),
        )
    ),
    st.sampled_from(["6817", "1-65535", "0-0", "ports=1-9999", "select/linear", "associations", "30000-20000"]) | WORDS,
).map(config_text)
TOPOLOGY = st.sampled_from(
    ["", "BlockName=b Nodes=a[1-3] BlockSize=x\n", "BlockName=b Nodes=[\n", "SwitchName=s Level=0 Nodes=a\n" * 3]
)
GRES_CONF = st.lists(
    st.builds(
        lambda kind, count, cores: f"Name=gpu Type={kind} File=/dev/nvidia[0-{count}] Cores={cores}",
        TYPES,
        st.integers(0, 8),
        WORDS,
    ),
    max_size=3,
).map("\n".join)
SITES = st.builds(
    Said,
    nodes=NODES,
    partitions=PARTITIONS,
    config=CONFIG,
    topology=TOPOLOGY,
    srun_help=st.sampled_from(["", "--container-image", "--ntasks"]),
    programs=st.sampled_from(["", "/usr/bin/apptainer", "/usr/bin/singularity\n/usr/bin/docker"]),
    gres_conf=GRES_CONF,
    interfaces=st.sampled_from(["", "ib0 UP 10.2.0.1/16\n"]) | st.text(max_size=40),
    ports=st.sampled_from(["", "32768 60999", "1 65535"]) | st.text(max_size=20),
)


@law
@given(SITES)
def test_what_is_written_is_a_cluster_file_without_a_warning(said: Said) -> None:
    if not site_of(said).nodes:
        return
    text = detected(said)
    cluster, warnings = compiled(text)
    assert warnings == ()
    counts = [group.gpus_per_node for group in cluster.node_groups] or [cluster.gpus_per_node]
    assert [line for line in active(text) if line.startswith("gpus-")] == [f"gpus-per-node = {n}" for n in counts]
    assert all(char.isprintable() for char in text.replace("\n", ""))
    assert max(len(line) for line in text.split("\n") if line.startswith("# ")) < 700, "and so of any length"


@law
@given(SITES)
def test_the_form_of_scontrol_changes_nothing(said: Said) -> None:
    other = evolve(said, nodes=on_lines(said.nodes), partitions=on_lines(said.partitions))
    assert site_of(other).nodes == () if not site_of(said).nodes else detected(other) == detected(said)


@law
@given(SITES, st.data())
def test_for_each_partition_of_its_nodes_there_is_a_file_that_asks_for_no_other(
    said: Said, data: st.DataObject
) -> None:
    site = site_of(said)
    names = sorted({name for one in site.nodes for name in one.partitions})
    if names:
        name = data.draw(st.sampled_from(names))
        cluster, _ = compiled(cluster_text(site, name))
        asked = [dict(cluster.sbatch), *(dict(group.sbatch) for group in cluster.node_groups)]
        assert {options.get("partition", name) for options in asked} == {name}
        there = [one for one in site.nodes if name in one.partitions]
        most = max((gpus.count for one in there for gpus in one.gres.gpus), default=0)
        counts = [cluster.gpus_per_node, *(group.gpus_per_node for group in cluster.node_groups)]
        assert max(counts) <= min(most, 1024)


@law
@given(SITES, st.data())
def test_no_text_is_a_traceback(said: Said, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from([field.name for field in fields(Said)]))
    text = getattr(said, name)
    begin, end = sorted((data.draw(st.integers(0, len(text))), data.draw(st.integers(0, len(text)))))
    torn = evolve(said, **{name: text[:begin] + data.draw(st.text()) + text[end:]})
    if site_of(torn).nodes:
        assert re.match("# ", detected(torn))
        assert compiled(detected(torn))[1] == ()
