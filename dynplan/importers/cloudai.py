"""CloudAI's AI Dynamo workload as drafts of jobs: a test, a scenario that changes it, or one that stands on its own.

What a test is, and where its processes stand, is told in docs/migrating.md. A scenario of several tests is several
jobs, the points of a sweep; a list where one value belongs is a sweep of CloudAI's, every combination.
"""

from collections.abc import Iterator, Sequence
from itertools import product

from attrs import evolve

from dynplan.diagnostics import Path
from dynplan.importers.cloudai_phases import add_phases
from dynplan.importers.cloudai_roles import add_roles
from dynplan.importers.draft import Draft
from dynplan.importers.nodes import Node, Tree
from dynplan.importers.source import Fate, Ledger, Part
from dynplan.importers.srt_environment import add_env, job_name
from dynplan.importers.variants import merged, point_names, tell_unreached

_MOST = 500
_HEAD = ("name", "description", "test_template_name", "test_name", "id", "dse_excluded_args", "job_status_check")
# Keys of a test that nothing of ours holds, and why.
_DROPPED = {
    "nsys": "nothing starts a profiler: wrap `command` of the role, `nsys profile ...`",
    "git_repos": "clone it yourself, and mount it",
    "agent": "nothing searches: the points of `[sweep]` are all there are",
    "agent_steps": "nothing searches: the points of `[sweep]` are all there are",
    "agent_metrics": "nothing searches: the points of `[sweep]` are all there are",
    "agent_config": "nothing searches: the points of `[sweep]` are all there are",
    "agent_reward_function": "nothing searches: the points of `[sweep]` are all there are",
    "reports": "the results are what the phases write",
    "iterations": "run the script so often",
    "weight": "results of several tests are not weighed",
    "dependencies": "submit with `--dependency`",
    "sol": "nothing compares results with a limit",
    "ideal_perf": "nothing compares results with a limit",
    "extra_srun_args": "write the options into `srun` of the roles",
    "pre_test": 'write a role with `kind = "task"`',
    "post_test": "write a phase",
}


def drafts_of(trees: Sequence[Tree], ledger: Ledger) -> list[Draft]:
    """Return the jobs of CloudAI's files: tests by name, and a scenario that names them or is whole itself."""
    scenarios = [tree for tree in trees if "Tests" in tree.root.table]
    tests = {_name(tree.root): tree.root for tree in trees if "cmd_args" in tree.root.table}
    gpus = next((Part(tree.root, ledger).get("gpus_per_node") for tree in trees if _is_system(tree)), None)
    wholes: list[tuple[str, Node]] = []
    for scenario in scenarios:
        wholes += _tests(scenario.root, tests, ledger)
    if not scenarios:
        wholes = [("", test) for test in tests.values()]
    if not wholes and not ledger.findings.found:
        ledger.wrong("D103", "there is no test in these files", trees[0].root, at_key=True)
    drafts = []
    for name, whole in wholes:
        for point, root in _swept(name, whole, ledger):
            drafts.append(_draft(Part(root, ledger), point, gpus, ledger))
    for test in tests.values():
        tell_unreached(test, [whole for _, whole in wholes], ledger)
    for draft, point in zip(drafts, point_names([draft.point for draft in drafts]), strict=True):
        draft.point = point
    return drafts


def _name(root: Node) -> str:
    name = root.table.get("name")
    return name.text if name is not None else ""


def _is_system(tree: Tree) -> bool:
    return "scheduler" in tree.root.table or "partitions" in tree.root.table


def _tests(scenario: Node, tests: dict[str, Node], ledger: Ledger) -> Iterator[tuple[str, Node]]:
    """Yield the tests of a scenario, each with what it changes of the test that it names."""
    for key in ("name", "job_status_check", "ttl", "pre_test", "post_test"):
        part = Part(scenario, ledger).get(key)
        if part is not None and key in ("name", "job_status_check"):
            part.rule("the job has the name of its test" if key == "name" else "a job is checked always")
    for node in Part(scenario.table["Tests"], ledger).elements():
        if not node.is_table():
            continue
        wanted, own = node.get("test_name"), node.get("id") or node.get("name")
        base = tests.get(wanted.text()) if wanted is not None else None
        if wanted is not None and base is None:
            message = f"the test `{wanted.text()}` is in none of the files"
            wanted.wrong("D103", message, "name the file of the test, too: `dynplan import SCENARIO TEST`")
            continue
        if wanted is not None:
            wanted.rule("merged: the scenario's values win")
        yield (
            (own.text() if own is not None else ""),
            merged(base, node.node, ledger) if base is not None else node.node,
        )


# Lists of values


def _swept(name: str, root: Node, ledger: Ledger) -> Iterator[tuple[str, Node]]:
    """Yield every combination of the values that stand in lists below `cmd_args`."""
    excluded = root.table.get("dse_excluded_args")
    left = [item.text for item in excluded.value] if excluded is not None and isinstance(excluded.value, list) else []
    lists = [
        (path, node)
        for path, node in _lists(root.table.get("cmd_args"), ("cmd_args",))
        if not any(".".join(map(str, path)).startswith(one) for one in left)
    ]
    total = 1
    for _, node in lists:
        total *= len(node.value) if isinstance(node.value, list) else 1
    if total > _MOST:
        ledger.wrong("D104", f"the lists come to {total} jobs, and at most {_MOST} are read", root, at_key=True)
        return
    for values in product(*(node.value for _, node in lists if isinstance(node.value, list))):
        filled, said = root, name
        for (path, node), value in zip(lists, values, strict=True):
            ledger.say(node, Fate.rule, "a list of values is a sweep: the points of `[sweep]`")
            filled = _with(filled, path, evolve(value, path=node.path, key=node.key))
            said = f"{said}_{path[-1]}{value.text}".strip("_")
        yield said, filled


def _lists(node: Node | None, path: Path) -> Iterator[tuple[Path, Node]]:
    if node is None or not isinstance(node.value, dict):
        return
    for key, child in node.table.items():
        if isinstance(child.value, list) and child.value and child.is_leaf and path[1:2] != ("lmcache",):
            yield (*path, key), child
        else:
            yield from _lists(child, (*path, key))


def _with(node: Node, path: Path, value: Node) -> Node:
    key = str(path[0])
    child = value if len(path) == 1 else _with(node.table[key], path[1:], value)
    return evolve(node, value={**node.table, key: child})


# One test


def _draft(root: Part, point: str, gpus: Part | None, ledger: Ledger) -> Draft:
    draft = Draft(ledger, point=point)
    _job(root, draft)
    command = root.get("cmd_args")
    if command is None or not command.is_table():
        root.wrong("D103", "the test has no `cmd_args`")
        return draft
    dynamo = command.get("dynamo")
    if dynamo is None or not dynamo.is_table():
        command.wrong("D702", "only tests of AI Dynamo are read, and this one has no `cmd_args.dynamo`")
        return draft
    _container(root, command, draft)
    add_roles(command, dynamo, gpus, draft)
    constraints = root.get("constraints")
    for part in constraints.items() if constraints is not None and constraints.is_table() else ():
        if part.name == "prefill_tp_le_decode_tp" and part.flag():
            tensor = "args.tensor-parallel-size"
            draft.put(("job", "constraints"), [f"prefill.{tensor} <= decode.{tensor}"], part)
        else:
            part.rule("a worker that does not fit on its nodes is refused always")
    add_phases(command, draft)
    _rest(root)
    return draft


def _job(root: Part, draft: Draft) -> None:
    """Set what a test says of the job as a whole."""
    name = root.get("name") or root.get("id")
    draft.put(("job", "name"), "job")
    if name is not None:
        job_name(name, draft)
    for key, where in (("description", "description"), ("id", "id")):
        part = root.get(key)
        if part is not None and part is not name:
            draft.put(("meta", where), part.text(), part)
    limit = root.get("time_limit")
    if limit is not None:
        draft.limit(limit)
    for key, target in (("num_nodes", "num-nodes"), ("nodes", "nodes")):
        part = root.get(key)
        if part is None:
            continue
        if key == "nodes":
            draft.put(("job", target), part.texts() if isinstance(part.node.value, list) else part.text(), part)
        else:
            draft.put(("job", target), part.whole(1), part)
    _env(root, draft)


def _env(root: Part, draft: Draft) -> None:
    env = root.get("extra_env_vars")
    for part in env.items() if env is not None and env.is_table() else ():
        if "scontrol show hostname" in part.node.text:
            both = root.at("cmd_args", "dynamo", "prefill_worker") is not None
            hosts = "{role.decode.hosts},{role.prefill.hosts}" if both else "{role.decode.hosts}"
            draft.put(("job", "env", part.name), hosts, part, rule="the hosts of the job")
        elif "$(" in part.node.text or "`" in part.node.text:
            part.changed("no shell reads a value: write the text itself, or a placeholder, into `[job.env]`")
        elif isinstance(part.node.value, list | dict):
            part.changed("a list of values: write the points of `[sweep]` over `job.env`")
        else:
            add_env(Part(evolve(root.node, value={part.name: part.node}), draft.ledger), ("job", "env"), draft)


def _container(root: Part, command: Part, draft: Draft) -> None:
    image = command.get("docker_image_url")
    if image is not None:
        draft.put(("job", "container", "image"), "", image)
        draft.put(("job", "container", "image"), draft.words(image))
    mounts = root.get("extra_container_mounts")
    if mounts is not None:
        draft.put(("job", "container", "mounts"), [], mounts)
        draft.job["job"]["container"]["mounts"] = [draft.words(part) for part in mounts.elements()]


def _rest(root: Part) -> None:
    for part in root.items():
        if root.ledger.is_told(part.node) and part.node.is_leaf:
            continue
        if part.name in _HEAD:
            part.rule("how CloudAI finds and reads its files")
        elif part.name in _DROPPED:
            part.dropped(_DROPPED[part.name])
