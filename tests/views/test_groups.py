"""Nodes of several kinds as people see them: in text, in a picture, and what differs between two jobs."""

from xml.etree import ElementTree

from dynplan.language.plan_file import outline, to_tree
from dynplan.model import outline_of
from dynplan.views.difference import difference
from dynplan.views.plan_data import Told
from dynplan.views.plan_page import as_html
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


RACKS = """
[job]
name = "racks"

[[cluster.node-groups]]
name = "cpu"

[[cluster.node-groups]]
name = "rack"
gpus-per-node = 4
domain-nodes = 4

[[cluster.node-groups]]
name = "l40s"
gpus-per-node = 2

[roles.etcd]

[roles.decode]
group = "rack"
workers = 2
gpus-per-worker = 8

[roles.draft]
group = "l40s"
gpus-per-worker = 2
"""


def test_the_segments_of_a_group_stand_below_its_line_and_other_nodes_as_ever() -> None:
    assert as_text(outline_of(plan_of(RACKS))).partition("\n\n")[2].partition("\n\n")[0] == (
        "GPU     0        1        2        3\n"
        "cpu: node 0, no GPUs\n"
        "rack: nodes 1-4, 4 GPUs each\n"
        "segment 0: nodes 1-2 of one domain\n"
        "node 1 │decode 0.0                         │\n"
        "node 2 │decode 0.1                         │\n"
        "segment 1: nodes 3-4 of one domain\n"
        "node 3 │decode 1.0                         │\n"
        "node 4 │decode 1.1                         │\n"
        "l40s: node 5, 2 GPUs\n"
        "node 5 │draft 0          │"
    )


def test_equal_segments_of_a_large_job_are_told_once_by_their_numbers_in_the_group() -> None:
    shown = as_text(outline_of(plan_of(RACKS.replace("workers = 2", "workers = 12"))))
    assert "segment 0: nodes 1-2 of one domain\n" in shown
    assert "\n11 segments as segment 0: 1-11\n" in shown
    assert "l40s: node 25, 2 GPUs\nnode 25 │" in shown


def test_the_picture_frames_the_segments_of_a_group() -> None:
    picture = ElementTree.fromstring(as_svg(outline_of(plan_of(RACKS))))  # noqa: S314 - our own text
    texts = [mark.text for mark in picture.iter() if mark.text]
    order = ["cpu", "node 0", "rack", "segment 0: nodes 1-2 of one domain", "node 1", "node 2"]
    order += ["segment 1: nodes 3-4 of one domain", "node 3", "node 4", "l40s", "node 5"]
    assert [text for text in texts if text in order] == order


def test_segments_of_a_plan_are_drawn_from_its_tree_alone() -> None:
    tree = to_tree(plan_of(RACKS))
    bare = {key: tree[key] for key in ("schema", "nodes", "workers", "placement")}
    assert "rack: nodes 1-4, 4 GPUs each\nsegment 0: nodes 1-2 of one domain\n" in as_text(outline(bare))
    strange = "r\x1b[31m<u>"
    for node in bare["nodes"][1:5]:
        node["group"] = strange
    bare["placement"]["segment"] = {strange: 2}
    assert "segment 1: nodes 3-4 of one domain\n" in as_text(outline(bare))
    assert "\x1b" not in as_text(outline(bare))


def test_the_page_says_which_nodes_of_a_group_are_of_one_domain() -> None:
    plan = plan_of(RACKS)
    page = as_html(Told(outline_of(plan)), "", "")
    said = "each 2 nodes of rack in a row are of one NVLink domain: node N is in its segment (N - 1) / 2"
    assert said in page


def test_a_difference_in_the_segments_of_a_group_is_told() -> None:
    wider = RACKS.replace("gpus-per-worker = 8", "gpus-per-worker = 12")
    job = difference(plan_of(RACKS), plan_of(wider)).parts[0]
    assert ("nodes of a segment of rack", 2, 3) in [(value.what, value.before, value.after) for value in job.numbers]
