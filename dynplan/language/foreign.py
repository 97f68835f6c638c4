"""Words that other tools have for what a job file says, and keys of ours that stand in the wrong table.

Loaded only when there is an unknown key. The words are those of docker compose and Kubernetes manifests, of
sbatch(1), of the recipes of srt-slurm, of CloudAI's test definitions and of the engines' own options.
"""

from dynplan.diagnostics import Path

_COMMAND = 'command = ["program", "word"]'
_IN_ARGS = "an option of the program stands in `args`"

# Word -> our key and, where a key alone does not say it, a line as it is written here.
_OWNER: dict[str, tuple[str, str]] = {
    **dict.fromkeys(("depends-on", "depends", "dependencies", "requires", "wait-for", "needs"), ("after", "")),
    **dict.fromkeys(("cmd", "commands", "entrypoint", "program", "exec", "run", "script"), ("command", _COMMAND)),
    **dict.fromkeys(("environment", "env-vars", "extra-env-vars", "envs", "environ"), ("env", 'env = { NAME = "1" }')),
    **dict.fromkeys(("arguments", "options", "flags", "cmd-args", "params"), ("args", "args = { port = 8000 }")),
    **dict.fromkeys(("extra-cmd-args", "additional-args", "extra-arguments"), ("extra-args", "")),
    **dict.fromkeys(
        ("image", "docker-image", "docker-image-url", "container-image", "sqsh"),
        ("container", 'container = { image = "..." }'),
    ),
    **dict.fromkeys(
        ("volumes", "mounts", "volume-mounts", "binds", "container-mounts", "extra-container-mounts", "extra-mount"),
        ("container", 'container = { mounts = ["/source:/target"] }'),
    ),
    **dict.fromkeys(("working-dir", "workingdir", "cwd", "chdir", "dir", "directory", "pwd"), ("workdir", "")),
    **dict.fromkeys(
        ("setup-cmd", "setup-command", "setup-script", "before-command", "pre", "preamble", "prologue", "init"),
        ("setup", 'setup = "module load cuda"'),
    ),
}
_ROLE: dict[str, tuple[str, str]] = {
    **_OWNER,
    **dict.fromkeys(
        ("replicas", "num-workers", "instances", "scale", "count", "num-replicas", "size", "nprocs", "num-instances"),
        ("workers", ""),
    ),
    **dict.fromkeys(
        ("num-gpus", "gpu", "ngpus", "n-gpus", "gpu-count", "gpus-per-task", "gpus-per-replica", "gres"),
        ("gpus-per-worker", ""),
    ),
    **dict.fromkeys(("tp", "tensor-parallel", "tp-size", "tensor-parallel-size"), ("args", "")),
    **dict.fromkeys(("pp", "pp-size", "pipeline-parallel-size", "dp", "dp-size", "data-parallel-size"), ("args", "")),
    **dict.fromkeys(("model", "model-path", "host", "served-model-name"), ("args", "")),
    **dict.fromkeys(("ntasks", "ntasks-per-node", "tasks", "tasks-per-node"), ("workers-per-node", "")),
    **dict.fromkeys(("multiple-workers-per-node",), ("workers-per-node", 'workers-per-node = "max"')),
    **dict.fromkeys(("nnodes", "node-count", "n-nodes", "nodes-per-worker"), ("num-nodes", "")),
    **dict.fromkeys(("nodelist", "node-list", "hosts", "hostnames", "node-names", "node-name"), ("nodes", "")),
    **dict.fromkeys(
        ("node-selector", "nodeselector", "affinity", "constraint"), ("nodes", 'nodes = ["host-a", "host-b"]')
    ),
    **dict.fromkeys(
        ("sidecar-of", "sidecar", "colocate-with", "co-locate", "colocate", "share-gpus-with", "shares"),
        ("beside", 'beside = "decode"'),
    ),
    **dict.fromkeys(("cpus", "cpu", "num-cpus", "cpus-per-worker", "cores"), ("cpus-per-task", "")),
    **dict.fromkeys(("port", "expose"), ("ports", "ports = { http = 8000 }")),
    **dict.fromkeys(
        ("healthcheck", "health-check", "readiness-probe", "startup-probe", "readinessprobe", "startupprobe", "probe"),
        ("ready", 'ready = { port = "http", path = "/health" }'),
    ),
    **dict.fromkeys(("worker-initialized-regex",), ("ready", 'ready = { log = "..." }')),
    **dict.fromkeys(("liveness-probe", "livenessprobe"), ("alive", 'alive = { port = "http", path = "/health" }')),
    **dict.fromkeys(("node-group", "nodegroup", "node-type", "node-pool", "pool"), ("group", 'group = "NAME"')),
    **dict.fromkeys(
        ("restart-policy", "restartpolicy", "restarts", "retries", "max-restarts"), ("restart", "restart = { max = 3 }")
    ),
    **dict.fromkeys(
        ("stop-signal", "stop-grace-period", "termination-grace-period-seconds", "grace", "signal"),
        ("stop", 'stop = { signal = "TERM", grace = "30s" }'),
    ),
    **dict.fromkeys(("backend", "framework", "preset", "runtime"), ("engine", 'engine = "vllm"')),
    **dict.fromkeys(("exclusive", "exclusive-nodes"), ("dedicated", "dedicated = true")),
    **dict.fromkeys(("priority",), ("order", "")),
    **dict.fromkeys(("srun-args", "srun-options"), ("srun", 'srun = { mpi = "none" }')),
    **dict.fromkeys(("prefill-args", "decode-args"), ("args", "")),
}
_PHASE: dict[str, tuple[str, str]] = {
    **_OWNER,
    **dict.fromkeys(
        ("after", "depends-on", "depends", "dependencies", "requires", "wait-for", "needs"), ("order", "order = 1")
    ),
    **dict.fromkeys(("role", "node", "runs-on", "host"), ("on", 'on = "decode"')),
    **dict.fromkeys(("time-limit", "time", "max-time", "deadline"), ("timeout", 'timeout = "10m"')),
    "before": ("setup", ""),
    **dict.fromkeys(("post", "teardown", "cleanup", "cooldown"), ("after-command", "")),
    **dict.fromkeys(("allow-failure", "ignore-errors", "may-fail"), ("continue-on-failure", "")),
    **dict.fromkeys(("concurrency", "concurrencies", "isl", "osl", "request-count", "model", "url"), ("args", "")),
}
_SBATCH = (
    *("partition", "account", "qos", "reservation", "constraint", "exclude", "dependency", "mail-type", "mail-user"),
    *("comment", "licenses", "begin", "exclusive", "mem", "output", "error", "requeue", "nice", "priority", "hold"),
    *("clusters", "gres", "cpus-per-task", "mem-per-cpu", "mem-per-gpu", "wckey", "segment", "switches"),
)
_JOB: dict[str, tuple[str, str]] = {
    **dict.fromkeys(("job-name", "test-name", "title", "jobname"), ("name", "")),
    **dict.fromkeys(("nnodes", "node-count", "num-of-nodes", "n-nodes"), ("num-nodes", "")),
    **dict.fromkeys(("nodelist", "node-list", "hosts"), ("nodes", "")),
    **dict.fromkeys(("time-limit", "timeout", "walltime", "max-time", "duration"), ("time", 'time = "02:00:00"')),
    **dict.fromkeys(("output-path", "results-dir", "log-dir", "logs", "results", "outdir"), ("output-dir", "")),
    **dict.fromkeys(("environment", "env-vars", "extra-env-vars"), ("env", 'env = { NAME = "1" }')),
    **{
        key: _OWNER[key]
        for key in (
            "image",
            "docker-image",
            "docker-image-url",
            "container-image",
            "volumes",
            "mounts",
            "container-mounts",
            "extra-container-mounts",
            "sqsh",
        )
    },
    **{option: ("sbatch", f"sbatch = {{ {option} = ... }}") for option in _SBATCH},
    **dict.fromkeys(
        ("sbatch-args", "sbatch-options", "sbatch-directives", "slurm"), ("sbatch", 'sbatch = { account = "..." }')
    ),
}
_CLUSTER: dict[str, tuple[str, str]] = {
    **dict.fromkeys(("gpus", "num-gpus", "gpu-count", "ngpus", "gpus-per-host"), ("gpus-per-node", "")),
    **dict.fromkeys(("vendor", "gpu-brand", "accelerator"), ("gpu-vendor", 'gpu-vendor = "amd"')),
    **dict.fromkeys(("interface", "nic", "network", "iface"), ("network-interface", "")),
    **dict.fromkeys(("ports",), ("port-range", 'port-range = "20000-21999"')),
    **dict.fromkeys(("gres", "gpu-type"), ("gpu-request", 'gpu-request = "gres:h100"')),
    **{option: ("sbatch", f"sbatch = {{ {option} = ... }}") for option in _SBATCH if option != "gres"},
    **dict.fromkeys(("groups", "node-types", "node-pools", "nodes"), ("node-groups", "[[cluster.node-groups]]")),
    **dict.fromkeys(("container", "runtime"), ("container-runtime", 'container-runtime = "pyxis"')),
    **dict.fromkeys(("start-timeout", "step-timeout"), ("launch-timeout", 'launch-timeout = "10m"')),
    **dict.fromkeys(("environment",), ("env", 'env = { NAME = "1" }')),
}
_TOP: dict[str, tuple[str, str]] = {
    **dict.fromkeys(
        ("services", "workers", "components", "containers", "deployments", "processes"), ("roles", "[roles.NAME]")
    ),
    **dict.fromkeys(("benchmark", "benchmarks", "steps", "tests", "stages", "tasks"), ("phases", "[phases.NAME]")),
    **dict.fromkeys(("variables", "constants", "values", "env", "environment"), ("vars", "[vars]")),
    **dict.fromkeys(
        ("include", "includes", "import", "base", "inherit", "inherits", "parent"), ("extends", 'extends = "base.toml"')
    ),
    **dict.fromkeys(("configs", "configmaps"), ("files", '[files."NAME"]')),
    **dict.fromkeys(("slurm", "sbatch"), ("job", "[job.sbatch]")),
    **dict.fromkeys(("defaults", "phase-default"), ("phase-defaults", "[phase-defaults]")),
    **dict.fromkeys(("resources",), ("cluster", "[cluster]")),
    **dict.fromkeys(("matrix", "grid", "sweeps", "parameters", "strategy"), ("sweep", "[sweep]")),
    **dict.fromkeys(("metrics", "measurements"), ("results", "[results]")),
    **dict.fromkeys(("name", "num-nodes", "nodes", "time", "output-dir", "constraints"), ("job", "")),
}
_CONTAINER: dict[str, tuple[str, str]] = {
    **dict.fromkeys(("volumes", "volume-mounts", "binds", "mount"), ("mounts", 'mounts = ["/source:/target"]')),
    **dict.fromkeys(("working-dir", "cwd"), ("workdir", "")),
    **dict.fromkeys(("docker-image", "path", "file", "sqsh"), ("image", "")),
}
_PROBE: dict[str, tuple[str, str]] = {
    **dict.fromkeys(("url", "endpoint", "http-get", "httpget", "http"), ("port", 'port = "http", path = "/health"')),
    **dict.fromkeys(("tcp", "tcp-socket", "tcpsocket"), ("port", 'port = "http"')),
    **dict.fromkeys(("exec", "cmd", "test"), ("command", "")),
    **dict.fromkeys(("regex", "pattern", "match", "line"), ("log", "")),
    **dict.fromkeys(("period-seconds", "period", "every"), ("interval", "")),
    **dict.fromkeys(("failure-threshold", "retries"), ("failures", "")),
    **dict.fromkeys(("start-period", "initial-delay-seconds", "timeout-seconds"), ("timeout", "")),
}
# What nothing here is for, and why.
_NOTHING = {
    **dict.fromkeys(
        ("memory", "mem", "mem-limit", "shm-size", "resources", "deploy", "limits", "requests"),
        "the roles of a node share its memory and CPUs, all of them: see `sbatch` in `[job]`",
    ),
    **dict.fromkeys(
        ("networks", "network", "network-mode", "hostname", "links", "domainname", "dns"),
        "roles share the network of their nodes: `{role.NAME.host}` is where another one runs",
    ),
    **dict.fromkeys(("user", "privileged", "cap-add", "ulimits"), "processes run as the user who submits"),
    **dict.fromkeys(("labels", "annotations", "metadata", "description"), "a comment is a line with `#`"),
    **dict.fromkeys(
        ("logging", "log-file", "stdout", "stderr"), "every worker has a log of its own in the job's `logs`"
    ),
}
# Keys of ours that are often written one table too high, too low, or beside their own: table -> its header.
_ELSEWHERE = {
    "job": ("output-dir", "constraints", "time", "cluster"),
    "cluster": (
        "gpus-per-node",
        "gpu-groups",
        "gpu-vendor",
        "port-range",
        "reserved-ports",
        "container-runtime",
        "network-interface",
        "launch-timeout",
    ),
}


_OF_A_GROUP = ("gpus-per-node", "gpu-request", "sbatch")
_TABLES = ("extends", "vars", "roles", "phases", "files", "phase-defaults", "sweep", "results")


def ours(key: str, path: Path) -> tuple[str, str]:
    """Return our key for a word of another tool in the table at `path`, and what to write; empty for none."""
    match path:
        case ():
            words, what = _TOP, ""
        case ("job",):
            words, what = _JOB, ""
        case ("cluster",):
            words, what = _CLUSTER, ""
        case ("cluster", "node-groups", _):
            words, what = {key: told for key, told in _CLUSTER.items() if told[0] in _OF_A_GROUP}, ""
        case ("roles", _):
            words, what = _ROLE, "role"
        case ("phases", _) | ("phase-defaults",):
            words, what = _PHASE, "phase"
        case (*_, "container"):
            words, what = _CONTAINER, ""
        case (*_, "ready" | "alive") | (*_, "ready" | "alive", int()):
            words, what = _PROBE, ""
        case _:
            return "", ""
    word = key.lower()  # Kubernetes writes `nodeSelector`
    if word in words:
        own, line = words[word]
        return own, _said(key, own, line, path)
    return "", _elsewhere(key, path, what) or (_NOTHING.get(word, "") if what else "")


def _said(key: str, own: str, line: str, path: Path) -> str:
    if not path and own == "job":
        return f"it belongs into `[job]`: `{key} = ...`" if not line else f"here that is `{line}`"
    if own == "args" and not line:
        return f"{_IN_ARGS}: `args = {{ {key} = ... }}`"
    return f"here that is `{line}`" if line else f"here that is `{own}`"


def _elsewhere(key: str, path: Path, what: str) -> str:
    """Return which table a key of ours belongs to that stands in another one."""
    for owner, keys in _ELSEWHERE.items():
        if key in keys and path != (owner,):
            return f"it is a key of `[{owner}]`"
    if key in _TABLES and path:
        return (
            "it stands at the top of the file, above the first header"
            if key == "extends"
            else f"it is a table: `[{key}]`"
        )
    if what == "phase" and key in ("ready", "alive", "ports", "engine", "gpus-per-worker", "workers", "fail-on-log"):
        return "it is a key of a role"
    if what == "role" and key in ("timeout", "after-command", "continue-on-failure"):
        return "it is a key of a phase"
    return ""
