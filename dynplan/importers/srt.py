"""An srt-slurm recipe as a draft of a job."""

from dynplan.importers.draft import Draft
from dynplan.importers.source import Ledger, Part
from dynplan.importers.srt_benchmark import add_benchmark
from dynplan.importers.srt_cluster import add_cluster
from dynplan.importers.srt_environment import add_environment
from dynplan.importers.srt_frontend import (
    add_control_plane,
    add_front,
    front_of,
    is_dedicated,
    public_role,
)
from dynplan.importers.srt_placement import DEFAULT_GPUS_PER_NODE, Placement, placement_of
from dynplan.importers.srt_recipe import ENGINES, Recipe, recipe_of
from dynplan.importers.srt_roles import add_workers
from dynplan.importers.srt_services import add_host_setup, add_services
from dynplan.language.limits import seconds_of

# Sections that nothing of ours holds, and why.
_DROPPED = {
    "profiling": "nothing starts a profiler: wrap `command` of the role, `nsys profile ...`",
    "observability": 'write roles for exporters: `engine = "dcgm-exporter"`, `"prometheus"`',
    "telemetry": 'write a role `engine = "dcgm-exporter"`, or `"nvidia-smi"`',
    "reporting": "nothing reports to anybody: a job ends with its results",
    "enable_config_dump": "the script holds every word that it runs",
    "post_eval": "write a phase with its command",
    "sbatch_pre_sweep": 'write a role with `kind = "task"` and `place = "every-node"`, named in `after`',
    "sbatch_post_sweep": "nothing runs after a job: undo on the nodes what a role does in its own `command`",
}
_DYNAMO = {
    "sidecar": "the engine runs inside of Dynamo's worker",
    "engine_mode": "the engine runs inside of Dynamo's worker",
    "cargo_patches": "build an image with the patches",
    "patches": "build an image with the patches",
}


def draft_of(root: Part, ledger: Ledger, point: str = "", cluster: Part | None = None) -> Draft | None:
    """Return the job of one recipe, None where it is too wrong for one; what is wrong is in the ledger.

    Args:
        root: the recipe, a variant of which is merged already.
        ledger: hears what became of its keys.
        point: the name of the variant.
        cluster: the file of its cluster, where there is one.
    """
    draft = Draft(ledger, point=point)
    recipe = recipe_of(root)
    if recipe.engine not in ENGINES:
        return None
    if cluster is not None:
        add_cluster(cluster, draft)
    gpus = root.at("resources", "gpus_per_node")
    known = draft.cluster.get("gpus-per-node", DEFAULT_GPUS_PER_NODE)
    per_node = gpus.whole(1) if gpus is not None else int(known)
    draft.site("gpus-per-node", per_node, gpus)
    front = front_of(recipe)
    placement = placement_of(recipe, per_node, dedicated=is_dedicated(recipe) and front.dynamo)
    if placement is None:
        return None
    add_environment(recipe, draft)
    if front.dynamo:
        add_control_plane(recipe, placement, draft)
    add_workers(recipe, placement, draft, dynamo=front.dynamo)
    add_front(recipe, front, placement, draft)
    _ready(recipe, draft)
    add_benchmark(recipe, placement, public_role(front, placement), draft)
    add_services(root, per_node, draft)
    add_host_setup(root, draft)
    _nodes(recipe, placement, draft)
    _no_image(draft)
    _rest(root)
    return draft


def _no_image(draft: Draft) -> None:
    """Leave out mounts where there is no container to mount to."""
    container = draft.job.get("job", {}).get("container", {})
    if "image" not in container:
        draft.job.get("job", {}).pop("container", None)


def _nodes(recipe: Recipe, placement: Placement, draft: Draft) -> None:
    """Say how many nodes the job has where its roles share some; nodes of one role alone come on top."""
    own = {group.role for group in placement.groups}
    alone = {name: role for name, role in draft.job["roles"].items() if name not in own and "gpus-per-worker" in role}
    total = placement.used + sum(int(role.get("workers", 1)) for role in alone.values())
    if placement.shared:
        draft.put(("job", "num-nodes"), total)
    asked = recipe.root.at("sbatch_directives", "nodes")
    if asked is not None and asked.node.text.strip() == str(total):
        asked.rule("as many nodes as the workers take")
    elif asked is not None:
        asked.changed(f"the workers take {total} nodes, and the job asks for so many")
    spread = recipe.root.at("resources", "spread_workers")
    if spread is not None:
        for group in placement.groups:
            if spread.flag():
                draft.put(("roles", group.role, "spread"), True)
        spread.kept("roles.*.spread")
    het = recipe.root.at("resources", "het_jobs")
    if het is not None:
        het.changed(
            "all nodes are one allocation: `domain-nodes` of the cluster keeps each worker inside an NVLink domain"
        )


def _ready(recipe: Recipe, draft: Draft) -> None:
    """Set how long workers and frontends may take, from the polls of the source's health check."""
    health = recipe.root.get("health_check")
    if health is None or not health.is_table():
        return
    attempts, interval = health.get("max_attempts"), health.get("interval_seconds")
    parts = [part for part in (attempts, interval) if part is not None]
    if parts:
        seconds = (attempts.whole(1) if attempts is not None else 180) * (
            interval.whole(1) if interval is not None else 10
        )
        limit = seconds_of(str(draft.job.get("job", {}).get("time", "")))
        for part in parts:
            if limit and seconds > limit:
                part.changed(
                    f"{seconds} s are longer than the whole job, which has {limit} s: the preset's limit stands"
                )
            else:
                part.rule(f"attempts times interval are the limit of `ready`: {seconds} s")
        roles = [name for name in draft.job["roles"] if name not in ("etcd", "nats", "nginx")]
        for name in roles if not limit or seconds <= limit else ():
            draft.put(("roles", name, "ready", "timeout"), f"{seconds}s")
    patterns = health.get("extra_fatal_log_patterns")
    if patterns is not None:
        patterns.changed("set `fail-on-log` of the roles: one regular expression, POSIX extended")
    markers = health.get("fatal_log_markers")
    if markers is not None:
        markers.rule("a worker that dies ends the job, and the preset knows the lines of its engine")


def _rest(root: Part) -> None:
    """Say why the rest has no place here."""
    for key, why in _DROPPED.items():
        part = root.child(key)
        if part is not None:
            part.dropped(why)
    dynamo = root.get("dynamo")
    for part in dynamo.items() if dynamo is not None and dynamo.is_table() else ():
        if not root.ledger.is_told(part.node):
            if part.is_null() or part.node.text.lower() == "false":
                part.rule("as here without a word")
            else:
                key = "sidecar" if part.name.startswith("sidecar") else part.name
                part.changed(_DYNAMO.get(key, "nothing of Dynamo is installed: the image has it"))
