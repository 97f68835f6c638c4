"""srt-slurm's description of a cluster, `srtslurm.yaml`: beside a recipe it says what its names stand for."""

from dynplan.importers.draft import Draft
from dynplan.importers.source import Part
from dynplan.language.directives import known_options, refused

_DROPPED = {
    "srtctl_root": "no launcher is needed where the script runs",
    "output_dir": "set `job.output-dir`",
    "cloud": "nothing is uploaded",
    "reporting": "nothing reports to anybody",
    "telemetry": "write roles for exporters",
    "preflight": "the script looks before it starts anything",
    "default_host_setup": 'write a role with `kind = "task"`, `place = "every-node"` and `container = false`',
    "default_health_check": "set the `timeout` of `ready`",
    "git_http_version": "nothing clones a repository but the `setup` that you read",
    "default_gpu_exporter": 'write a role `engine = "dcgm-exporter"`',
    "nginx_raise_ulimit": "workers have the node's hard limit of open files",
    "use_het_jobs": "all nodes are one allocation",
    "use_segment_sbatch_directive": "set `domain-nodes`, the nodes of an NVLink domain: the script asks for segments",
}


def add_cluster(root: Part, draft: Draft) -> None:
    """Add what a cluster file says, under what the recipe says itself."""
    for key, names in (("model_paths", draft.models), ("containers", draft.images)):
        for name in _entries(root, key):
            names[name.name] = name.text()
            name.rule("what a name of the recipe stands for")
    _sbatch(root, draft)
    _site(root, draft)
    _gpus(root, draft)
    _defaults(root, draft)
    for part in root.items():
        if part.name in _DROPPED:
            part.dropped(_DROPPED[part.name])


def _entries(root: Part, key: str) -> list[Part]:
    table = root.get(key)
    return list(table.items()) if table is not None and table.is_table() else []


def _sbatch(root: Part, draft: Draft) -> None:
    for key, where in (("default_account", "account"), ("default_partition", "partition")):
        part = root.get(key)
        if part is not None:
            draft.site(f"sbatch.{where}", part.text(), part)
    for option in _entries(root, "default_sbatch_directives"):
        value = "" if option.is_null() else option.text()
        why, instead = refused(option.name, value)
        if why or option.name not in known_options():
            option.changed(f"{why}: {instead}" if why else "sbatch has no such option")
        else:
            draft.site(f"sbatch.{option.name}", value or True, option)


def _site(root: Part, draft: Draft) -> None:
    name, interface = root.get("cluster"), root.get("network_interface")
    if name is not None:
        draft.site("name", name.text(), name)
    if interface is not None:
        draft.site("network-interface", interface.text(), interface)
    exclusive = root.get("use_exclusive_sbatch_directive")
    if exclusive is not None:
        exclusive.rule("a job has its nodes to itself")


def _gpus(root: Part, draft: Draft) -> None:
    gpus, kind = root.get("gpus_per_node"), root.get("default_gpu_type")
    vendor, asks = root.get("visible_devices_env"), root.get("use_gpus_per_node_directive")
    if gpus is not None:
        draft.site("gpus-per-node", gpus.whole(1), gpus)
    if vendor is not None and vendor.text() == "ROCR_VISIBLE_DEVICES":
        draft.site("gpu-vendor", "amd", vendor)
    elif vendor is not None:
        vendor.rule("the variable of NVIDIA's GPUs")
    if asks is not None:
        draft.site("gpu-request", "gpus-per-node" if asks.flag() else "none", asks)
    if kind is not None:
        draft.put(("meta", "gpu-type"), kind.text(), kind)


def _defaults(root: Part, draft: Draft) -> None:
    """Add what a job says for itself where the cluster file said it for all."""
    limit, preamble = root.get("default_time_limit"), root.get("default_bash_preamble")
    if limit is not None:
        draft.limit(limit)
    if preamble is not None:
        draft.put(("job", "setup"), preamble.text(), preamble)
    for mount in _entries(root, "default_mounts"):
        text = f"{draft.plain(mount.name)[0]}:{draft.words(mount)}"
        draft.job.setdefault("job", {}).setdefault("container", {}).setdefault("mounts", []).append(text)
        mount.kept("job.container.mounts")
