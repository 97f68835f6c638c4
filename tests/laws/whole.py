"""Jobs with everything in them that the language has beside placement: a Hypothesis strategy upon `jobs`."""

from typing import Any

from hypothesis import strategies as st

from tests.laws.jobs import Tables, jobs, optional

# What a shell, TOML, JSON, sbatch or a regular expression might take for something else.
_TEXTS = st.one_of(
    st.sampled_from(["x", "--flag", "", " ", "$HOME", "`id`", "a'b", 'a"b', "\\", "a\nb", "é", "%j", "{", "{{x}", "#"]),
    st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=8),
)
_FACTS = ["{host}", "{ip}", "{job.dir}", "{vars.model}"]
_TASK_FACTS = [*_FACTS, "{gpus}", "{worker}", "{rank}", "{leader.host}", "{= worker + 1}"]
_ENGINES = [None, None, None, "vllm", "sglang", "dynamo-vllm", "dynamo-mocker"]
_SERVICES = ["etcd", "nats", "dynamo-frontend"]
_INTEGERS = st.integers(-(2**63), 2**63 - 1)
_TIMES = st.sampled_from(["5s", "1m", "30m", "1h"])


@st.composite
def whole_jobs(draw: st.DrawFn) -> Tables:
    """Generate the tables of a job file that uses any part of the language."""
    tables = draw(jobs())
    names = list(tables["roles"])
    tables["vars"] = {"model": draw(_TEXTS)}
    tables["files"] = draw(st.dictionaries(st.sampled_from(["a.json", "b.yaml", "c.txt"]), _files(), max_size=2))
    files = [f"{{file.{name}}}" for name in tables["files"]]
    facts, task_facts = (st.sampled_from([*known, *files]) for known in (_FACTS, _TASK_FACTS))
    for at, name in enumerate(names):
        _furnish(draw, tables["roles"][name], names[:at], task_facts)
    tables["phase-defaults"] = draw(optional(timeout=_TIMES, env=_env(facts)))
    phases = st.dictionaries(st.sampled_from(["warm", "load", "accuracy"]), _phases(names, facts), max_size=3)
    tables["phases"] = draw(phases)
    tables["job"] |= draw(
        optional(
            env=_env(facts),
            time=st.sampled_from(["00:10:00", "1-00:00:00", "30"]),
            sbatch=st.dictionaries(st.sampled_from(["account", "partition", "qos"]), st.just("x-1"), max_size=2),
            container=st.fixed_dictionaries({"image": st.just("image.sqsh")}, optional={"mounts": st.just(["/a:/b"])}),
        )
    )
    return tables


def _env(facts: st.SearchStrategy[str]) -> st.SearchStrategy[Tables]:
    return st.dictionaries(st.sampled_from(["A", "LOG_LEVEL", "LC_X"]), st.one_of(_TEXTS, facts), max_size=2)


def _files() -> st.SearchStrategy[Tables]:
    data = st.dictionaries(_TEXTS.filter(bool), st.one_of(_TEXTS, _INTEGERS, st.booleans()), max_size=3)
    return st.one_of(
        st.fixed_dictionaries({"content": st.one_of(_TEXTS, st.just("at {host}\n"))}),
        st.fixed_dictionaries({"data": data}, optional={"format": st.sampled_from(["json", "toml", "yaml"])}),
    )


def _words(before: list[str], facts: st.SearchStrategy[str]) -> st.SearchStrategy[list[Any]]:
    each = [
        st.fixed_dictionaries({"each": st.just(name), "args": st.just(["--at", "{it.host}", "{it.worker}"])})
        for name in before
    ]
    return st.lists(st.one_of(_TEXTS, facts, *each), max_size=3)


def _probes(port: str | None, **limit: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    kinds = [
        st.fixed_dictionaries({"log": st.just("started|ready")}, optional=limit),
        st.fixed_dictionaries({"command": st.just(["true", "{host}"])}),
    ]
    if port:
        web = optional(path=st.just("/health"), status=st.sampled_from([200, "2xx"]), body=st.just("ok"))
        kinds += [web.map(lambda table: {"port": port, **table})] * 2
    probe = st.one_of(*kinds)
    return st.one_of(probe, st.lists(probe, min_size=1, max_size=2))


def _furnish(draw: st.DrawFn, role: Tables, before: list[str], facts: st.SearchStrategy[str]) -> None:
    """Give a role anything that is not about its place; it may name roles that stand before it."""
    port = next(iter(role.get("ports", {})), None)
    words = _words(before, facts)
    env = {**role.pop("env", {}), **draw(_env(facts))}
    arguments = st.dictionaries(st.sampled_from(["model", "url", "flag", "json"]), _argument(facts), max_size=3)
    role["args"] = {**role.pop("args", {}), **draw(arguments)}
    role |= {"env": env} if env else {}
    role |= draw(
        optional(
            extra_args=words,
            leader_args=words,
            follower_args=words,
            unset=st.just(["B"]),
            kind=st.sampled_from(["service", "service", "task"]),
            after=st.lists(st.sampled_from(before), unique=True) if before else st.just([]),
            ready=_probes(port, timeout=_TIMES),
            alive=_probes(port, interval=_TIMES),
            fail_on_log=st.just("Error|Traceback"),
            critical=st.booleans(),
            restart=st.fixed_dictionaries({"max": st.integers(1, 3)}, optional={"delay": _TIMES}),
            stagger=st.booleans(),
            stop=optional(signal=st.sampled_from(["TERM", "INT"]), grace=_TIMES),
            order=st.integers(-1, 1),
            workdir=st.just("/opt/x"),
            setup=st.sampled_from(["true", "export A={worker} B=$C # {host}\ncd /x"]),
            container=st.sampled_from([False, {"image": "other.sqsh", "workdir": "/w"}]),
            cpus_per_task=st.integers(1, 4),
            srun=st.just({"mpi": "none"}),
            mpi=st.sampled_from(["none", "pmix"]),
            launch=st.sampled_from(["per-node", "per-node", "per-gpu"]),
        )
    )
    engine = draw(st.sampled_from(_ENGINES if {"gpus-per-worker", "beside"} & set(role) else [None, *_SERVICES]))
    if engine:
        role["engine"] = engine
    elif draw(st.integers(0, 4)) == 4:
        role["command"] = "exec serve --rank {rank} $HOME"
    else:
        role["command"] = ["serve", *draw(words)]


def _argument(facts: st.SearchStrategy[str]) -> st.SearchStrategy[Any]:
    scalar = st.one_of(_TEXTS, facts, _INTEGERS, st.booleans(), st.sampled_from([0.5, 1e-7]))
    return st.one_of(scalar, st.dictionaries(st.sampled_from(["a", "b"]), scalar, max_size=2))


def _phases(names: list[str], facts: st.SearchStrategy[str]) -> st.SearchStrategy[Tables]:
    return st.fixed_dictionaries(
        {"command": st.lists(st.one_of(_TEXTS.filter(bool), facts), min_size=1, max_size=3)},
        optional={
            "on": st.sampled_from(names),
            "args": st.dictionaries(st.sampled_from(["concurrency", "out"]), _argument(facts), max_size=2),
            "setup": st.sampled_from(["true", "export A={node}", ["true", "{job.dir}"]]),
            "after-command": st.just("true"),
            "timeout": _TIMES,
            "order": st.integers(-1, 1),
            "health-check": st.booleans(),
            "continue-on-failure": st.booleans(),
            "enabled": st.booleans(),
        },
    )
