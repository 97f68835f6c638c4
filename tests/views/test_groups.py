"""Nodes of several kinds as people see them: in text, in a picture, and what differs between two jobs."""

from xml.etree import ElementTree

from dynplan.language.plan_file import outline, to_tree
from dynplan.model import outline_of
from dynplan.views.difference import difference
from dynplan.views.svg import as_svg
from dynplan.views.text import as_text
from tests.plans import plan_of

JOB = """
[job]
name = "kinds"

[[cluster.node-groups]]
name = "cpu"
sbatch = { partition = "cpu" }

[[cluster.node-groups]]
name = "h100"
gpus-per-node = 8

[[cluster.node-groups]]
name = "l40s"
gpus-per-node = 4
sbatch = { partition = "l40s" }

[roles.etcd]
ports = { client = 2379 }

[roles.prefill]
group = "l40s"
num-nodes = 2
gpus-per-worker = 4

[roles.decode]
gpus-per-worker = 8

[roles.exporter]
place = "every-node"
"""


def test_the_text_has_a_line_for_each_group() -> None:
    assert as_text(outline_of(plan_of(JOB))) == (
        "kinds: 4 nodes (1 cpu, 1 h100, 2 l40s), 16 of 16 GPUs in use, separate, head\n"
        "node 0\n"
        "no GPU idle\n"
        "\n"
        "GPU     0        1        2        3        4        5        6        7\n"
        "cpu: node 0, no GPUs\n"
        "h100: node 1, 8 GPUs\n"
        "node 1 │decode 0                                                               │\n"
        "l40s: nodes 2-3, 4 GPUs each\n"
        "node 2 │prefill 0                          │\n"
        "node 3 │prefill 1                          │\n"
        "\n"
        "role      workers  GPUs  nodes  ports\n"
        "etcd      1        -     0      client 2379\n"
        "prefill   2        4     2-3\n"
        "decode    1        8     1\n"
        "exporter  4        -     0-3\n"
    )


def test_equal_nodes_of_a_large_job_are_one_row_in_each_group() -> None:
    many = JOB.replace("num-nodes = 2", "num-nodes = 12").replace("[roles.decode]", "[roles.decode]\nnum-nodes = 9")
    shown = as_text(outline_of(plan_of(many)))
    assert "h100: nodes 1-9, 8 GPUs each\nnode 1 " in shown
    assert "  8 nodes as node 1: 2-9\nl40s: nodes 10-21, 4 GPUs each\nnode 10 │" in shown
    assert "  11 nodes as node 10: 11-21\n" in shown


def test_the_picture_names_each_group_over_its_nodes() -> None:
    picture = ElementTree.fromstring(as_svg(outline_of(plan_of(JOB))))  # noqa: S314 - our own text
    texts = [mark.text for mark in picture.iter() if mark.text]
    heads = [texts.index(name) for name in ("cpu", "h100", "l40s")]
    assert [texts[at + 1] for at in heads] == ["node 0, no GPUs", "node 1, 8 GPUs", "nodes 2-3, 4 GPUs each"]
    assert heads[0] < texts.index("node 0") < heads[1] < texts.index("node 1") < heads[2] < texts.index("node 2")


def test_the_name_of_a_group_in_a_plan_of_others_is_made_visible() -> None:
    tree = to_tree(plan_of(JOB))
    tree["nodes"][0]["group"] = "c\x1b[31m<u>"
    seen = outline({key: tree[key] for key in ("schema", "nodes", "workers")})
    assert "\x1b" not in as_text(seen)
    assert "<u>" not in as_svg(seen)


def test_what_differs_is_told_by_group() -> None:
    more = JOB.replace("num-nodes = 2", "num-nodes = 3").replace('partition = "l40s"', 'partition = "other"')
    job = difference(plan_of(JOB), plan_of(more)).parts[0]
    assert [(value.what, value.before, value.after) for value in job.numbers[:2]] == [
        ("nodes", 4, 5),
        ("nodes of l40s", 2, 3),
    ]
    assert [(value.what, value.before, value.after) for value in job.settings] == [
        ("cluster.node-groups.l40s.sbatch.partition", "l40s", "other")
    ]
    turned = JOB.replace('name = "cpu"', 'name = "x"').replace('name = "h100"', 'name = "cpu"')
    turned = turned.replace('name = "x"', 'name = "h100"')
    job = difference(plan_of(JOB), plan_of(turned)).parts[0]
    assert ("order of node groups", ["cpu", "h100", "l40s"], ["h100", "cpu", "l40s"]) in [
        (value.what, value.before, value.after) for value in job.settings
    ]
