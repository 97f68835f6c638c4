"""What a cluster file says of what Slurm says: literal texts in, the lines that count out."""

import re
import time

import pytest

from dynplan.detection import Said, site_of
from dynplan.detection.gres import Gpus, read_gres, vendor_of
from dynplan.detection.gres_conf import islands, read_gres_conf
from dynplan.detection.surroundings import Ports, free_range, read_interfaces, read_ports
from tests.detection.said import active, compiled, detected, node, nodes, on_lines, partition, settings

EIGHT = nodes(["g1", "g2", "g3"], "gpu:h100:8(S:0-1)")


def line(text: str, key: str) -> str:
    """Return the line that sets a key, or would: empty where there is none."""
    found = re.findall(rf"^(?:# )?{key} = .*$", text, re.MULTILINE)
    return found[0] if found else ""


def said_of(text: str, key: str) -> str:
    """Return what is said above the first line with a key, as one line."""
    found = re.search(rf"((?:^# .*\n)*)^(?:# )?{key} = ", text, re.MULTILINE)
    assert found, text
    return " ".join(line.removeprefix("# ") for line in found[1].splitlines())


# One kind of node


def test_a_plain_site_gives_a_file_that_says_all_of_it() -> None:
    said = Said(
        nodes=EIGHT,
        partitions=partition("batch", Default="YES", MaxTime="1-00:00:00", MaxNodes="2"),
        config=settings({"ClusterName": "eos", "SlurmctldPort": "6817", "SlurmdPort": "6818", "SrunPortRange": "0-0"}),
        srun_help="      --container-image=[USER@][REGISTRY#]IMAGE[:TAG]|PATH",
        ports="32768\t60999\n",
    )
    text = detected(said)
    assert active(text) == [
        "[cluster]",
        'name = "eos"',
        "gpus-per-node = 8",
        'gpu-request = "gpus-per-node"',
        'gpu-vendor = "nvidia"',
        'container-runtime = "pyxis"',
        'port-range = "20000-21999"',
        'reserved-ports = ["6817", "6818"]',
        'ephemeral-ports = "32768-60999"',
        "[cluster.sbatch]",
        'partition = "batch"',
    ]
    about = said_of(text, "gpus-per-node")
    assert about == "3 nodes of partition batch, g1 to g3: Gres=gpu:h100:8(S:0-1), 64 CPUs, 500 GiB."
    assert said_of(text, "partition") == "The default partition: MaxTime=1-00:00:00, MaxNodes=2."
    cluster, warnings = compiled(text)
    assert (cluster.gpus_per_node, cluster.sbatch, warnings) == (8, (("partition", "batch"),), ())


def test_both_forms_of_scontrol_say_the_same() -> None:
    words, names = {"Default": "YES"}, ["batch", "debug"]
    partitions = "".join(partition(name, **words) for name in names)
    one = Said(nodes=EIGHT + node("c1", "(null)", "batch,debug"), partitions=partitions)
    other = Said(nodes=on_lines(one.nodes).replace("S:0-1", "S:0-1"), partitions=on_lines(partitions))
    assert detected(one) == detected(other)


def test_without_a_word_but_of_nodes_it_is_a_cluster_file() -> None:
    cluster, warnings = compiled(detected(Said(nodes="NodeName=n1\n")))
    assert (cluster.gpus_per_node, cluster.container_runtime, cluster.sbatch, warnings) == (0, "none", (), ())


def test_what_people_write_on_a_node_is_not_taken_for_what_it_has() -> None:
    text = node("g1", "gpu:h100:8", Comment="Gres=gpu:a100:2 State=FUTURE", Reason="Partitions=x NodeName=y")
    site = site_of(Said(nodes=text))
    assert [(one.name, one.gres.gpus, one.partitions) for one in site.nodes] == [
        ("g1", (Gpus("h100", 8),), ("batch",)),
    ]


@pytest.mark.parametrize("state", ["DOWN*", "IDLE+DRAIN", "MIXED+DRAIN", "DOWN+DRAIN+NOT_RESPONDING", "IDLE*+FAIL"])
def test_nodes_that_are_away_are_counted_and_said(state: str) -> None:
    text = detected(Said(nodes=EIGHT + node("g4", "gpu:h100:8(S:0-1)", State=state, Reason="Disk [root@2026]")))
    assert "4 nodes of partition batch, g1 to g4 (1 of them down or drained)" in text.replace("\n# ", " ")


@pytest.mark.parametrize("state", ["IDLE+CLOUD+POWERED_DOWN", "IDLE+PLANNED", "ALLOCATED", "MIXED+RESERVED"])
def test_nodes_in_the_cloud_and_busy_ones_are_there(state: str) -> None:
    assert "down" not in said_of(detected(Said(nodes=node("g1", "gpu:h100:8", State=state))), "gpus-per-node")


def test_nodes_of_the_future_are_none_yet() -> None:
    text = detected(Said(nodes=EIGHT + nodes(["f1", "f2", "f3", "f4"], "gpu:gb300:8", State="FUTURE")))
    assert "gb300" not in text


# GPUs and their names


@pytest.mark.parametrize(
    ("text", "gpus", "others"),
    [
        ("(null)", (), ()),
        ("gpu:8", (Gpus("", 8),), ()),
        ("gpu", (Gpus("", 1),), ()),
        ("gpu:h100:8(S:0-1)", (Gpus("h100", 8),), ()),
        ("gpu:h100:4(S:0),gpu:h100:4(S:1)", (Gpus("h100", 8),), ()),
        ("gpu:a100:4,gpu:1g.10gb:8", (Gpus("a100", 4), Gpus("1g.10gb", 8)), ()),
        ("gpu:a100:no_consume:4(S:0),shard:a100:32(S:0),nvme:1", (Gpus("a100", 4),), ("shard", "nvme")),
        ("craynetwork:4,gpu:h100:4,bandwidth:lustre:no_consume:4G", (Gpus("h100", 4),), ("craynetwork", "bandwidth")),
        ("gpu:a100:0", (), ()),
        ("gpu:nvidia_h100_80gb_hbm3:8(IDX:0-7)", (Gpus("nvidia_h100_80gb_hbm3", 8),), ()),
        ("mps:800,gpu:v100:4", (Gpus("v100", 4),), ("mps",)),
    ],
)
def test_a_gres_list_is_read(text: str, gpus: tuple[Gpus, ...], others: tuple[str, ...]) -> None:
    assert (read_gres(text).gpus, read_gres(text).others) == (gpus, others)


@pytest.mark.parametrize(
    ("name", "vendor"),
    [
        *(
            (name, "nvidia")
            for name in ("h100", "h200", "a100", "b200", "gb200", "gb300", "gh200", "l40s", "a40", "t4")
        ),
        *((name, "nvidia") for name in ("tesla_v100-sxm2-16gb", "nvidia_a100_80gb", "rtx_6000", "rtxproserver6000")),
        *(
            (name, "nvidia")
            for name in ("rtx2080ti", "2080ti", "quadro_rtx_8000", "p100", "k80", "H100", "a100_3g.20gb")
        ),
        *((name, "amd") for name in ("mi300x", "mi250", "MI210", "amd_mi355x", "instinct-mi100", "gfx942")),
        *((name, "intel") for name in ("pvc", "pvc128g", "intel_max_1550", "max1550", "ponte_vecchio")),
        *((name, "") for name in ("", "fast", "gpu0", "mitarb")),
    ],
)
def test_the_name_of_a_type_says_whose_gpus_they_are(name: str, vendor: str) -> None:
    assert vendor_of([name]) == vendor


def test_a_feature_says_whose_gpus_they_are_but_a_processors_maker_does_not() -> None:
    assert vendor_of([""], ["intel", "amd", "epyc"]) == ""
    assert vendor_of([""], ["amd", "rome", "h100"]) == "nvidia"
    text = detected(Said(nodes=node("g1", "gpu:8", ActiveFeatures="intel,mi300x")))
    assert line(text, "gpu-vendor") == 'gpu-vendor = "amd"'


def test_gres_conf_says_whose_gpus_are_that_have_no_type() -> None:
    said = Said(nodes=node("g1", "gpu:8"), gres_conf="AutoDetect=rsmi\n")
    assert line(detected(said), "gpu-vendor") == 'gpu-vendor = "amd"'
    unknown = detected(Said(nodes=node("g1", "gpu:8")))
    assert said_of(unknown, "gpu-vendor").startswith("DECIDE: ")


def test_parts_of_gpus_are_no_gpus_of_the_nodes() -> None:
    text = detected(Said(nodes=node("g1", "gpu:a100:4,gpu:1g.10gb:8(S:0),shard:16")))
    assert active(text)[1:3] == ["gpus-per-node = 4", 'gpu-request = "gres:a100"']
    assert "Parts of GPUs (MIG) are not counted" in text
    assert "Shares of GPUs (shard)" in text


def test_where_there_are_parts_alone_it_says_what_they_are() -> None:
    text = detected(Said(nodes=node("g1", "gpu:a100_1g.5gb:28")))
    assert line(text, "gpus-per-node") == "gpus-per-node = 28"
    assert "Each is a part of a GPU (a100_1g.5gb)" in text


def test_features_that_tell_of_gpus_which_slurm_has_not_are_to_decide() -> None:
    text = detected(Said(nodes=node("g1", ActiveFeatures="gpu,h100")))
    assert line(text, "gpus-per-node") == "gpus-per-node = 0"
    assert "DECIDE: Slurm has no GPUs, but features of nodes tell of some (gpu)" in text


# How Slurm is asked


@pytest.mark.parametrize(
    ("select", "asked"),
    [
        ("select/cons_tres", "gpus-per-node"),
        ("select/cons_res", "gres"),
        ("select/linear", "none"),
    ],
)
def test_the_request_is_one_that_the_select_plugin_knows(select: str, asked: str) -> None:
    said = Said(nodes=EIGHT, config=settings({"SelectType": select}))
    assert line(detected(said), "gpu-request") == f'gpu-request = "{asked}"'


def test_other_forms_of_the_request_are_told() -> None:
    assert said_of(detected(Said(nodes=EIGHT)), "gpu-request").endswith(
        'Some want "gres:h100" or "gres": their pages say so.'
    )
    assert 'Some want "gres": their' in detected(Said(nodes=node("g1", "gpu:8")))


def test_two_types_in_one_partition_are_asked_for_by_type() -> None:
    text = detected(Said(nodes=EIGHT + node("a1", "gpu:a100:8")))
    assert line(text, "gpu-request") == 'gpu-request = "gres:h100"'
    assert said_of(text, "gpu-request") == "the partition has other GPUs too (8 a100)."


def test_fewer_gpus_of_another_type_cannot_be_given_in_their_place() -> None:
    text = detected(Said(nodes=EIGHT + node("a1", "gpu:a100:4")))
    assert line(text, "gpu-request") == 'gpu-request = "gpus-per-node"'


def test_what_no_type_tells_apart_a_feature_does() -> None:
    mixed = nodes(["g1", "g2"], "gpu:8", ActiveFeatures="ib,new") + node("g3", "gpu:h100:8", ActiveFeatures="ib,old")
    text = detected(Said(nodes=mixed))
    assert 'sbatch = { partition = "batch", constraint = "new" }' in active(text)
    without = detected(Said(nodes=nodes(["g1", "g2"], "gpu:8") + node("g3", "gpu:h100:8")))
    assert "constraint" not in without
    assert "DECIDE: the partition has other nodes too" in without.replace("\n# ", " ")


# Partitions


def test_the_partition_is_the_one_with_most_of_the_nodes_then_the_default_one() -> None:
    some = nodes(["g1", "g2"], "gpu:h100:8", "debug,batch,all") + nodes(["g3"], "gpu:h100:8", "batch,all")
    said = Said(nodes=some, partitions=partition("debug", Default="YES") + partition("all") + partition("batch"))
    assert line(detected(said), "partition") == 'partition = "all"'
    preferred = partition("all") + partition("batch", Default="YES", MaxTime="2:00:00")
    text = detected(Said(nodes=some, partitions=preferred + partition("debug", MaxTime="30:00")))
    assert line(text, "partition") == 'partition = "batch"'
    assert "Others with such nodes: all; debug: MaxTime=30:00." in text.replace("\n# ", " ")


@pytest.mark.parametrize("more", [{"Hidden": "YES"}, {"RootOnly": "YES"}, {"State": "DOWN"}, {"State": "INACTIVE"}])
def test_partitions_that_take_no_jobs_of_users_are_the_last_choice(more: dict[str, str]) -> None:
    some = nodes(["g1", "g2"], "gpu:h100:8", "admin") + nodes(["g3"], "gpu:a100:4", "admin,batch")
    partitions = partition("admin", Default="YES", **more) + partition("batch")
    text = detected(Said(nodes=some, partitions=partitions))
    assert (line(text, "gpus-per-node"), line(text, "partition")) == ("gpus-per-node = 4", 'partition = "batch"')
    assert "node-groups" not in text
    only = detected(Said(nodes=some, partitions=partition("admin", **more) + partition("batch")), "admin")
    assert [line for line in active(only) if line.startswith("sbatch")] == ['sbatch = { partition = "admin" }'] * 2


def test_one_partition_alone_can_be_asked_for() -> None:
    some = EIGHT + nodes(["c1", "c2"], "(null)", "cpu")
    text = detected(Said(nodes=some, partitions=partition("batch", Default="YES") + partition("cpu")), "cpu")
    assert (line(text, "gpus-per-node"), line(text, "partition")) == ("gpus-per-node = 0", 'partition = "cpu"')
    assert "h100" not in text
    assert "gpu-request" not in text


def test_an_account_is_written_where_there_is_one_and_asked_for_where_there_are_more() -> None:
    one = detected(Said(nodes=EIGHT, partitions=partition("batch", AllowAccounts="nlp")))
    assert active(one)[-1] == 'account = "nlp"'
    two = detected(Said(nodes=EIGHT, partitions=partition("batch", AllowAccounts="nlp,vision")))
    assert line(two, "account") == '# account = "..."'
    assert "DECIDE: one of those that the partition takes: nlp, vision." in two.replace("\n# ", " ")
    config = settings({"AccountingStorageEnforce": "associations,limits"})
    enforced = detected(Said(nodes=EIGHT, partitions=partition("batch"), config=config))
    assert "AccountingStorageEnforce=associations,limits" in enforced
    assert "account" not in detected(Said(nodes=EIGHT, partitions=partition("batch")))


def test_limits_that_nobody_set_are_not_told() -> None:
    text = detected(Said(nodes=EIGHT, partitions=partition("batch", MaxMemPerNode="UNLIMITED")))
    assert said_of(text, "partition") == "The partition that has most of these nodes."


# Several kinds


def test_kinds_of_nodes_are_groups_and_that_with_most_gpus_in_all_is_the_first() -> None:
    big = node("x1", "gpu:rtx3090:10", "lab")
    cpu = nodes(["c1", "c2", "c3"], "(null)", "cpu", CPUTot="128", RealMemory="1024000")
    text = detected(Said(nodes=big + EIGHT + cpu, partitions=partition("lab", AllowAccounts="nlp")))
    assert active(text[text.index("[cluster.sbatch]") :]) == [
        "[cluster.sbatch]",
        "[[cluster.node-groups]]",
        'name = "h100"',
        "gpus-per-node = 8",
        'gpu-request = "gpus-per-node"',
        'sbatch = { partition = "batch" }',
        "[[cluster.node-groups]]",
        'name = "rtx3090"',
        "gpus-per-node = 10",
        'gpu-request = "gpus-per-node"',
        'sbatch = { partition = "lab", account = "nlp" }',
        "[[cluster.node-groups]]",
        'name = "cpu"',
        "gpus-per-node = 0",
        'sbatch = { partition = "cpu" }',
    ]
    assert "# 3 nodes of partition cpu, c1 to c3: Gres=(null), 128 CPUs, 1000 GiB." in text
    cluster, warnings = compiled(text)
    assert ([group.name for group in cluster.node_groups], warnings) == (["h100", "rtx3090", "cpu"], ())


def test_groups_have_names_that_tell_them_apart() -> None:
    some = nodes(["a1", "a2"], "gpu:A100:8", "x") + node("a3", "gpu:a100:4", "x") + node("b1", "gpu:8", "x")
    text = detected(Said(nodes=some + node("c1", "gpu:1g.10gb:7", "x") + node("c2", "gpu:A100:4", "x")))
    names = [group.name for group in compiled(text)[0].node_groups]
    assert names == ["a100", "gpu", "gpu-1g-10gb", "a100-4", "a100-4-2"]


def test_gpus_of_another_vendor_are_for_a_file_of_their_own() -> None:
    text = detected(Said(nodes=EIGHT + node("m1", "gpu:mi300x:8", "amd") + node("c1", "(null)", "cpu")))
    assert [group.name for group in compiled(text)[0].node_groups] == ["h100", "cpu"]
    assert "# 1 node of partition amd, m1: Gres=gpu:mi300x:8, 64 CPUs, 500 GiB (amd)." in text
    assert "DECIDE: Left out" in text


def test_a_partition_of_their_own_is_asked_before_the_default_one_where_that_gives_others() -> None:
    some = nodes(["c1", "c2"], "(null)", "cpu,all") + nodes(["g1"], "gpu:h100:8", "gpu,all")
    groups = compiled(detected(Said(nodes=some, partitions=partition("all", Default="YES"))))[0].node_groups
    asked = {group.name: dict(group.sbatch)["partition"] for group in groups}
    assert asked == {"h100": "all", "cpu": "cpu"}


# Around Slurm


@pytest.mark.parametrize(
    ("text", "ports"),
    [
        ("6817", Ports(6817, 6817)),
        ("60001-63000", Ports(60001, 63000)),
        ("32768\t60999\n", Ports(32768, 60999)),
        *((text, None) for text in ("0-0", "(null)", "", "70000", "9-1", "x")),
    ],
)
def test_ports_are_read_as_slurm_and_the_kernel_write_them(text: str, ports: Ports | None) -> None:
    assert read_ports(text) == ports


def test_ports_called_auto_come_from_where_neither_slurm_nor_the_kernel_has_any() -> None:
    assert free_range([]) == Ports(20000, 21999)
    assert free_range([Ports(21000, 23000), Ports(32768, 60999)]) == Ports(24000, 25999)
    assert free_range([Ports(1024, 65535)]) is None
    config = settings({"SrunPortRange": "20000-20999", "MpiParams": "ports=12000-12999"})
    text = detected(Said(nodes=EIGHT, config=config))
    assert line(text, "port-range") == 'port-range = "22000-23999"'
    assert line(text, "reserved-ports") == 'reserved-ports = ["20000-20999", "12000-12999"]'
    none = detected(Said(nodes=EIGHT, ports="1024 65535"))
    assert line(none, "port-range").startswith("# ")


def test_interfaces_that_only_this_machine_has_are_none() -> None:
    text = (
        "lo               UNKNOWN        127.0.0.1/8 ::1/128\n"
        "eno1@if3         UP             10.1.0.5/16 fe80::1/64\n"
        "docker0          DOWN           172.17.0.1/16\n"
        "ib0              UP             10.2.0.5/16\n"
        "veth1            UP             fe80::2/64\n"
        "eno2             UP             \n"
    )
    assert read_interfaces(text) == (("ib0", "10.2.0.5/16"), ("eno1", "10.1.0.5/16"))
    found = detected(Said(nodes=EIGHT, interfaces=text))
    assert line(found, "network-interface") == '# network-interface = "ib0"'


@pytest.mark.parametrize(
    ("srun_help", "programs", "runtime"),
    [
        ("--container-image=IMAGE", "/usr/bin/apptainer", "pyxis"),
        ("--ntasks", "/usr/bin/apptainer\n/usr/bin/podman", "apptainer"),
        ("--ntasks", "/opt/bin/singularity", "none"),
        ("", "", "none"),
    ],
)
def test_the_runtime_is_what_srun_and_the_path_have(srun_help: str, programs: str, runtime: str) -> None:
    said = Said(nodes=EIGHT, srun_help=srun_help, programs=programs)
    assert line(detected(said), "container-runtime") == f'container-runtime = "{runtime}"'


def test_blocks_and_switches_are_told() -> None:
    blocks = (
        "BlockName=b1 BlockIndex=0 Nodes=g[1-2] BlockSize=2\nBlockName=b2 BlockIndex=1 Nodes=g[3-5] BlockSize=2\n"
        "AggregatedBlock=b[1-2] BlockIndex=2 Nodes=g[1-5] BlockSize=4\n"
    )
    text = detected(Said(nodes=EIGHT, topology=blocks))
    assert (
        "\n# 2 blocks of 2 nodes (scontrol show topology), taken for NVLink domains: no worker crosses one.\n" in text
    )
    assert line(text, "domain-nodes") == "domain-nodes = 2"
    unsized = "BlockName=b1 BlockIndex=0 Nodes=g[1-3]\nBlockName=b2 BlockIndex=1 Nodes=x[1-3]\n"
    text = detected(Said(nodes=EIGHT, topology=unsized))
    assert "# 1 block of 3 nodes (" in text
    assert line(text, "domain-nodes") == "domain-nodes = 3"
    tree = (
        "SwitchName=s0 Level=0 LinkSpeed=1 Nodes=g[1-2]\nSwitchName=s1 Level=0 LinkSpeed=1 Nodes=g3\n"
        "SwitchName=top Level=1 LinkSpeed=1 Nodes=g[1-3] Switches=s[0-1]\n"
    )
    assert "A tree of 2 leaf switches" in detected(Said(nodes=EIGHT, topology=tree))
    assert "domain-nodes" not in detected(Said(nodes=EIGHT, topology=tree))


@pytest.mark.parametrize(
    "blocks",
    [
        "BlockName=b1 BlockIndex=0 Nodes=g[1-2]\nBlockName=b2 BlockIndex=1 Nodes=g[3-5]\n",
        "BlockName=b1 BlockIndex=0 Nodes=g[1-2] BlockSize=2\nBlockName=b2 BlockIndex=1 Nodes=g[3-5] BlockSize=3\n",
    ],
)
def test_blocks_of_several_sizes_are_for_a_person_to_decide(blocks: str) -> None:
    text = detected(Said(nodes=EIGHT, topology=blocks))
    assert (
        "# DECIDE: 2 blocks of 2 to 3 nodes (scontrol show topology), and domains of alike nodes have one size." in text
    )
    assert line(text, "domain-nodes") == "# domain-nodes = 2"


def test_each_node_group_has_its_own_domains() -> None:
    both = EIGHT + nodes(["a1", "a2"], "gpu:a100:4(S:0-1)")
    blocks = "BlockName=b1 BlockIndex=0 Nodes=g[1-3]\nBlockName=b2 BlockIndex=1 Nodes=a[1-2]\n"
    text = detected(Said(nodes=both, topology=blocks))
    assert re.findall(r"^domain-nodes = .*$", text, re.MULTILINE) == ["domain-nodes = 3", "domain-nodes = 2"]
    cluster, _ = compiled(text)
    assert [group.domain_nodes for group in cluster.node_groups] == [3, 2]


def test_a_block_of_more_nodes_than_there_are_says_none() -> None:
    text = detected(Said(nodes=EIGHT, topology="BlockName=b1 BlockIndex=0 Nodes=g[1-3] BlockSize=99999\n"))
    assert line(text, "domain-nodes") == "domain-nodes = 3"


def test_blocks_of_one_node_are_no_domains() -> None:
    blocks = "BlockName=b1 BlockIndex=0 Nodes=g1\nBlockName=b2 BlockIndex=1 Nodes=g2\n"
    assert "domain-nodes" not in detected(Said(nodes=EIGHT, topology=blocks))


# gres.conf


CORES = "\n".join(
    [
        "# GPUs of the site",
        "NodeName=g[1-3] Name=gpu Type=h100 File=/dev/nvidia[0-3] Cores=0-31",
        "nodename=g[1-3] name=gpu Type=h100 File=/dev/nvidia[4-7] Cores=32-63",
        "NodeName=a1 Name=gpu Type=a100 File=/dev/nvidia[0-3] Cores=0-31",
    ]
)


def test_gpus_that_are_near_one_another_are_a_group() -> None:
    groups = ((0, 1, 2, 3), (4, 5, 6, 7))
    assert islands(read_gres_conf(CORES), "g2", 8) == (groups, "Cores")
    text = detected(Said(nodes=EIGHT, gres_conf=CORES))
    assert line(text, "gpu-groups") == "gpu-groups = [[0, 1, 2, 3], [4, 5, 6, 7]]"
    assert compiled(text)[0].groups == groups


@pytest.mark.parametrize(("node_name", "count"), [("g2", 4), ("x1", 8), ("a1", 4)])
def test_lines_that_are_not_about_each_gpu_say_nothing(node_name: str, count: int) -> None:
    assert islands(read_gres_conf(CORES), node_name, count) == ((), "")


def test_links_say_more_than_cores() -> None:
    links = ["-1,4,0,0", "4,-1,0,0", "0,0,-1,4", "0,0,4,-1"]
    text = "\n".join(f"Name=gpu File=/dev/nvidia{i} Cores=0-15 Links={each}" for i, each in enumerate(links))
    assert islands(read_gres_conf(text), "g1", 4) == (((0, 1), (2, 3)), "Links")
    everyone = "\n".join(f"Name=gpu File=/dev/nvidia{i} Links=16,16" for i in range(2))
    assert islands(read_gres_conf(everyone), "g1", 2) == ((), "")


# How much and how odd


def test_ten_thousand_nodes_take_no_time_to_speak_of() -> None:
    names = [f"gpu{i:05}" for i in range(10_000)]
    reason = "Not responding " * 20
    text = "".join(node(name, "gpu:h100:8(S:0-1)", "batch,long,debug", Comment=reason) for name in names)
    begin = time.process_time()
    found = detected(Said(nodes=text, partitions="".join(map(partition, ["batch", "long", "debug"]))))
    assert time.process_time() - begin < 3
    assert "10000 nodes of partition batch, gpu00000 to gpu09999" in found


def test_a_site_where_every_node_is_of_its_own_kind_takes_no_time_either() -> None:
    text = "".join(node(f"n{i}", f"gpu:t{i}:{i % 9 + 1}", f"p{i}") for i in range(2000))
    begin = time.process_time()
    found = detected(Said(nodes=text))
    assert time.process_time() - begin < 3
    assert found.count("\n") < 300


@pytest.mark.parametrize(
    "name", ["{vars.x}", "a'b", 'a"b', "a\\b", "$HOME", "~x", "\x1b[31mred", "\u202eabc", "x" * 300]
)
def test_a_name_that_no_file_can_hold_is_said_and_not_set(name: str) -> None:
    text = detected(Said(nodes=node("g1", "gpu:h100:8", name), config=settings({"ClusterName": name})))
    assert all(char.isprintable() for char in text.replace("\n", ""))
    cluster, warnings = compiled(text)
    assert (cluster.name, cluster.sbatch, warnings) == ("", (), ())
