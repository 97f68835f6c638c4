"""Workers inside NVLink domains: in which segments, on which nodes, and what is said where that cannot be."""

import pytest

from dynplan.language.plan_file import from_tree, to_tree
from tests.plans import placed, plan_of, told


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


def test_nodes_that_stay_idle_because_of_domains_are_counted() -> None:
    (warning,) = plan_of(job(role("d", 1, 12), role("p", 4, 2), domain=18)).warnings
    assert warning.code == "W205"
    assert warning.message == (
        "4 of 24 nodes run no role with GPUs: no worker crosses a domain of 18 nodes, and all segments are alike, of 12"
    )
    (warning,) = plan_of(job(role("d", 1, 12), role("p", 4, 2), domain=18, nodes="36")).warnings
    assert (warning.code, warning.help) == ("W201", "24 nodes hold them all, no worker across a domain")


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
