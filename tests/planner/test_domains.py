"""Workers inside NVLink domains: in which segments, on which nodes, and what is said where that cannot be."""

from itertools import pairwise

import pytest

from dynplan.language.plan_file import from_tree, to_tree
from tests.plans import placed, plan_of, refused, told


def job(*roles: str, nodes: str = "", domain: int = 4, gpus: int = 1, more: str = "") -> str:
    """Return a job file on nodes of one GPU, so that a worker's GPUs are its nodes; a role is its name and its keys."""
    head = f"[job]\nnum-nodes = {nodes}\n" if nodes else ""
    tables = [f"[roles.{name}]\n" + "\n".join(keys) for name, *keys in (role.split("; ") for role in roles)]
    return "\n".join([head, f"[cluster]\ngpus-per-node = {gpus}\ndomain-nodes = {domain}\n{more}", *tables])


def role(name: str, workers: int, nodes: int, *more: str) -> str:
    return "; ".join([name, f"workers = {workers}", f"gpus-per-worker = {nodes}", *more])


def nodes_of(text: str) -> dict[str, str]:
    """Return the nodes of each role's workers, `0-2 4-6`."""
    found: dict[str, list[str]] = {}
    for worker in plan_of(text).workers:
        first, last = worker.tasks[0].node, worker.tasks[-1].node
        found.setdefault(worker.role, []).append(f"{first}-{last}" if last > first else f"{first}")
    return {name: " ".join(homes) for name, homes in found.items()}


def size(text: str) -> tuple[int, int]:
    """Return the nodes of a job, and of a segment."""
    plan = plan_of(text)
    return len(plan.nodes), plan.placement.segment


@pytest.mark.parametrize(
    ("roles", "domain", "nodes", "expected"),
    [
        # The smallest segments that hold every worker: a smaller promise is sooner kept.
        ([role("d", 4, 4)], 18, (16, 4), {"d": "0-3 4-7 8-11 12-15"}),
        ([role("d", 2, 11)], 18, (22, 11), {"d": "0-10 11-21"}),
        ([role("d", 1, 16), role("p", 10, 2)], 18, (36, 18), {"d": "0-15"}),
        # Roles keep their order where no worker crosses then, and else they do not.
        ([role("a", 2, 2), role("b", 1, 4)], 4, (8, 4), {"a": "0-1 2-3", "b": "4-7"}),
        ([role("a", 1, 2), role("b", 2, 3)], 4, (9, 3), {"a": "0-1", "b": "3-5 6-8"}),
        ([role("a", 1, 2), role("b", 1, 4), role("c", 2, 1)], 4, (8, 4), {"a": "0-1", "b": "4-7", "c": "2 3"}),
        # Larger than a domain: on as few as it can, and what is left of the last one is for others.
        ([role("d", 1, 20)], 18, (20, 10), {"d": "0-19"}),
        ([role("d", 1, 20), role("p", 1, 16)], 18, (36, 18), {"d": "0-19", "p": "20-35"}),
        # Its whole domains come first, so that others find room in what is left.
        ([role("a", 1, 2), role("d", 1, 8)], 4, (12, 4), {"d": "0-7", "a": "8-9"}),
        # Nobody spans nodes, or only where there are no others: nothing to promise.
        ([role("d", 4, 1)], 18, (4, 0), {"d": "0 1 2 3"}),
        ([role("d", 2, 4)], 1, (8, 0), {"d": "0-3 4-7"}),
    ],
)
def test_segments_hold_workers(roles: list[str], domain: int, nodes: tuple[int, int], expected: dict[str, str]) -> None:
    text = job(*roles, domain=domain)
    assert size(text) == nodes
    found = nodes_of(text)
    assert {name: found[name] for name in expected} == expected


@pytest.mark.parametrize(
    ("roles", "domain", "nodes", "expected"),
    [
        # No role after the other, each in the first segment with room, holds these: two of three nodes beside four.
        ([role("a", 2, 4), role("b", 4, 3)], 10, (20, 10), {"a": "0-3 10-13", "b": "4-6 7-9 14-16 17-19"}),
        # The same where what is left of workers larger than a domain is four nodes: a domain for each comes first.
        (
            [role("a", 2, 14), role("b", 4, 3)],
            10,
            (40, 10),
            {"a": "0-9+20-23 10-19+30-33", "b": "24-26 27-29 34-36 37-39"},
        ),
        # Two larger than a domain share the one that neither fills.
        (
            [role("a", 2, 3), role("d", 2, 6)],
            4,
            (20, 4),
            {"a": "12-14 16-18", "d": "0-5 8-11+6-7"},
        ),
        # Two and more domains whole.
        ([role("a", 1, 3), role("d", 1, 11)], 4, (16, 4), {"a": "12-14", "d": "0-10"}),
        ([role("a", 1, 3), role("d", 2, 10)], 4, (28, 4), {"a": "20-22", "d": "0-9 12-19+10-11"}),
    ],
)
def test_workers_are_packed_into_segments(
    roles: list[str], domain: int, nodes: tuple[int, int], expected: dict[str, str]
) -> None:
    text = job(*roles, domain=domain, nodes=str(nodes[0]))
    assert size(text) == nodes
    found: dict[str, list[str]] = {}
    for worker in plan_of(text).workers:
        found.setdefault(worker.role, []).append(runs([task.node for task in worker.tasks]))
    assert {name: " ".join(homes) for name, homes in found.items()} == expected


def runs(nodes: list[int]) -> str:
    """Write nodes in the order of the ranks, `0-3+8-9`."""
    starts = [at for at, node in enumerate(nodes) if not at or nodes[at - 1] != node - 1]
    parts = [nodes[first:last] for first, last in pairwise([*starts, len(nodes)])]
    return "+".join(f"{part[0]}-{part[-1]}" for part in parts)


@pytest.mark.parametrize(
    ("x", "y", "nodes", "expected"),
    [
        # The rest of a worker lies on a node where the role has one already, then on an unused one, then on another's.
        (
            "workers = 2",
            "workers = 2",
            6,
            ["x.0 on 0:0-3 1:0-1", "x.1 on 2:0-3 1:2-3", "y.0 on 3:0-3 4:0-1", "y.1 on 5:0-3 4:2-3"],
        ),
        # Workers that spread keep off a node where their role is, and others do not.
        (
            "workers = 2; spread = true",
            "workers = 2",
            6,
            ["x.0 on 0:0-3 1:0-1", "x.1 on 3:0-3 4:0-1", "y.0 on 2:0-3 1:2-3", "y.1 on 5:0-3 4:2-3"],
        ),
    ],
)
def test_rests_of_workers_share_nodes_inside_a_segment(x: str, y: str, nodes: int, expected: list[str]) -> None:
    fill = 'gpus-per-worker = 6; split = "fill"'
    text = job(f"x; {x}; {fill}", f"y; {y}; {fill}", gpus=4, domain=3, nodes=str(nodes))
    assert (placed(text), size(text)) == (expected, (nodes, 3))


@pytest.mark.parametrize(
    ("roles", "gpus", "domain", "nodes", "expected"),
    [
        # Not in the order of the file, but the largest first.
        (
            [
                "a; workers = 2; gpus-per-worker = 5; spread = true",
                "b; workers = 1; gpus-per-worker = 4",
                "c; workers = 2; gpus-per-worker = 8; dedicated = true",
            ],
            3,
            3,
            12,
            [
                "a.0 on 0:0-2 1:0-1",
                "a.1 on 3:0-2 4:0-1",
                "b.0 on 2:0-2 1:2",
                "c.0 on 6:0-2 7:0-2 8:0-1",
                "c.1 on 9:0-2 10:0-2 11:0-1",
            ],
        ),
        # In neither order, but where workers larger than a domain leave their last node to one of the others each.
        (
            ["a; workers = 2; gpus-per-worker = 5; spread = true", "b; workers = 2; gpus-per-worker = 3"],
            2,
            2,
            8,
            [
                "a.0 on 0:0-1 1:0-1 2:0",
                "a.1 on 4:0-1 5:0-1 6:0",
                "b.0 on 3:0-1 2:1",
                "b.1 on 7:0-1 6:1",
            ],
        ),
    ],
)
def test_ways_are_tried_in_which_workers_share_nodes(
    roles: list[str], gpus: int, domain: int, nodes: int, expected: list[str]
) -> None:
    filling = [f'{role}; split = "fill"' for role in roles]
    text = job(*filling, gpus=gpus, domain=domain, nodes=str(nodes))
    assert (placed(text), size(text)) == (expected, (nodes, domain))


def test_nodes_that_stay_idle_because_of_domains_are_counted() -> None:
    (warning,) = plan_of(job(role("d", 1, 12), role("p", 4, 2), domain=18)).warnings
    assert warning.code == "W205"
    assert warning.message == (
        "4 of 24 nodes run no role with GPUs: no worker crosses a domain of 18 nodes, and all segments are alike, of 12"
    )
    assert (warning.path, warning.help) == (
        ("job", "num-nodes"),
        "more workers, or workers of other sizes, would use them",
    )
    (warning,) = plan_of(job(role("a", 1, 1), role("d", 2, 7), nodes="16")).warnings
    assert warning.message.startswith("1 of 16 nodes runs no role with GPUs: no worker crosses a domain of 4 nodes")
    (warning,) = plan_of(job(role("d", 1, 12), role("p", 4, 2), domain=18, nodes="36")).warnings
    assert (warning.code, warning.message) == ("W201", "16 of 36 nodes run no role with GPUs")
    assert warning.help == "24 nodes hold them all, no worker across a domain"


def test_the_fewest_nodes_are_proven_where_packing_says_so() -> None:
    plan = plan_of(job(role("a", 3, 3), role("b", 2, 2), role("c", 1, 1), nodes='"min"'))
    assert (len(plan.nodes), plan.placement.lower, plan.placement.segment) == (15, 15, 3)
    assert [warning.code for warning in plan.warnings] == ["W205"]


def test_slices_that_share_a_node_stay_in_their_domain() -> None:
    fill = 'split = "fill"'
    text = job(f"x; workers = 4; gpus-per-worker = 6; {fill}", gpus=4, domain=3, nodes='"min"')
    assert placed(text) == [
        "x.0 on 0:0-3 1:0-1",
        "x.1 on 2:0-3 1:2-3",
        "x.2 on 3:0-3 4:0-1",
        "x.3 on 5:0-3 4:2-3",
    ]
    assert size(text) == (6, 3)


@pytest.mark.parametrize(
    ("roles", "nodes", "expected"),
    [
        # Dedicated nodes, GPUs by index, and workers beside others.
        (
            ["wide; workers = 2; gpus-per-worker = 12; dedicated = true", "pinned; num-nodes = 2; gpus = [2]"],
            "",
            {"wide": "0-2 4-6", "pinned": "3 7"},
        ),
        (["wide; workers = 2; gpus-per-worker = 12", 'look; beside = "wide"'], "8", {"look": "0-2 4-6"}),
        (
            ["wide; workers = 2; gpus-per-worker = 9; gpus = [1, 2, 3]", "pinned; num-nodes = 8; gpus = [0]"],
            "8",
            {"wide": "0-2 4-6", "pinned": "0 1 2 3 4 5 6 7"},
        ),
        # What is on every node comes off first: a worker of 12 GPUs then has 9 of three nodes.
        (
            ["every; per-node = true; gpus = [0]", "wide; workers = 2; gpus-per-worker = 9"],
            "8",
            {"every": "0 1 2 3 4 5 6 7", "wide": "0-2 4-6"},
        ),
        # Roles share what workers leave of their nodes.
        (
            ["small; num-nodes = 2; gpus-per-worker = 1", "wide; workers = 2; gpus-per-worker = 9"],
            "6",
            {"small": "0 1", "wide": "0-2 3-5"},
        ),
    ],
)
def test_it_goes_together_with_what_else_places_roles(roles: list[str], nodes: str, expected: dict[str, str]) -> None:
    text = job(*roles, nodes=nodes, gpus=4)
    found = nodes_of(text)
    assert {name: found[name] for name in expected} == expected
    assert size(text) == ((8, 4) if nodes != "6" else (6, 3))


@pytest.mark.parametrize("hosts", ['nodes = "n[0-7]"', ""])
def test_of_named_hosts_no_domain_is_known(hosts: str) -> None:
    roles = [role("a", 1, 2), role("b", 2, 3)]
    if not hosts:
        roles = ["a; gpus-per-worker = 2; nodes = ['x', 'y']", role("b", 2, 3)]
    text = job(*roles).replace("[cluster]", f"[job]\n{hosts}\n[cluster]")
    assert (size(text), nodes_of(text)["b"]) == ((8, 0), "2-4 5-7")


def test_a_plan_carries_its_segments() -> None:
    plan = plan_of(job(role("d", 2, 3)))
    tree = to_tree(plan)
    assert tree["placement"] == {"mode": "separate", "lower-bound": 6, "head": 0, "segment": 3}
    assert from_tree(tree) == plan
    assert "segment" not in to_tree(plan_of(job(role("d", 2, 1))))["placement"]


def test_segments_that_the_user_asks_for_are_the_plans() -> None:
    asked = job(role("d", 4, 2)).replace("[cluster]", "[job.sbatch]\nsegment = 4\n[cluster]")
    assert (size(job(role("d", 4, 2))), size(asked)) == ((8, 2), (8, 4))
    of_site = job(role("d", 4, 2), more="sbatch = { segment = 4 }")
    assert size(of_site) == (8, 4)
    # Without the directive the promise is nobody's, and nodes are counted all the same.
    none = job(role("d", 4, 2)).replace("[cluster]", "[job.sbatch]\nsegment = false\n[cluster]")
    assert size(none) == (8, 2)


NEEDS = "(`d` 1 worker of 12 nodes, `p` 4 workers of 2 nodes)"
ROLES = (role("d", 1, 12), role("p", 4, 2))


@pytest.mark.parametrize(
    ("nodes", "segment", "expected"),
    [
        (
            "20",
            "",
            f"D220 on 20 nodes a worker would cross a domain of 18 nodes {NEEDS}: Slurm gives a job segments that are"
            " all alike, each of one domain\nset `job.num-nodes = 24`",
        ),
        (
            "36",
            "20",
            "D220 segments of 20 nodes cross domains, which have 18\n"
            "set `job.sbatch.segment = 12`, or leave `segment` out",
        ),
        (
            "36",
            "8",
            f"D220 segments of 8 nodes are less than workers need {NEEDS}\n"
            "set `job.sbatch.segment = 12`, or leave `segment` out",
        ),
        (
            "36",
            "16",
            "D220 36 nodes do not come in segments of 16\n"
            "set `job.sbatch.segment = 12`, or set `job.num-nodes = 48`, or leave `segment` out",
        ),
        (
            "20",
            "18",
            "D220 20 nodes do not come in segments of 18\nset `job.num-nodes = 36`, or leave `segment` out",
        ),
        (
            "20",
            "false",
            f"D220 on 20 nodes a worker would cross a domain of 18 nodes {NEEDS}: Slurm gives a job segments that are"
            " all alike, each of one domain\nset `job.num-nodes = 24`",
        ),
        (
            "20",
            "true",
            "D220 `segment` is the number of nodes that Slurm allocates together\n"
            "set `job.sbatch.segment = 12` and set `job.num-nodes = 24`, or leave `segment` out",
        ),
        (
            "",
            '"many"',
            "D220 `segment` is the number of nodes that Slurm allocates together\n"
            "set `job.sbatch.segment = 12`, or leave `segment` out",
        ),
    ],
)
def test_what_cannot_be_is_refused_with_a_change_that_was_tried(nodes: str, segment: str, expected: str) -> None:
    text = job(*ROLES, nodes=nodes, domain=18)
    if segment:
        text = text.replace("[cluster]", f"[job.sbatch]\nsegment = {segment}\n[cluster]", 1)
    assert told(text) == expected


ALIKE = ": Slurm gives a job segments that are all alike, each of one domain"


@pytest.mark.parametrize(
    ("text", "path", "expected"),
    [
        # Who asks for segments, the job or its cluster, is told where.
        (
            job(*ROLES, nodes="36", domain=18, more="sbatch = { segment = 8 }"),
            ("cluster", "sbatch", "segment"),
            f"segments of 8 nodes are less than workers need {NEEDS}\n"
            "set `cluster.sbatch.segment = 12`, or leave `segment` out",
        ),
        (
            job(role("a", 2, 7), role("b", 3, 3), nodes="24", domain=18, more="sbatch = { segment = 12 }"),
            ("cluster", "sbatch", "segment"),
            "on 24 nodes a worker would cross segments of 12 (`a` 2 workers of 7 nodes, `b` 3 workers of 3 nodes)\n"
            "set `job.num-nodes = 36`, or leave `segment` out",
        ),
        # Of the segments that hold the workers one that the nodes come in is told.
        (
            job(role("d", 1, 11), nodes="30", domain=18, more="sbatch = { segment = 20 }"),
            ("cluster", "sbatch", "segment"),
            "segments of 20 nodes cross domains, which have 18\n"
            "set `cluster.sbatch.segment = 15`, or leave `segment` out",
        ),
        # One node more does.
        (
            job(role("a", 2, 3), nodes="7"),
            ("job", "num-nodes"),
            f"on 7 nodes a worker would cross a domain of 4 nodes (`a` 2 workers of 3 nodes){ALIKE}\n"
            "set `job.num-nodes = 8`",
        ),
        # Fewer workers do, by the key that says how many there are, unless two do.
        (
            job(role("a", 2, 3), role("b", 1, 2), nodes="8"),
            ("job", "num-nodes"),
            "on 8 nodes a worker would cross a domain of 4 nodes (`a` 2 workers of 3 nodes, `b` 1 worker of 2 nodes)"
            f"{ALIKE}\nset `job.num-nodes = 9`, or set `roles.a.workers = 1`",
        ),
        (
            job("a; num-nodes = 6; gpus-per-worker = 3", role("b", 1, 2), nodes="8"),
            ("job", "num-nodes"),
            "on 8 nodes a worker would cross a domain of 4 nodes (`a` 2 workers of 3 nodes, `b` 1 worker of 2 nodes)"
            f"{ALIKE}\nset `job.num-nodes = 9`, or set `roles.a.num-nodes = 3`",
        ),
        (
            job("a; num-nodes = 6; workers = 2; gpus-per-worker = 3", role("b", 1, 2), nodes="8"),
            ("job", "num-nodes"),
            "on 8 nodes a worker would cross a domain of 4 nodes (`a` 2 workers of 3 nodes, `b` 1 worker of 2 nodes)"
            f"{ALIKE}\nset `job.num-nodes = 9`",
        ),
        # Six roles are listed, and how many more there are.
        (
            job(*[role(name, 1, 2) for name in "abcdef"], nodes="13", domain=3),
            ("job", "num-nodes"),
            "on 13 nodes a worker would cross a domain of 3 nodes (`a` 1 worker of 2 nodes, `b` 1 worker of 2 nodes,"
            " `c` 1 worker of 2 nodes, `d` 1 worker of 2 nodes, `e` 1 worker of 2 nodes, `f` 1 worker of 2 nodes)"
            f"{ALIKE}\nset `job.num-nodes = 14`",
        ),
        (
            job(*[role(name, 1, 2) for name in "abcdefg"], nodes="15", domain=3),
            ("job", "num-nodes"),
            "on 15 nodes a worker would cross a domain of 3 nodes (`a` 1 worker of 2 nodes, `b` 1 worker of 2 nodes,"
            " `c` 1 worker of 2 nodes, `d` 1 worker of 2 nodes, `e` 1 worker of 2 nodes, `f` 1 worker of 2 nodes,"
            f" and 1 more){ALIKE}\nset `job.num-nodes = 16`",
        ),
    ],
)
def test_a_refusal_says_where_who_and_what_would_do(text: str, path: tuple[str, ...], expected: str) -> None:
    (finding,) = refused(text)
    assert (finding.code, finding.path, f"{finding.message}\n{finding.help}") == ("D220", path, expected)
