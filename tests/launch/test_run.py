"""What a running script does, told by jobs whose tasks run here as processes. The real Slurm is in tests/slurm."""

import json
import signal
import sys
import time
import tomllib
from pathlib import Path

import pytest

from dynplan.checker import check
from dynplan.cli import app
from dynplan.emitter.digests import seal_of
from dynplan.language.plan_file import to_tree
from tests.launch.lab import Run, compiled, job_text, left_behind, plan_of, run, start, stub

SLEEP = 'command = "sleep 300"'
QUICK = 'stop = { grace = "1s" }'


def role(name: str, command: str, *lines: str) -> str:
    return "\n".join([f"[roles.{name}]", f"command = {command}", QUICK, *lines])


def phase(name: str, command: str, *lines: str) -> str:
    return "\n".join([f"[phases.{name}]", f"command = {json.dumps(command)}", *lines])


GPUS = "gpus-per-worker = 2"


# What a process is given


def test_words_on_a_condition_reach_the_tasks_for_which_it_holds_in_their_place(tmp_path: Path) -> None:
    followers = '{ when = "rank > 0", args = ["--headless", "{rank}", "{{x}"] }'
    words = f', {followers}, {{ when = "rank == 0", args = ["first"] }}, "end"]'
    never = '{ when = "num-tasks == 1", args = ["{= 1 / (num-tasks - 2) }"] }'  # has no value, and needs none
    always = f'extra-args = [{{ when = "num-tasks > 1", args = ["of", "{{num-tasks}}"] }}, {never}]'
    command = stub("--record", "seen")[:-1] + words
    wide = role("wide", command, "gpus-per-worker = 16", "workers = 2", always)
    done = run(job_text(wide, phase("one", "true"), nodes=4), tmp_path, nodes=("n0", "n1", "n2", "n3"))
    assert (done.code, done.cause) == (0, ""), done.output
    seen = sorted((row["env"]["DYNPLAN_WORKER"], row["argv"]) for row in done.seen())
    expected = [["--headless", "1", "{x}", "end", "of", "2"], ["first", "end", "of", "2"]]
    assert seen == [(worker, argv) for worker in "01" for argv in expected]


@pytest.mark.parametrize("excused", [False, True])
def test_a_job_without_phases_ends_with_its_last_task_and_stops_its_services(tmp_path: Path, excused: bool) -> None:
    server = role("server", stub())
    command = '"exit 3"' if excused else '"echo trained"'
    trainer = role("trainer", command, 'kind = "task"', 'after = ["server"]', "critical = false" if excused else "")
    done = run(job_text(server, trainer), tmp_path)
    assert (done.code, done.cause) == (0, ""), done.output
    assert ("stopped", "server") in [(event, part) for event, part, *_ in done.events]


def test_what_a_job_leaves_is_as_private_as_it_says(tmp_path: Path) -> None:
    worker = role("worker", '"echo secret >{job.dir}/mine"', 'kind = "task"')
    job = job_text(worker, phase("one", "true"), '[files."a.json"]\ncontent = "x"')
    done = run(job.replace("[job]\n", '[job]\numask = "077"\n'), tmp_path)
    assert (done.code, done.cause) == (0, ""), done.output
    modes = {path.stat().st_mode & 0o077 for path in [tmp_path / "out", *(tmp_path / "out").rglob("*")]}
    assert modes == {0}


def test_a_task_that_prepares_a_service_is_not_the_end_of_a_job_without_phases(tmp_path: Path) -> None:
    download = role("download", '"true"', 'kind = "task"')
    server = role("server", '"sleep 2; exit 3"', 'after = ["download"]')
    done = run(job_text(download, server), tmp_path)
    assert done.code == 70, done.output


def test_words_on_a_condition_know_the_worker_where_every_worker_is_a_step_of_its_own(tmp_path: Path) -> None:
    extra = 'extra-args = [{ when = "worker == 1 and rank == 1", args = ["it"] }]'
    world = role("world", stub("--record", "seen"), "gpus-per-worker = 2", "workers = 2", 'launch = "per-gpu"', extra)
    done = run(job_text(world, phase("one", "true")), tmp_path)
    assert (done.code, done.cause) == (0, ""), done.output
    seen = [(row["env"]["DYNPLAN_WORKER"], row["env"]["DYNPLAN_RANK"], row["argv"]) for row in done.seen()]
    assert sorted(seen) == [("0", "0", []), ("0", "1", []), ("1", "0", []), ("1", "1", ["it"])]


def test_a_phase_computes_and_decides_by_its_own_options(tmp_path: Path) -> None:
    decided = '{ when = "n > 3", args = ["many"] }, { when = "n < 3", args = ["few"] }'
    command = f'["sh", "-c", "echo $0 $@ >phase", "{{= n * 2 }}", {decided}]'
    one = f"[phases.one]\ncommand = {command}\nargs = {{ n = 4 }}"
    done = run(job_text(role("a", stub(), GPUS), one), tmp_path)
    assert (done.code, done.cause) == (0, ""), done.output
    assert (tmp_path / "phase").read_text() == "8 many --n 4\n"


def test_files_hold_every_worker_and_every_task_and_the_paths_of_one_another(tmp_path: Path) -> None:
    wide = role("wide", stub(), "gpus-per-worker = 16", "workers = 2", "ports = { http = 18500 }")
    files = """\
[files."all.json".data]
port = "{role.wide.port.http}"
urls = [{ each = "wide", value = "{it.url.http}" }]
tasks = [{ each-task = "wide", value = { host = "{it.host}", worker = "{it.worker}", rank = "{it.rank}" } }]
[files."here.txt"]
content = "{host}"
[files."outer.txt"]
content = ["{file.here.txt} {file.all.json} ", { each = "wide", text = "{it.ip}", between = " " }]
"""
    show = phase(
        "one", "cat {file.all.json} > all.json; cat {file.outer.txt} > outer; cat $(cut -d' ' -f1 outer) > here"
    )
    nodes = ("n0", "n1", "n2", "n3")
    done = run(job_text(wide, files, show, nodes=4), tmp_path, nodes=nodes)
    assert (done.code, done.cause) == (0, ""), done.output
    assert json.loads((tmp_path / "all.json").read_text()) == {
        "port": 18500,
        "urls": ["http://n0:18500", "http://n2:18500"],
        "tasks": [{"host": host, "worker": at // 2, "rank": at % 2} for at, host in enumerate(nodes)],
    }
    folder = tmp_path / "out" / "files"
    assert (tmp_path / "outer").read_text() == f"{folder}/n0/here.txt {folder}/all.json 127.0.1.1 127.0.1.3"
    assert (tmp_path / "here").read_text() == "n0"


def test_a_process_gets_its_slice_its_facts_and_nothing_of_ours(tmp_path: Path) -> None:
    ports = "ports = { http = 18200, kv = { base = 18300, count = 3 } }"
    worker = role("worker", stub("--record", "seen"), GPUS, ports)
    cpu = role("cpu", stub("--record", "seen"), "ports = { http = 18201 }")
    shown = ",".join(f"GPU-{letter}" for letter in "abcdefgh")
    done = run(job_text(worker, cpu, phase("one", "true")), tmp_path, env={"STUB_GPUS": shown})
    assert (done.code, done.cause) == (0, ""), done.output
    first, second = done.seen()
    assert (first["cuda"], second["cuda"]) == ("", "GPU-a,GPU-b")
    facts = {name.removeprefix("DYNPLAN_"): text for name, text in second["env"].items() if name.startswith("DYNPLAN_")}
    assert facts.pop("TASK").startswith("7/worker/0.0/")
    assert facts == {
        "ROLE": "worker",
        "WORKER": "0",
        "RANK": "0",
        "NUM_WORKERS": "1",
        "NUM_TASKS": "1",
        "NODE": "0",
        "GPUS": "0,1",
        "GPU_COUNT": "2",
        "HOST": "n0",
        "IP": "127.0.1.1",
        "PORT_HTTP": "18200",
        "PORT_HTTP_LAST": "18200",
        "PORT_KV": "18300",
        "PORT_KV_LAST": "18302",
        "JOB_ID": "7",
        "JOB_NAME": "test",
        "JOB_DIR": str(tmp_path / "out"),
    }
    assert not [name for name in second["env-names"] if name.startswith(("BASH_FUNC_", "DYNPLAN_PART"))]


def test_functions_of_the_user_reach_the_workers(tmp_path: Path) -> None:
    job = job_text(role("worker", '"greet you"', 'kind = "task"'))
    done = run(job, tmp_path, env={"BASH_FUNC_greet%%": "() { echo hello $1; }"})
    assert done.code == 0, done.output
    assert done.text("logs/worker-0.log").splitlines()[1:] == ["hello you"]


def test_gpus_that_slurm_was_not_asked_for_are_numbered_by_the_plan(tmp_path: Path) -> None:
    job = job_text(
        role("a", stub("--record", "seen"), GPUS),
        role("b", stub("--record", "seen"), GPUS),
        phase("one", "true"),
        cluster='gpu-request = "none"',
    )
    done = run(job, tmp_path, env={"STUB_GPUS": ""})
    assert done.code == 0, done.output
    assert [seen["cuda"] for seen in done.seen()] == ["0,1", "2,3"]


def test_unset_names_are_gone_and_the_work_directory_is_the_workers(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    lines = ('unset = ["STUB_INHERITED", "STUB_JOB"]', 'workdir = "there"', 'env = { STUB_OWN = "{host}" }')
    worker = role("worker", stub("--record", f"{tmp_path}/seen"), GPUS, *lines)
    job = job_text(worker, phase("one", "true"))
    job = job.replace('output-dir = "out"', 'output-dir = "out"\nenv = { STUB_JOB = "x" }')
    done = run(job, tmp_path, env={"STUB_INHERITED": "x"})
    assert done.code == 0, done.output
    (seen,) = done.seen()
    assert {name: text for name, text in seen["env"].items() if name.startswith("STUB_")} == {"STUB_OWN": "n0"}
    assert seen["cwd"] == str(tmp_path / "there")


# Readiness


def test_every_probe_must_hold_before_a_dependent_starts(tmp_path: Path) -> None:
    ports = "ports = { http = 18210, other = 18211 }"
    probes = [
        '{ port = "other" }',
        '{ port = "http", path = "/health" }',
        '{ port = "http", path = "/chat", post = { a = "ü{" }, body = \'"a": "\' }',
        '{ log = "^now [a-z]+$" }',
        '{ command = ["test", "-e", "{job.dir}/flag"] }',
    ]
    first = role("first", stub("--ready-after", "1", "--say-ready", "now up"), ports, f"ready = [{', '.join(probes)}]")
    flag = role("flag", '"sleep 2; touch {job.dir}/flag"', 'kind = "task"')
    second = role("second", '"test -e {job.dir}/flag"', 'after = ["first"]', 'kind = "task"')
    done = run(job_text(first, flag, second, phase("one", "true")), tmp_path)
    assert (done.code, done.cause) == (0, ""), done.output
    order = done.order("started", "ready")
    assert order.index("ready first/0") < order.index("started second/0")


@pytest.mark.parametrize(
    ("probe", "shown"),
    [
        (
            '{ port = "p", path = "/health", timeout = "1s" }',
            'http 18220 /health: status 503 Service Unavailable: {"status": "starting"}',
        ),
        (
            '{ port = "p", path = "/health", status = 404, timeout = "1s" }',
            'http 18220 /health status=404: status 503 Service Unavailable: {"status": "starting"}',
        ),
        ('{ port = "q", timeout = "1s" }', "tcp 18299: connection refused: nothing listens on the port"),
        ('{ log = "never", timeout = "1s" }', "log never: no line matches"),
        ('{ command = ["false"], timeout = "1s" }', "command false: status 1"),
    ],
)
def test_a_worker_that_is_not_ready_in_time_is_named_with_the_probe(tmp_path: Path, probe: str, shown: str) -> None:
    ports = "ports = { p = 18220, q = { base = 18299, probe = false } }"
    worker = role("worker", stub("--no-ports", "--bind", "18220", "--ready-after", "60"), ports, f"ready = [{probe}]")
    done = run(job_text(worker, phase("one", "true")), tmp_path)
    log = tmp_path / "out" / "logs" / "worker-0.log"
    assert done.code == 71, done.output
    assert done.cause == f"role worker worker 0 rank 0 on n0: not ready after 1 s: {shown}; log {log}"


def test_each_probe_has_its_own_limit(tmp_path: Path) -> None:
    probes = '[{ port = "p", timeout = "60s" }, { log = "never", timeout = "1s" }]'
    done = run(job_text(role("worker", stub(), "ports = { p = 18225 }", f"ready = {probes}")), tmp_path)
    assert (done.code, done.cause.split(": ")[1]) == (71, "not ready after 1 s"), done.output
    assert done.seconds < 30


def test_a_limit_counts_from_the_workers_own_start(tmp_path: Path) -> None:
    slow = role("slow", '"sleep 4"', 'kind = "task"')
    lines = ("ports = { p = 18226 }", 'ready = { port = "p", timeout = "3s" }', 'after = ["slow"]')
    done = run(job_text(slow, role("late", stub(), *lines), phase("one", "true")), tmp_path)
    assert (done.code, done.cause) == (0, ""), done.output


def test_while_it_waits_the_log_says_who_is_missing(tmp_path: Path) -> None:
    lines = (GPUS, "workers-per-node = 3", 'ready = { log = "never", timeout = "17s" }')
    done = run(job_text(role("worker", SLEEP.removeprefix("command = "), *lines)), tmp_path)
    waiting = [line for line in done.output.splitlines() if "waiting for" in line]
    assert [line.partition("] ")[2] for line in waiting] == [
        "role worker: waiting for worker 0.0 on n0, worker 1.0 on n0, worker 2.0 on n0"
    ] * len(waiting)
    assert len(waiting) == 2  # after 5 s and after 12


def test_workers_of_a_node_start_one_after_another_where_they_stagger(tmp_path: Path) -> None:
    command = stub("--ready-after", "0.5", "--say-ready", "up")
    lines = (GPUS, "workers-per-node = 3", "stagger = true", 'ready = { log = "up" }')
    done = run(job_text(role("worker", command, *lines), phase("one", "true")), tmp_path)
    assert (done.code, done.cause) == (0, ""), done.output
    order = [event for event in done.order("started", "ready") if "worker" in event]
    assert order == [f"{event} worker/{worker}" for worker in range(3) for event in ("started", "ready")]


# Liveness and failures


def test_a_worker_that_stops_answering_ends_the_job(tmp_path: Path) -> None:
    alive = 'alive = { port = "p", path = "/health", interval = "1s", failures = 2 }'
    ready = 'ready = { port = "p", path = "/health" }'
    worker = role("worker", stub("--hang-after", "2"), "ports = { p = 18230 }", ready, alive)
    done = run(job_text(worker, phase("one", "sleep 60")), tmp_path)
    log = tmp_path / "out" / "logs" / "worker-0.log"
    assert done.code == 73, done.output
    hangs = "not alive: 2 times: http 18230 /health: connected, and no answer within 3 s"
    assert done.cause == f"role worker worker 0 rank 0 on n0: {hangs}; log {log}"


def test_a_line_that_must_not_come_ends_the_job_and_stands_in_the_cause(tmp_path: Path) -> None:
    worker = role("worker", stub("--say-after", "1,a CUDA error | 7"), 'fail-on-log = "CUDA error"')
    done = run(job_text(worker, phase("one", "sleep 60")), tmp_path)
    log = tmp_path / "out" / "logs" / "worker-0.log"
    assert done.code == 72, done.output
    assert done.cause == f"role worker worker 0 rank 0 on n0: the log says: a CUDA error | 7; log {log}"
    assert done.output.rstrip().endswith(f"---- last lines of {log}\n{log.read_text().rstrip()}")


def test_a_pattern_in_the_last_lines_is_the_cause_and_not_the_exit_status(tmp_path: Path) -> None:
    worker = role("worker", '"sleep 1; echo out of memory; exit 1"', 'fail-on-log = "out of memory"')
    done = run(job_text(worker, phase("one", "sleep 60")), tmp_path)
    assert (done.code, "the log says: out of memory" in done.cause) == (72, True), done.output


def test_a_command_that_holds_the_pattern_does_not_fail_by_its_own_name(tmp_path: Path) -> None:
    worker = role("worker", '"true panic; sleep 300"', 'fail-on-log = "panic"')
    done = run(job_text(worker, phase("one", "sleep 2")), tmp_path)
    assert (done.code, done.cause) == (0, ""), done.output


def test_metrics_of_any_text_leave_records_that_can_be_read(tmp_path: Path) -> None:
    urls = ["http://{host}:{port.p}/a \"b\" \\c\\ 'd' é?{job.dir}", "http://{ip}:9", 'x"y']
    folder = tmp_path / 'a "quoted" \\ folder'
    folder.mkdir()
    roles = [
        role(f"role{at}", '"sleep 60"', "ports = { p = 18260 }", f"metrics = {json.dumps(url)}")
        for at, url in enumerate(urls)
    ]
    roles = [text.replace("18260", f"1826{at}") for at, text in enumerate(roles)]
    done = run(job_text(*roles, phase("one", "true")), folder)
    assert (done.code, done.cause) == (0, ""), done.output
    place = f"/a \"b\" \\c\\ 'd' é?{folder}/out"
    found = [worker["metrics"] for (worker,) in json.loads(done.text("endpoints.json"))["roles"].values()]
    assert found == [f"http://n0:18260{place}", "http://127.0.1.1:9", 'x"y']
    targets = json.loads(done.text("prometheus.json"))
    assert [target["targets"] for target in targets] == [["n0:18260"], ["127.0.1.1:9"], ['x"y']]
    assert [target["labels"]["__metrics_path__"] for target in targets] == [place, "/metrics", "/metrics"]
    assert tomllib.loads(done.text("plan.toml"))["nodes"] == [{"node": 0, "host": "n0", "ip": "127.0.1.1", "gpus": 8}]


def test_a_worker_that_writes_without_end_hides_nothing(tmp_path: Path) -> None:
    """Ten thousand lines a second and more: limits count, another probe is asked, and a line is found."""
    flood = "while :; do echo Engine 000: running; done"
    ready = '[{ command = ["test", "-e", "{job.dir}/up"] }, { log = "^now up$" }]'
    command = json.dumps(["bash", "-c", f"({flood}) & sleep 1; echo now up; : >{{job.dir}}/up; wait"])
    loud = role("loud", command, f"ready = {ready}", 'fail-on-log = "^panic|CUDA error"')
    late = role("late", json.dumps(flood), 'after = ["loud"]', 'ready = { log = "^never$", timeout = "2s" }')
    done = run(job_text(loud, late), tmp_path)
    assert done.order("ready") == ["ready loud/0"], done.output
    assert done.cause.startswith("role late worker 0 rank 0 on n0: not ready after 2 s: log ^never$: no line matches;")
    assert done.seconds < 30


def test_a_line_behind_the_cut_of_a_log_fails_the_job(tmp_path: Path) -> None:
    command = "echo hello to you all; sleep 1; : >{job.dir}/logs/worker-0.log; sleep 1; echo panic; sleep 60"
    done = run(job_text(role("worker", json.dumps(command), 'fail-on-log = "^panic"')), tmp_path)
    assert (done.code, "the log says: panic;" in done.cause) == (72, True), done.output


def test_a_restart_keeps_the_job_and_says_so(tmp_path: Path) -> None:
    command = json.dumps('echo run >>"$0"; test "$(wc -l <"$0")" -ge 3 || exit 4; sleep 300 # {job.dir}')
    words = json.dumps(["bash", "-c", json.loads(command), "{job.dir}/runs"])
    worker = role("worker", words, 'restart = { max = 2, delay = "1s" }')
    done = run(job_text(worker, phase("one", "sleep 5")), tmp_path)
    assert (done.code, done.cause) == (0, ""), done.output
    assert done.text("runs") == "run\n" * 3
    assert [event[5].partition(":")[2].split(";")[0] for event in done.events if event[0] == "restart"] == [
        " exit status 4"
    ] * 2


def test_what_is_not_critical_may_die(tmp_path: Path) -> None:
    exporter = role("exporter", '"sleep 1; exit 3"', "critical = false")
    done = run(job_text(exporter, role("worker", stub()), phase("one", "sleep 3")), tmp_path)
    assert (done.code, done.cause) == (0, ""), done.output
    assert "not critical: role exporter worker 0 rank 0 on n0: exit status 3; log " in done.output


def test_the_first_cause_wins_and_what_dies_later_is_not_named(tmp_path: Path) -> None:
    first = role("first", '"sleep 1; exit 5"')
    second = role("second", stub("--term-takes", "0.1"))
    done = run(job_text(first, second, phase("one", "sleep 60")), tmp_path)
    log = tmp_path / "out" / "logs" / "first-0.log"
    assert (done.code, done.cause) == (70, f"role first worker 0 rank 0 on n0: exit status 5; log {log}")
    assert done.text("failure-marker.txt").startswith("[")
    assert done.cause in done.text("failure-marker.txt")
    assert done.text("exit-code.txt") == f"{done.code}\n"
    assert not (done.directory / "success-marker.txt").exists()


@pytest.mark.parametrize(
    ("job", "code", "cause"),
    [
        (phase("one", "exit 7"), 7, "phase one on n0: exit status 7; log {out}/phases/one.log"),
        (phase("one", "kill -9 $$"), 137, "phase one on n0: killed by SIGKILL (status 137); log {out}/phases/one.log"),
        (phase("one", "sleep 60", 'timeout = "1s"'), 124, "phase one on n0: took too long; log {out}/phases/one.log"),
        (
            phase("one", "exit 3", "continue-on-failure = true") + "\n" + phase("two", "true"),
            3,
            "phase one on n0: exit status 3; log {out}/phases/one.log",
        ),
        (
            phase("one", "true", 'setup = "exit 4"'),
            4,
            "phase one on n0: its setup ended: exit status 4; log {out}/phases/one.log",
        ),
        (
            phase("one", "true", 'after-command = "exit 5"') + "\n" + phase("two", "true"),
            5,
            "phase one on n0: exit status 5; log {out}/phases/one.log",
        ),
    ],
)
def test_a_failed_phase_gives_the_job_its_code(tmp_path: Path, job: str, code: int, cause: str) -> None:
    done = run(job_text(role("worker", stub()), job), tmp_path)
    assert (done.code, done.cause) == (code, cause.format(out=tmp_path / "out")), done.output


def test_after_commands_run_behind_every_phase_but_the_last(tmp_path: Path) -> None:
    defaults = '[phase-defaults]\nafter-command = "echo {phase.name} >>{job.dir}/after"\nhealth-check = false'
    phases = [phase(name, "true") for name in ("one", "two", "three")]
    done = run(job_text(role("worker", stub()), defaults, *phases), tmp_path)
    assert done.code == 0, done.output
    assert done.text("after") == "one\ntwo\n"


def test_a_role_that_is_not_ready_again_ends_the_job_between_phases(tmp_path: Path) -> None:
    ready = 'ready = { port = "p", path = "/health", timeout = "2s" }'
    worker = role("worker", stub("--hang-after", "2"), "ports = { p = 18240 }", ready)
    done = run(job_text(worker, phase("one", "sleep 3"), phase("two", "true")), tmp_path)
    assert done.code == 73, done.output
    seen = "http 18240 /health: connected, and no answer within 3 s; log "
    assert done.cause.startswith(f"role worker worker 0 rank 0 on n0: not healthy after 2 s: {seen}")


# The end


def test_the_stop_order_is_clients_routers_leaders_followers_services(tmp_path: Path) -> None:
    job = job_text(
        role("etcd", stub()),
        role("server", stub(), "gpus-per-worker = 16", 'after = ["etcd"]'),
        role("router", stub(), 'after = ["etcd"]'),
        phase("one", "true"),
        nodes=2,
    )
    done = run(job, tmp_path, nodes=("n0", "n1"))
    assert (done.code, done.cause) == (0, ""), done.output
    stops = [(role, rank) for event, role, _, rank, *_ in done.events if event in ("stopped", "exit")]
    assert stops == [("phase:one", "0"), ("router", "0"), ("server", "0"), ("server", "1"), ("etcd", "0")]


def test_nothing_is_left_of_a_worker_that_forks_ignores_and_hides(tmp_path: Path) -> None:
    worker = role("worker", stub("--daemon", "300", "--child", "--ignore-term"), GPUS)
    done = run(job_text(worker, phase("one", "sleep 1")), tmp_path, env={"STUB_MARK": str(tmp_path)})
    assert done.code == 0, done.output
    assert left_behind(f"STUB_MARK={tmp_path}") == []
    assert done.seconds < 30


HIDES = """
import os, sys, time
def sleeper(*begin):
    os.setsid()
    words = [sys.executable, "-c", "import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(300)", *begin]
    os.execve(sys.executable, words, {})
def child(body, *words):
    if os.fork() == 0:
        body(*words)
def orphan(mark):
    os.setsid()  # its child has a name that looks like more, a group of its own, and soon no parent
    if os.fork() == 0:
        os.setpgid(0, 0)
        os.execve(sys.argv[2], ["a) S 1 1 1", "-c", "import time; time.sleep(300)", mark], {})
    time.sleep(300)
def daemon(mark):
    os.setsid()  # with our environment; below it somebody without
    child(sleeper, mark)
    time.sleep(300)
mark = sys.argv[1]
child(sleeper, mark)
child(orphan, mark)
if os.fork() == 0:
    if os.fork() == 0:
        daemon(mark)
    os._exit(0)
os.wait()
time.sleep(300)
"""


def test_nothing_is_left_of_helpers_without_an_environment_in_sessions_of_their_own(tmp_path: Path) -> None:
    """As where no cgroup ends them: setproctitle writes over the environment, `env -i` leaves none."""
    (tmp_path / "hides.py").write_text(HIDES)
    mark = f"helper-of-{tmp_path.name}"
    odd = tmp_path / "a) S 1 1 1"
    odd.symlink_to(sys.executable)
    worker = role("worker", json.dumps([sys.executable, str(tmp_path / "hides.py"), mark, str(odd)]))
    # Those three have the mark as a word behind a `-c`.
    count = f"grep -lsz '^[h]{mark[1:]}$' /proc/[0-9]*/cmdline | xargs grep -lsz '^-c$' | wc -l"
    client = phase("one", f'until test "$({count})" = 3; do sleep 0.1; done', 'timeout = "20s"')
    done = run(job_text(worker, client), tmp_path)
    assert (done.code, done.cause) == (0, ""), done.output
    there = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if readable(path)]
    assert not [words for words in there if mark.encode() in words]
    assert done.seconds < 30


def readable(path: Path) -> bool:
    """Tell whether a file of a process is still there."""
    try:
        path.read_bytes()
    except OSError:
        return False
    return True


def test_a_worker_is_stopped_by_its_signal_and_killed_after_its_grace(tmp_path: Path) -> None:
    trap = """trap "echo got INT; exit" INT; trap "echo got TERM" TERM; while :; do sleep 0.1; done"""
    gentle = role("gentle", json.dumps(trap)).replace(QUICK, 'stop = { signal = "INT", grace = "20s" }')
    stubborn = role("stubborn", json.dumps('trap "" TERM; while :; do sleep 0.1; done'))
    done = run(job_text(gentle, stubborn, phase("one", "sleep 1")), tmp_path)
    assert done.code == 0, done.output
    assert done.text("logs/gentle-0.log").splitlines()[-1] == "got INT"
    assert {role: detail for event, role, *_, detail in done.events if event == "stopped"}["stubborn"] == "137"
    assert done.seconds < 20


@pytest.mark.parametrize(
    ("number", "code", "cause"),
    [
        (signal.SIGTERM, 143, "TERM: cancelled, or the time limit"),
        (signal.SIGUSR1, 75, "the time limit is near"),
        (signal.SIGINT, 130, "INT"),
    ],
)
def test_a_signal_ends_the_job_in_order(tmp_path: Path, number: int, code: int, cause: str) -> None:
    job = job_text(role("worker", stub("--say", "hello")), phase("one", "sleep 300"))
    process = start(compiled(job), tmp_path, env={"STUB_MARK": str(tmp_path)})
    wait_for(tmp_path / "out" / "phases" / "one.log")
    process.send_signal(number)
    output, _ = process.communicate(timeout=60)
    done = Run(process.returncode, output, tmp_path, 0)
    assert (done.code, done.cause) == (code, cause), output
    assert done.order("stopped") == ["stopped phase:one/0", "stopped worker/0"]
    assert left_behind(f"STUB_MARK={tmp_path}") == []


def test_workers_stop_when_the_batch_script_is_gone(tmp_path: Path) -> None:
    job = job_text(role("worker", stub("--say", "hello")), role("other", stub()), phase("one", "sleep 300"))
    process = start(compiled(job), tmp_path, env={"STUB_MARK": str(tmp_path)})
    wait_for(tmp_path / "out" / "phases" / "one.log")
    process.kill()
    assert left_behind(f"STUB_MARK={tmp_path}", within_s=30) == []
    process.communicate()


def wait_for(path: Path) -> None:
    deadline = time.monotonic() + 60
    while not path.exists():
        assert time.monotonic() < deadline, path
        time.sleep(0.05)
    time.sleep(0.5)


# Preflight and the allocation


def test_a_taken_port_is_named_before_anything_starts(tmp_path: Path) -> None:
    blocker = start(compiled(job_text(role("a", stub(), "ports = { p = 18250 }"), phase("one", "sleep 20"))), tmp_path)
    try:
        wait_for(tmp_path / "out" / "phases" / "one.log")
        (tmp_path / "second").mkdir()
        ports = "ports = { p = 18250, free = { base = 18251, count = 2 } }"
        done = run(job_text(role("worker", stub(), ports), phase("one", "true")), tmp_path / "second")
    finally:
        blocker.send_signal(signal.SIGTERM)
        blocker.communicate()
    assert (done.code, done.cause) == (
        65,
        "preflight: n0: port 18250 (p of role worker) is taken; nothing was started",
    ), done.output
    assert not list((tmp_path / "second" / "out" / "logs").iterdir())


@pytest.mark.parametrize(
    ("nodes", "env", "job", "cause"),
    [
        (
            ("n0",),
            {"STUB_GPUS": "0,1"},
            "",
            "preflight: n0: the plan needs 8 GPUs, the step shows CUDA_VISIBLE_DEVICES='0,1'",
        ),
        (
            ("odd",),
            {},
            "",
            "preflight: odd: the host name has no address; a cluster's network-interface says where it has",
        ),
        (
            ("n0",),
            {},
            'container = { image = "/no/such.sqsh", mounts = ["/no/data:/data"] }',
            "preflight: n0: /no/such.sqsh is missing (an image or a mount)",
        ),
    ],
)
def test_what_a_node_lacks_is_named_before_anything_starts(
    tmp_path: Path, nodes: tuple[str, ...], env: dict[str, str], job: str, cause: str
) -> None:
    worker = role("worker", stub(), GPUS, job)
    done = run(job_text(worker, cluster='container-runtime = "pyxis"'), tmp_path, nodes=nodes, env=env)
    assert (done.code, done.cause) == (65, f"{cause}; nothing was started"), done.output


HINT = " (its image must hold bash; what srun says stands above)"


@pytest.mark.parametrize(
    ("boxed", "cause"),
    [
        (
            "worker",
            f"role worker: srun ended with status 2{HINT} and no word from worker 0.0 on n0",
        ),
        ("phase", f"phase one on n0: srun ended with status 2{HINT}"),
    ],
)
def test_an_image_without_bash_is_asked_about(tmp_path: Path, boxed: str, cause: str) -> None:
    image = 'container = { image = "docker://scratch", import = false }'
    worker = role("worker", stub(), GPUS, image if boxed == "worker" else "")
    job = job_text(
        worker, phase("one", "true", image if boxed == "phase" else ""), cluster='container-runtime = "pyxis"'
    )
    done = run(job, tmp_path, env={"STUB_NO_BASH": "yes"})
    assert (done.code, done.cause) == (76, cause), done.output


def test_an_allocation_of_another_size_is_refused(tmp_path: Path) -> None:
    done = run(job_text(role("worker", stub()), nodes=2), tmp_path, nodes=("n0", "n1", "n2"))
    assert (done.code, done.cause) == (64, "the plan needs 2 nodes, the job has 3: n0 n1 n2")


def test_one_is_said_as_one(tmp_path: Path) -> None:
    alone, several = role("alone", stub(), GPUS), role("several", stub(), GPUS, "workers-per-node = 2")
    folders = (tmp_path / "runs", tmp_path / "refused")
    for folder in folders:
        folder.mkdir()
    started = run(job_text(alone, several, phase("one", "true")), folders[0])
    assert "role alone: starting 1 task\n" in started.output
    assert "role several: starting 2 tasks\n" in started.output
    refused = run(job_text(alone, phase("one", "true")), folders[1], nodes=("n0", "n1"))
    assert refused.cause == "the plan needs 1 node, the job has 2: n0 n1"


def test_named_hosts_are_taken_by_name_and_not_by_slurms_order(tmp_path: Path) -> None:
    job = job_text(role("a", stub("--record", "seen"), 'nodes = ["n2"]', GPUS), phase("one", "true"))
    job = job.replace("num-nodes = 1", 'nodes = ["n2", "n1", "n0"]')
    job += "\n" + role("b", stub("--record", "seen"), 'nodes = ["n0", "n1"]', GPUS)
    done = run(job, tmp_path, nodes=("n0", "n1", "n2"))
    assert (done.code, done.cause) == (0, ""), done.output
    assert [(seen["env"]["DYNPLAN_ROLE"], seen["env"]["DYNPLAN_HOST"]) for seen in done.seen()] == [
        ("a", "n2"),
        ("b", "n0"),
        ("b", "n1"),
    ]


def test_a_host_that_is_not_in_the_job_is_refused(tmp_path: Path) -> None:
    job = job_text(role("a", stub(), GPUS)).replace("num-nodes = 1", 'nodes = ["n2", "n1"]')
    done = run(job.replace(GPUS, f"{GPUS}\nnum-nodes = 2"), tmp_path, nodes=("n0", "n1"))
    assert (done.code, done.cause) == (64, "host n2 is not in the job: n0 n1"), done.output


def test_a_step_that_ends_without_a_word_is_laid_to_the_lost_node(tmp_path: Path) -> None:
    worker = role("worker", '"kill -9 $PPID; sleep 300"', GPUS)
    job = job_text(worker, phase("one", "sleep 60"))
    done = run(job, tmp_path, env={"STUB_DEAD": "n0"})
    assert (done.code, done.cause) == (76, "node n0 is lost, and with it worker/0.0"), done.output


# What it leaves


def test_a_second_run_writes_beside_the_first(tmp_path: Path) -> None:
    job = job_text(role("worker", '"echo one"', 'kind = "task"'))
    assert run(job, tmp_path).code == 0
    before = {path: path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()}
    assert run(job, tmp_path).code == 0
    assert {path: path.read_bytes() for path in before} == before
    assert (tmp_path / "out.1" / "logs" / "worker-0.log").exists()


def test_files_tell_where_everything_runs(tmp_path: Path) -> None:
    ports = "ports = { http = 18260, kv = { base = 18270, count = 4 } }"
    metrics = 'metrics = "http://{host}:{port.http}/metrics?a=1"'
    worker = role("worker", stub(), GPUS, "num-nodes = 2", "workers-per-node = 2", ports, metrics)
    job = job_text(
        *(worker, role("cpu", stub()), role("look", stub(), 'beside = "worker"')),
        phase("one", "echo {metrics-urls} {role.worker.endpoints.http}"),
        nodes=2,
    )
    job = job.replace('name = "test"', r"""name = 'a "b" \ ü'""")
    done = run(job, tmp_path, nodes=("n0", "n1"))
    assert (done.code, done.cause) == (0, ""), done.output
    planned = json.loads(json.dumps(to_tree(plan_of(job))))
    left = tomllib.loads(done.text("plan.toml"))
    seal = seal_of(compiled(job))
    assert seal
    assert left["job"] == {"name": r'a "b" \ ü', "id": "7", "digest": seal.plan}
    assert [(node["node"], node["host"], node["gpus"]) for node in left["nodes"]] == [(0, "n0", 8), (1, "n1", 8)]
    assert left["workers"] == [
        {key: worker[key] for key in ("role", "worker", "shares", "tasks") if key in worker}
        for worker in planned["workers"]
    ]
    assert check(left) == ()
    endpoints = json.loads(done.text("endpoints.json"))
    assert endpoints["job"] == {"name": r'a "b" \ ü', "id": "7"}
    assert [(entry["worker"], entry["host"], entry["ports"]["http"]) for entry in endpoints["roles"]["worker"]] == [
        (0, "n0", 18260),
        (1, "n0", 18261),
        (2, "n1", 18260),
        (3, "n1", 18261),
    ]
    assert json.loads(done.text("prometheus.json"))[3] == {
        "targets": ["n1:18261"],
        "labels": {"role": "worker", "worker": "3", "__metrics_path__": "/metrics?a=1"},
    }
    urls = ",".join(f"http://{place}/metrics?a=1" for place in ("n0:18260", "n0:18261", "n1:18260", "n1:18261"))
    assert done.text("phases/one.log").splitlines()[-1] == f"{urls} n0:18260,n0:18261,n1:18260,n1:18261"


def test_the_plan_that_is_left_says_what_to_expect(tmp_path: Path) -> None:
    up = '[{ log = "up", timeout = "20s" }, { command = ["true"], timeout = "1m" }]'
    first = role("first", '"echo up; sleep 60"', "workers = 2", 'place = "head"', f"ready = {up}")
    second = role("second", '"sleep 60"', "num-nodes = 2", "gpus-per-worker = 16", "workers = 1", 'after = ["first"]')
    job = job_text(first, second, phase("one", "true", 'timeout = "30s"'), phase("two", "true"), nodes=2)
    done = run(job, tmp_path, nodes=("n0", "n1"))
    assert (done.code, done.cause) == (0, ""), done.output
    assert tomllib.loads(done.text("plan.toml"))["expected"] == [
        {"role": "first", "tasks": 2, "ready-timeout": 60, "after": []},
        {"role": "second", "tasks": 2, "ready-timeout": 0, "after": ["first"]},
        {"phase": "one", "timeout": 30},
        {"phase": "two", "timeout": 0},
    ]
    # It is a plan like any other.
    assert not app(["check", str(done.directory / "plan.toml")], standalone_mode=False)


def test_events_are_seven_fields_a_line(tmp_path: Path) -> None:
    done = run(job_text(role("worker", "\"printf 'a\\tb\\n'; exit 1\"")), tmp_path)
    lines = done.text("events.log").splitlines()
    assert {len(line.split("\t")) for line in lines} == {7}
    assert done.order("started", "failed", "exit") == ["started worker/0", "failed worker/0", "exit worker/0"]


def test_a_phase_starts_within_a_second_of_the_last_of_64_workers(tmp_path: Path) -> None:
    command = '"sleep 2; date +%s.%N >>{job.dir}/ready; echo up; sleep 300"'
    many = role("many", command, "workers = 64", 'place = "head"', 'ready = { log = "up" }')
    done = run(job_text(many, phase("one", "date +%s.%N >{job.dir}/phase")), tmp_path)
    assert (done.code, done.cause) == (0, ""), done.output
    last = max(map(float, done.text("ready").split()))
    assert float(done.text("phase")) - last < 4  # 0.6 to 0.9 s on two quiet cores that run all of them


def test_a_phase_starts_within_seconds_of_the_last_of_a_thousand_workers(tmp_path: Path) -> None:
    # No thousand processes on this machine: the stand-in for srun says what their wrappers would say.
    many = role("many", '"sleep 300"', "workers = 1000", 'place = "head"')
    env = {"STUB_SAID": "many", "STUB_SAID_AT": str(tmp_path / "ready")}
    done = run(job_text(many, phase("one", "date +%s.%N >{job.dir}/phase")), tmp_path, env=env)
    assert (done.code, done.cause) == (0, ""), done.output
    assert float(done.text("phase")) - float((tmp_path / "ready").read_text()) < 6  # 0.8 s on two quiet cores


# What is written beside the job


def test_records_are_whole_before_the_first_phase_and_lists_before_the_step_that_names_them(tmp_path: Path) -> None:
    ports = "ports = { http = 18262 }"
    many = role("many", '"sleep 300"', "workers = 300", 'place = "head"')
    worker = role("worker", stub(), ports, 'metrics = "http://{host}:{port.http}/metrics"')
    reader = role("reader", '"echo {role.many.hosts}; echo {metrics-urls}"', 'kind = "task"')
    look = "cp {job.dir}/plan.toml {job.dir}/endpoints.json {job.dir}/prometheus.json {phase.dir}"
    job = job_text(many, worker, reader, phase("one", look))
    done = run(job, tmp_path, env={"STUB_SAID": "many", "STUB_SAID_AT": str(tmp_path / "said")})
    assert (done.code, done.cause) == (0, ""), done.output
    assert len(tomllib.loads(done.text("phases/one/plan.toml"))["workers"]) == 302
    assert len(json.loads(done.text("phases/one/endpoints.json"))["roles"]["many"]) == 300
    assert len(json.loads(done.text("phases/one/prometheus.json"))) == 1
    assert not (done.directory / ".records").exists()
    lines = done.text("logs/reader-0.log").splitlines()[1:]
    assert lines == [",".join(["n0"] * 300), "http://n0:18262/metrics"]


def test_records_are_whole_where_a_job_ends_early(tmp_path: Path) -> None:
    many = role("many", '"sleep 300"', "workers = 1000", 'place = "head"')
    job = job_text(many, role("broken", '"exit 3"'), phase("one", "sleep 60"))
    done = run(job, tmp_path, env={"STUB_SAID": "many", "STUB_SAID_AT": str(tmp_path / "said")})
    assert done.code == 70, done.output
    assert len(tomllib.loads(done.text("plan.toml"))["workers"]) == 1001
    assert len(json.loads(done.text("endpoints.json"))["roles"]["many"]) == 1000
    assert not (done.directory / ".records").exists()


def test_records_that_cannot_be_written_end_the_job(tmp_path: Path) -> None:
    (tmp_path / "out" / "plan.toml" / "x").mkdir(parents=True)
    done = run(job_text(role("worker", stub()), phase("one", "true")), tmp_path)
    assert (done.code, done.cause) == (74, f"cannot write in {tmp_path / 'out'}"), done.output


def test_a_flood_of_events_stays_whole_and_in_order(tmp_path: Path) -> None:
    # A worker that writes to its wrapper's output, as fast as it can, what the wrapper might write.
    line = "dynplan|restart|worker|0|0|n0|%d"
    flood = f"for ((n = 0; n < 5000; n++)); do printf '{line}\\n' $n; done >/proc/$PPID/fd/1; sleep 1"
    done = run(job_text(role("worker", json.dumps(flood), 'kind = "task"')), tmp_path)
    assert (done.code, done.cause) == (0, ""), done.output
    assert [detail for event, *_, detail in done.events if event == "restart"] == [str(n) for n in range(5000)]


def test_what_a_worker_writes_to_its_wrappers_output_is_never_code(tmp_path: Path) -> None:
    lines = [
        "dynplan|node|worker||x[$(touch hacked)]|n0|1",
        "dynplan|problem|worker||$(touch hacked)|n0|1",
        "dynplan|ready|worker|a[$(touch hacked)]|0|n0|",
        "dynplan|exit|x[$(touch hacked)]|0|0|n0|0",
        "dynplan|finish|worker|0|0|n0|",
        "dynplan|ready|worker",
        "dynplan|end|worker",
    ]
    (tmp_path / "lines").write_text("\n".join([*lines, ""]))
    worker = role("worker", json.dumps(f"cat {tmp_path}/lines >/proc/$PPID/fd/1; sleep 2"), 'kind = "task"')
    done = run(job_text(worker), tmp_path)
    assert (done.code, done.cause) == (0, ""), done.output
    said = [text.partition("] ")[2] for text in done.output.splitlines()]
    assert [text for text in said if text.startswith("dynplan|")] == [line.rstrip("|") for line in lines]
    assert not list(tmp_path.rglob("hacked"))
