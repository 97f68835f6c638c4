"""Components: the nodes of each group, which Slurm keeps apart in a heterogeneous job."""

from collections.abc import Iterator, Sequence
from itertools import chain, groupby

from attrs import frozen

from dynplan.emitter.lowered import Setting, Settings
from dynplan.model import Node, NodeGroup, Plan, Record, Role, Worker


@frozen(eq=False, repr=False)
class Component(Record):
    """A component of the job: the nodes of one group, `nodes` in plan order, and the roles that ask it for GPUs."""

    group: NodeGroup
    nodes: tuple[Node, ...]
    with_gpus: bool

    @property
    def gpus(self) -> int:
        """How many GPUs each of its nodes has."""
        return self.nodes[0].gpus

    @property
    def asks(self) -> bool:
        """Whether it asks Slurm for GPUs: without, its nodes show none, and the plan's are taken."""
        return self.with_gpus and self.group.gpu_request != "none"


def components(plan: Plan) -> tuple[Component, ...]:
    """Return the components of a job, in node order: one where the cluster has no groups, or one alone is used."""
    cluster = plan.job.cluster
    kinds = {kind.name: kind for kind in cluster.node_groups}
    all_alike = NodeGroup(
        name="",
        gpus_per_node=cluster.gpus_per_node,
        groups=cluster.groups,
        affinity=cluster.affinity,
        domain_nodes=cluster.domain_nodes,
        gpu_request=cluster.gpu_request,
        sbatch=(),
    )
    found = []
    for name, nodes in groupby(plan.nodes, key=lambda node: node.group):
        group = kinds.get(name, all_alike)
        with_gpus = any(role.size.gpus for role in plan.job.roles if role.size.group in ("", name))
        found.append(Component(group, tuple(nodes), with_gpus))
    return tuple(found)


def is_heterogeneous(plan: Plan) -> bool:
    """Tell whether a job is a heterogeneous one for Slurm: it has nodes of several groups."""
    return bool(plan.job.cluster.node_groups) and len({node.group for node in plan.nodes}) > 1


def in_component_order(plan: Plan, role: Role, workers: Sequence[Worker]) -> Sequence[Worker]:
    """Return workers with those of a component together: a step has tasks of one component alone."""
    if role.size.group or not is_heterogeneous(plan):
        return workers
    places = _places(plan)
    return sorted(workers, key=lambda worker: places[worker.tasks[0].node])


def domains_of_components(plan: Plan) -> tuple[int, ...]:
    """Return the nodes of a domain in each component; 0 where none are known, or no worker spans nodes there."""
    found = components(plan)
    if all(one.group.domain_nodes < 2 for one in found):
        return (0,) * len(found)
    several = (worker.tasks for worker in plan.workers if len(worker.tasks) > 1)
    spanned = {plan.nodes[tasks[0].node].group for tasks in several if len({task.node for task in tasks}) > 1}
    nodes = (one.group.domain_nodes if one.nodes[0].group in spanned else 0 for one in found)
    return tuple(size if size > 1 else 0 for size in nodes)


def is_attached(plan: Plan) -> bool:
    """Tell whether the cluster says of nodes of a job where their GPUs are attached."""
    return any(one.group.affinity.numa or one.group.affinity.nics for one in components(plan))


def where_it_runs(plan: Plan, workers: Sequence[Worker]) -> Iterator[Setting]:
    """Yield the component of a role's tasks, or how many each component has where they are of several."""
    if not is_heterogeneous(plan):
        return
    places = _places(plan)
    counts = [0] * (places[-1] + 1)
    for task in chain.from_iterable(worker.tasks for worker in workers):
        counts[places[task.node]] += 1
    used = [index for index, count in enumerate(counts) if count]
    if len(used) > 1:
        yield "tasks_in", tuple(map(str, counts))
    elif used[0] > 0:
        yield "component", str(used[0])


def where_a_node_is(plan: Plan, node: int) -> Iterator[Setting]:
    """Yield the component of what runs on a node alone."""
    place = _places(plan)[node]
    if place > 0:
        yield "component", str(place)


def component_settings(plan: Plan) -> Iterator[Settings]:
    """Yield what a script says of the components of its job: their names, nodes and GPUs."""
    if not is_heterogeneous(plan):
        return
    found = components(plan)
    yield ("component", "0"), ("tasks_in", ()), ("starter", "start_components")
    yield (("component_names", tuple(each.group.name for each in found)),)
    gpus = tuple(str(each.gpus) for each in found)
    yield ("component_nodes", tuple(str(len(each.nodes)) for each in found)), ("component_gpus", gpus)
    shown = tuple("" if each.asks else ",".join(map(str, range(each.gpus))) for each in found)
    if any(shown):
        yield (("component_shown", shown),)
    if is_attached(plan):
        affinities = [each.group.affinity for each in found]
        yield (("component_numa", tuple(",".join(map(str, each.numa)) for each in affinities)),)
        yield (("component_nics", tuple("/".join(map(",".join, each.nics)) for each in affinities)),)


def _places(plan: Plan) -> list[int]:
    """Return the component of each node."""
    return [index for index, component in enumerate(components(plan)) for _ in component.nodes]
