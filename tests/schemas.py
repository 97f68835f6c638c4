"""JSON Schemas of job, cluster and engine files: `make golden` writes them, test_schemas.py holds them to the reader.

Which keys there are and what type each value has stands here, for the readers have no table of it: they take their
keys one by one. What a key means stands in the pages, in the tables whose first column is `key`, and nowhere else.
"""

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from dynplan.language.cluster import _LIMITS
from dynplan.language.files import FORMATS
from dynplan.language.tables import LARGEST
from dynplan.model import GPU_VARIABLES, HIGHEST_PORT

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "dynplan" / "language" / "schemas"
PAGES = {name: (ROOT / "docs" / f"{name}.md") for name in ("job-file", "cluster-file", "engines", "sweeps")}
DIALECT = "https://json-schema.org/draft/2020-12/schema"

Schema = dict[str, Any]
Means = Mapping[str, tuple[str, str]]  # by key its default and what it means

TEXT: Schema = {"type": "string"}
FLAG: Schema = {"type": "boolean"}
TEXTS: Schema = {"type": "array", "items": TEXT}
SECONDS: Schema = {
    "anyOf": [
        {"type": "integer", "minimum": 0},
        {"type": "string", "pattern": r"^\s*[0-9]{1,9}[ \t]*[smhd]?\s*$|\{vars\."},
    ]
}
SCALAR: Schema = {"not": {"type": ["array", "object"]}}  # a date and a time are no type of JSON
ANYTHING: Schema = {"type": "object"}
OPTIONS: Schema = {"type": "object", "additionalProperties": SCALAR}


def whole(low: int = 1, high: int = LARGEST) -> Schema:
    """Return the schema of a whole number."""
    return {"type": "integer", "minimum": low, "maximum": high}


def one_of(*words: str) -> Schema:
    """Return the schema of a few words; what `vars` stand for is seen later."""
    return {"anyOf": [{"enum": list(words)}, {"type": "string", "pattern": r"\{vars\."}]}


def either(*schemas: Schema) -> Schema:
    """Return the schema of a value of several kinds."""
    return {"anyOf": list(schemas)}


def ref(name: str) -> Schema:
    """Return a reference to a definition."""
    return {"$ref": f"#/$defs/{name}"}


def named(schema: Schema) -> Schema:
    """Return the schema of a table of tables, each by a name of the user's."""
    return {"type": "object", "additionalProperties": schema}


def table(keys: Mapping[str, Schema], means: Means, *, free: bool = False) -> Schema:
    """Return the schema of a table of dynplan's keys, each with what it means, in either spelling."""
    found: Schema = {"type": "object", "properties": {key: described(keys[key], key, means) for key in keys}}
    dashed = [key.replace("-", "[-_]") for key in keys if "-" in key]
    if dashed:
        found["patternProperties"] = {f"^({'|'.join(dashed)})$": True}
    return found if free else {**found, "additionalProperties": False}


def described(schema: Schema, key: str, means: Means) -> Schema:
    """Return the schema of a key with its description and default."""
    default, meaning = means[key]
    text = re.sub(r"\[([^]]+)\]\([^)]*\)", r"\1", meaning)
    said = f"{text}. Default: {default}" if default and text else text or f"Default: {default}"
    return {**schema, "description": f"{said.rstrip('.')}."}


# What the pages say


def rows(page: str, heading: str, column: str = "key") -> Means:
    """Return what tables of a section say of each key: its default and its meaning."""
    depth = len(heading.split()[0])
    text = re.split(rf"^#{{2,{depth}}} ", page.split(f"\n{heading}\n")[1], flags=re.MULTILINE)[0]
    found: dict[str, tuple[str, str]] = {}
    for head, body in re.findall(rf"^(\| {column} \|.*)\n\|[-|]+\n((?:\|.*\n)+)", text, re.MULTILINE):
        for row in body.splitlines():
            cells = [cell.strip().replace(r"\|", "|") for cell in re.split(r"(?<!\\)\|", row)[1:-1]]
            default = cells[1] if len(cells) > 2 and "default" in head else ""
            for name in re.findall(r"`([^`]+)`", cells[0]):
                found[re.sub(r"^\[|\]$", "", name.split(" ")[0])] = (default, cells[-1])
    return found


def inherited(means: Means, under: Means) -> Means:
    """Return what keys mean where some are said to be as elsewhere."""
    return {
        key: under[key] if re.match(r"as for roles(: \[|$)", meaning) and key in under else (default, meaning)
        for key, (default, meaning) in means.items()
    }


def below(key: str, means: Means, *names: str) -> Means:
    """Return what the keys of a small table mean: what its own key does."""
    return dict.fromkeys(names, ("", means[key][1]))


# The tables


def words(each: Iterable[str] = ("each", "when")) -> Schema:
    """Return the schema of an array of words, in which tables stand for some."""
    plain = {"type": "array", "items": SCALAR}
    keys = {**dict.fromkeys(each, TEXT), "args": plain}
    item = {"type": "object", "properties": keys, "required": ["args"], "additionalProperties": False}
    return {"type": "array", "items": either(SCALAR, item)}


WORDS = words()
COMMAND = either(TEXT, WORDS)
ENV = {
    "type": "object",
    "additionalProperties": either(
        {"not": {"type": ["array", "object", "boolean"]}},
        {
            "type": "object",
            "properties": {"from-env": TEXT},
            "patternProperties": {"^from[-_]env$": TEXT},
            "additionalProperties": False,
            "minProperties": 1,
        },
    ),
}
ARGS = {"type": "object", "additionalProperties": {"not": {"type": "array"}}}
HOSTS = either(TEXT, TEXTS)
NODES = either({"const": "min"}, whole())
# What is said of the nodes of one kind.
NODE_KEYS: dict[str, Schema] = {
    "gpus-per-node": whole(0, 1024),
    "domain-nodes": whole(1, 65_536),
    "gpu-groups": {"type": "array", "items": {"type": "array", "items": whole(0)}},
    "gpu-numa": {"type": "array", "items": whole(0, 1024)},
    "gpu-nics": {"type": "array", "items": either(TEXT, TEXTS)},
}
NUMBER = either(TEXT, whole(0))
CONTAINER = ref("container")
PROBE_KEYS: dict[str, Schema] = {
    "port": TEXT,
    "path": TEXT,
    "status": either(TEXT, whole(100, 599)),
    "body": TEXT,
    "post": either(TEXT, ANYTHING),
    "log": TEXT,
    "command": either(TEXT, {"type": "array", "items": SCALAR}),
    "on": one_of("leader", "every-task"),
}
PORT_KEYS: dict[str, Schema] = {
    "base": either(TEXT, whole(1, HIGHEST_PORT)),
    "count": either(TEXT, whole(1, HIGHEST_PORT)),
    "fixed": either(FLAG, whole(1, HIGHEST_PORT)),
    "on": one_of("leader", "every-task"),
    "same": FLAG,
    "also": either(TEXT, whole(0, HIGHEST_PORT), {"type": "array", "items": either(TEXT, whole(0, HIGHEST_PORT))}),
    "min": whole(1, HIGHEST_PORT),
    "max": whole(1, HIGHEST_PORT),
    "scope": one_of("node", "job"),
    "probe": FLAG,
}
OF_COMMANDS: dict[str, Schema] = {  # what a role and a phase have
    "command": COMMAND,
    "args": ARGS,
    "extra-args": COMMAND,
    "env": ENV,
    "unset": TEXTS,
    "workdir": TEXT,
    "setup": TEXT,
    "container": either({"const": False}, CONTAINER),
    "srun": OPTIONS,
    "flags-of": TEXT,
    "engine-version": TEXT,
    "known-flags": TEXTS,
}
IN_A_JOB: dict[str, Schema] = {"order": {"type": "integer"}, "enabled": FLAG}


def role_keys(means: Means) -> dict[str, Schema]:
    """Return the schema of each key of a role that a preset may have too."""
    restart = {"max": whole(0), "delay": SECONDS}
    signals = [f"{sig}{name}" for name in ("TERM", "INT", "QUIT", "HUP", "USR1", "USR2", "KILL") for sig in ("", "SIG")]
    stop = {"signal": one_of(*signals), "grace": SECONDS}
    return {
        "gpus-per-worker": NUMBER,
        "workers": whole(),
        "num-nodes": whole(),
        "nodes": HOSTS,
        "per-node": FLAG,
        "workers-per-node": either({"const": "max"}, whole()),
        "spread": FLAG,
        "dedicated": FLAG,
        "split": one_of("even", "fill"),
        "equal-slices": FLAG,
        "gpus": {"type": "array", "items": either(whole(0, 1023), {"type": "array", "items": whole(0, 1023)})},
        "beside": TEXT,
        "group": TEXT,
        "place": {"type": "string", "pattern": r"^(|head|every-node|with:.*)$|\{vars\."},
        "engine": TEXT,
        "sizes": TEXTS,
        "switches": TEXTS,
        **OF_COMMANDS,
        "leader-args": COMMAND,
        "follower-args": COMMAND,
        "ports": named(either(TEXT, whole(1, HIGHEST_PORT), ref("port"))),
        "launch": one_of("per-node", "per-gpu"),
        "mpi": TEXT,
        "cpus-per-task": whole(),
        "numa-bind": FLAG,
        "after": TEXTS,
        "kind": one_of("service", "task"),
        "ready": either(ref("ready"), {"type": "array", "items": ref("ready")}),
        "alive": either(ref("alive"), {"type": "array", "items": ref("alive")}),
        "fail-on-log": TEXT,
        "critical": FLAG,
        "restart": table(restart, below("restart", means, *restart)),
        "stagger": FLAG,
        "stop": table(stop, below("stop", means, *stop)),
        "metrics": TEXT,
    }


def cluster_keys(group: Schema) -> dict[str, Schema]:
    """Return the schema of each key of a cluster, of whose node groups each is a `group`."""
    ports = either(TEXT, whole(1, HIGHEST_PORT))
    limit = either(one_of("hard", "unlimited"), whole(0, 2**63 - 1))
    return {
        "name": TEXT,
        **NODE_KEYS,
        "gpu-request": TEXT,
        "gpu-vendor": one_of(*GPU_VARIABLES),
        "container-runtime": one_of("pyxis", "apptainer", "none"),
        "port-range": ports,
        "port-offset": one_of("none", "job-id"),
        "reserved-ports": either(ports, {"type": "array", "items": ports}),
        "ephemeral-ports": ports,
        "network-interface": either(TEXT, TEXTS),
        "launch-timeout": SECONDS,
        "env": ENV,
        "limits": {"type": "object", "propertyNames": {"enum": sorted(_LIMITS)}, "additionalProperties": limit},
        "srun": OPTIONS,
        "sbatch": OPTIONS,
        "node-groups": {"type": "array", "minItems": 1, "items": group},
    }


def group_keys() -> dict[str, Schema]:
    """Return the schema of each key of a node group."""
    return {
        "name": TEXT,
        **NODE_KEYS,
        "gpu-request": TEXT,
        "sbatch": OPTIONS,
    }


def job_keys() -> dict[str, Schema]:
    """Return the schema of each key of `[job]`."""
    return {
        "name": TEXT,
        "num-nodes": either(NODES, named(NODES)),
        "nodes": either(HOSTS, named(HOSTS)),
        "time": either(TEXT, {"type": "integer"}),
        "output-dir": TEXT,
        "umask": TEXT,
        "port-offset": one_of("none", "job-id"),
        "cluster": TEXT,
        "env": ENV,
        "setup": TEXT,
        "constraints": TEXTS,
        "sbatch": OPTIONS,
        "container": CONTAINER,
    }


def phase_keys() -> dict[str, Schema]:
    """Return the schema of each key of a phase."""
    return {
        **OF_COMMANDS,
        "on": TEXT,
        "timeout": SECONDS,
        "setup": COMMAND,
        "after-command": either(TEXT, {"type": "array", "items": SCALAR}),
        "health-check": FLAG,
        "continue-on-failure": FLAG,
        **IN_A_JOB,
    }


def file_table(means: Means) -> Schema:
    """Return the schema of a file that the job writes."""
    part = {"each": TEXT, "each-task": TEXT, "text": TEXT, "between": TEXT}
    item: Schema = {"type": "object", "properties": part, "additionalProperties": False}
    item["patternProperties"] = {"^each_task$": TEXT}
    keys = {
        "content": either(TEXT, {"type": "array", "items": either(TEXT, item)}),
        "data": ANYTHING,
        "format": one_of(*FORMATS),
    }
    return table(keys, means)


def sweep_table(means: Means) -> Schema:
    """Return the schema of a sweep: beside its own keys any key of a job, with a list of values or in tables."""
    point = {"type": "object", "properties": {"name": TEXT}}
    own = {
        "zip": {"type": "array", "items": TEXTS},
        "exclude": TEXTS,
        "points": {"type": "array", "items": point},
    }
    values = {"additionalProperties": {"type": ["array", "object"]}}
    return {**table(own, means, free=True), **values}


def result_table(means: Means) -> Schema:
    """Return the schema of a number that a job leaves in a file."""
    return table({"file": TEXT, "key": TEXT, "phase": TEXT, "best": one_of("min", "max")}, means)


def definitions(page: str) -> dict[str, Schema]:
    """Return what several tables of a job and of a preset have."""
    probes, roles = rows(page, "#### Probes"), rows(page, "## `[roles.NAME]`")
    container = {"image": TEXT, "mounts": TEXTS, "workdir": TEXT, "name": TEXT, "import": FLAG}
    alive = {"interval": SECONDS, "failures": whole()}
    return {
        "container": table(container, rows(page, "## Containers")),
        "port": table(PORT_KEYS, rows(page, "### `ports`")),
        "ready": table({**PROBE_KEYS, "timeout": SECONDS}, {**roles, **probes}),
        "alive": table({**PROBE_KEYS, **alive}, {**roles, **probes}),
    }


def schemas() -> dict[str, Schema]:
    """Return the three schemas, of what the pages say today."""
    job, cluster, engines, sweeps = (path.read_text() for path in PAGES.values())
    roles = rows(job, "## `[roles.NAME]`")
    phases = inherited(rows(job, "## `[phases.NAME]`"), roles)
    parts = {re.sub(r"\..*", "", name): row for name, row in rows(job, "## Parts", "part").items()}
    of_preset = {**roles, **rows(engines, "## One of your own")}
    group = table(group_keys(), rows(cluster, "## Node groups"))
    of_cluster = {"cluster": table(cluster_keys(group), rows(f"\n## All\n{cluster}", "## All"))}
    of_job = {
        "extends": TEXT,
        "job": table(job_keys(), rows(job, "## `[job]`")),
        **of_cluster,
        "roles": named(table({**role_keys(roles), **IN_A_JOB}, roles)),
        "phases": named(table(phase_keys(), phases)),
        "phase-defaults": table(phase_keys(), phases),
        "files": named(file_table(rows(job, '## `[files."NAME"]`'))),
        "vars": OPTIONS,
        "meta": ANYTHING,
        "sweep": sweep_table(rows(sweeps, "## `[sweep]`")),
        "results": named(result_table(rows(sweeps, "## Results"))),
    }
    preset = {"extends": TEXT, "required": TEXTS, "about": ANYTHING, **role_keys(of_preset)}
    return {
        "job": _whole("A job file of dynplan", table(of_job, parts), definitions(job)),
        "cluster": _whole("A cluster file of dynplan", table(of_cluster, parts), {}),
        "engine": _whole("A preset of dynplan", table(preset, of_preset), definitions(job)),
    }


def _whole(title: str, schema: Schema, defs: dict[str, Schema]) -> Schema:
    found = {"$schema": DIALECT, "title": title, **schema}
    return {**found, "$defs": defs} if defs else found


def written(schema: Schema) -> str:
    """Return a schema as it stands in its file."""
    return json.dumps(schema, indent=1, ensure_ascii=False) + "\n"


def main() -> None:
    """Write all of them."""
    FOLDER.mkdir(exist_ok=True)
    for name, schema in schemas().items():
        (FOLDER / f"{name}.json").write_text(written(schema))


if __name__ == "__main__":
    main()
