"""What a site has: nodes, GPUs, port ranges, and how it wants to be asked."""

from attrs import frozen

from dynplan.model.values import Pairs, Record, Texts

HIGHEST_PORT = 65535
# What a vendor's runtime reads its GPUs from, by `gpu-vendor`.
GPU_VARIABLES = {"nvidia": "CUDA_VISIBLE_DEVICES", "amd": "ROCR_VISIBLE_DEVICES", "intel": "ZE_AFFINITY_MASK"}
AUTO_PORT = 0  # the base of a port whose number comes from the cluster's `port-range`


@frozen(eq=False, repr=False)
class PortRange(Record):
    """The ports `first` to `last`, both included."""

    first: int
    last: int


@frozen(eq=False, repr=False)
class Affinity(Record):
    """Where the GPUs of a node are attached, by their indices: the NUMA node of each, and the network adapters near it.

    Empty where nobody says it.
    """

    numa: tuple[int, ...]
    nics: tuple[Texts, ...]


DEFAULT_LIMITS = (("n", "hard"),)  # of workers: every file that the node allows


@frozen(eq=False, repr=False)
class NodeGroup(Record):
    """One kind of node of a site that has several: a component of a heterogeneous job.

    All but its name are as in `Cluster`; `sbatch` holds what is asked for these nodes alone, over the options of the
    cluster.
    """

    name: str
    gpus_per_node: int
    groups: tuple[tuple[int, ...], ...]
    affinity: Affinity
    domain_nodes: int
    gpu_request: str
    sbatch: tuple[tuple[str, str | int | bool], ...]


@frozen(eq=False, repr=False)
class Cluster(Record):
    """What a site has and how it wants to be asked.

    `groups` are the GPU islands of a node (NVLink, NUMA), each a tuple of GPU indices;
    empty where the node is one island. `gpu_vendor` is a key of GPU_VARIABLES;
    `interfaces` are names, patterns of the shell or networks, the first one that a node has counts;
    `domain_nodes` is how many nodes share an NVLink domain, 0 where nobody says;
    `gpu_request` is one of `gpus-per-node`, `gres`, `gres:TYPE`, `none`. `launch_timeout_s`: how long a
    step may take from its srun to the first word of each of its tasks. `limits` are soft limits of workers
    by the letters of bash's `ulimit`, each `hard`, `unlimited` or a number in its unit. `port_offset` is what a job
    has that says nothing of it, see `Job`. `node_groups` are the kinds of nodes, in the order of the site, empty where
    all are alike; `gpus_per_node`, `groups`, `affinity` and `domain_nodes` are those of the group then, and 0 and empty
    here.
    """

    name: str
    gpus_per_node: int
    groups: tuple[tuple[int, ...], ...]
    affinity: Affinity
    domain_nodes: int
    gpu_vendor: str
    gpu_request: str
    container_runtime: str
    port_range: PortRange
    port_offset: str
    reserved: tuple[PortRange, ...]
    ephemeral: PortRange
    interfaces: Texts
    launch_timeout_s: int
    limits: Pairs
    env: Pairs
    srun: Pairs
    sbatch: tuple[tuple[str, str | int | bool], ...]
    node_groups: tuple[NodeGroup, ...] = ()

    def gpus_in(self, group: str) -> int:
        """Return the GPUs of each node of a group, by its name; of any node where the site names none."""
        return next((kind.gpus_per_node for kind in self.node_groups if kind.name == group), self.gpus_per_node)

    def affinity_in(self, group: str) -> Affinity:
        """Return where the GPUs of each node of a group are attached; of any node where the site names none."""
        return next((kind.affinity for kind in self.node_groups if kind.name == group), self.affinity)
