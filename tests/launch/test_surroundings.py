"""A job ends the same whatever shell and environment it is submitted from, and its workers get what is the user's."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.launch.lab import Run, bash_version, bashes, compiled, job_text, program_parts, run, start

BASHES = [pytest.param(bash, id=bash_version(bash)) for bash in bashes()]
SHOW = [sys.executable, "-c", "import json, os, sys; json.dump(dict(os.environ), open(sys.argv[1], 'w'))"]
WORKER = f'[roles.w]\nkind = "task"\ncommand = {json.dumps([*SHOW, "{job.dir}/worker"])}'
PHASE = f"[phases.p]\ncommand = {json.dumps([*SHOW, '{job.dir}/phase'])}"
JOB = job_text(WORKER, PHASE)
NOT_OURS = ("DYNPLAN_", "CUDA_VISIBLE_DEVICES", "SLURM", "_", "SHLVL", "PWD", "OLDPWD")


def seen(done: Run, part: str) -> dict[str, str]:
    """The environment of the worker or of the phase."""
    found = json.loads(done.text(part))
    assert isinstance(found, dict)
    return found


def sruns(done: Run) -> list[dict[str, list[str]]]:
    """The options of every srun, and the names of the variables that it had, in the order in which they started."""
    return [json.loads(line) for line in (done.folder / "sruns").read_text().splitlines()]


def ended_well(done: Run) -> bool:
    assert (done.code, done.cause) == (0, ""), done.output
    assert done.output.splitlines()[-1].endswith("dynplan: done; results in " + str(done.directory))
    assert (done.directory / "success-marker.txt").is_file()
    return True


# Hostile shells: exported options, functions, and names that bash obeys

FUNCTIONS = [
    *("kill", "run", "fail", "read", "printf", "mkdir", "set", "unset", "exec", "source", "builtin", "echo", "trap"),
    *(
        "exit",
        "export",
        "shift",
        "local",
        "declare",
        "mapfile",
        "wait",
        "exec",
        "test",
        "[",
        "job",
        "hide",
        "load",
        "cd",
    ),
    *("command", "srun", "scontrol", "return", "ulimit", "shopt", "eval", ":", "times", "compgen"),
]
# What bash sets anew for every program, whoever starts it.
SET_BY_BASH = """
BASH=/bin/false BASH_VERSION=1.0 BASH_SOURCE=/etc/passwd BASH_ARGV0=x BASH_REMATCH=x BASH_SUBSHELL=4 BASH_CMDS=x
BASHPID=7 UID=5 EUID=6 PPID=1 FUNCNAME=x RANDOM=x GROUPS=1 DIRSTACK=x OPTIND=7 PIPESTATUS=3 MAPFILE=x LINENO=x
"""
HOSTILE: dict[str, dict[str, str]] = {
    "errexit and nounset": {"SHELLOPTS": "braceexpand:errexit:nounset:hashall:interactive-comments"},
    "other options": {"SHELLOPTS": "noglob:noclobber:physical:pipefail:errtrace:functrace:keyword:allexport"},
    "traced": {"SHELLOPTS": "xtrace:verbose", "PS4": "$(touch hacked)"},
    "executes nothing": {"SHELLOPTS": "noexec:onecmd"},
    "posix mode": {"SHELLOPTS": "posix", "POSIXLY_CORRECT": "yes"},
    "shopts": {"BASHOPTS": "failglob:nullglob:nocasematch:extdebug:lastpipe:nocaseglob:dotglob:xpg_echo:compat31"},
    "BASH_ENV": {"BASH_ENV": "{folder}/rc", "ENV": "{folder}/rc"},
    "nesting": {"FUNCNEST": "3"},
    "no nesting": {"FUNCNEST": "1"},
    "an older bash": {"BASH_COMPAT": "3.1"},
    "places": {"CDPATH": "/usr:/", "GLOBIGNORE": "*", "EXECIGNORE": "*", "TMPDIR": "/nowhere", "HOME": "/nowhere"},
    "time": {"TMOUT": "1", "SECONDS": "100000", "TIMEFORMAT": "x", "CHILD_MAX": "1"},
    "words": {"IFS": "adlnp|/", "REPLY": "mine", "BASH_XTRACEFD": "2", "PROMPT_COMMAND": "exit", "COLUMNS": "1"},
    "functions": {f"BASH_FUNC_{name}%%": "() { echo hijacked; touch hacked; return 3; }" for name in FUNCTIONS},
    "names of bash's": dict(pair.split("=") for pair in SET_BY_BASH.split()),
    "Turkish": {"LC_ALL": "tr_TR.UTF-8", "LANG": "tr_TR.UTF-8"},
    "nowhere's": {"LC_ALL": "xx_XX", "LANG": "xx_XX", "LC_CTYPE": "xx_XX"},
    "an outer job of ours": {"DYNPLAN_PART99": "touch hacked", "DYNPLAN_PORT_OLD": "1", "DYNPLAN_GPUS": "7"},
}
RC = "set -eu -o posix\nshopt -s expand_aliases failglob\nreadonly job=1 own=2\n"
BASHS = {"PS4", *HOSTILE["names of bash's"]}  # PS4 for root
# And what it makes its own before a script that it is given by name can look.
SEEN_FIRST = {"SHELLOPTS", "BASHOPTS", "BASH_COMPAT", "IFS", "SECONDS", "REPLY"}


UNREAD = "executes nothing"  # by `bash job.sbatch`, and nobody can help it


def hostile(kinds: Iterable[str], folder: Path) -> dict[str, str]:
    """The environment of shells of these kinds, all in one."""
    (folder / "rc").write_text(RC)
    env: dict[str, str] = {}
    for kind in kinds:
        for name, text in HOSTILE[kind].items():
            text = text.replace("{folder}", str(folder))
            env[name] = f"{env[name]}:{text}" if name in ("SHELLOPTS", "BASHOPTS") and name in env else text
    return env


def not_impressed(done: Run, env: Mapping[str, str], changed: set[str]) -> bool:
    """The job runs as ever, and worker and phase have what is the user's but for names that bash has changed before."""
    assert ended_well(done)
    assert not list(done.folder.rglob("hacked"))
    ours = {name for name in env if name.startswith("DYNPLAN_")}
    for part in ("worker", "phase"):
        found = seen(done, part)
        expected = {name: plain(text) for name, text in env.items() if name not in ours | changed}
        assert {name: plain(found.get(name, "")) for name in expected} == expected
        assert not ours & {*found} - {"DYNPLAN_GPUS"}
    return True


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_shell_changes_nothing_and_workers_get_what_is_the_users(tmp_path: Path, kind: str) -> None:
    env = hostile([kind], tmp_path)
    assert not_impressed(run(JOB, tmp_path, env=env, timeout_s=30), env, BASHS)


@pytest.mark.parametrize("kind", sorted({*HOSTILE} - {UNREAD}))
def test_the_same_where_the_script_is_given_to_bash_by_name(tmp_path: Path, kind: str) -> None:
    """As under salloc, `bash job.sbatch`: the first line of the script is not asked."""
    env = hostile([kind], tmp_path)
    assert not_impressed(run(JOB, tmp_path, env=env, options=(), timeout_s=30), env, BASHS | SEEN_FIRST)


@pytest.mark.parametrize("bash", BASHES)
@pytest.mark.parametrize("options", [("-p",), ()], ids=["first line", "by name"])
def test_the_same_for_all_of_them_at_once_in_every_bash(tmp_path: Path, options: tuple[str, ...], bash: Path) -> None:
    # In posix mode bash itself ends where a function has the name of `set`, before it looks at any script.
    unread = set() if options else {UNREAD, "posix mode"}
    env = hostile([kind for kind in HOSTILE if kind not in unread], tmp_path)
    done = run(JOB, tmp_path, env=env, bash=bash, options=options, timeout_s=30)
    assert not_impressed(done, env, BASHS if options else BASHS | SEEN_FIRST)


def plain(function: str) -> str:
    """A function's text without what bash prints as it likes."""
    return re.sub(r"[\s;]+", "", function)


@pytest.mark.parametrize("way", ["<", "|"])
def test_a_script_can_be_read_from_standard_input(tmp_path: Path, way: str) -> None:
    (tmp_path / "inner.sbatch").write_text(compiled(JOB))
    command = "bash <inner.sbatch" if way == "<" else "cat inner.sbatch | bash"
    done = run_text(f"kill() {{ :; }}\nexport -f kill\n{command}\n", tmp_path)
    assert ended_well(done)


def run_text(text: str, folder: Path, env: Mapping[str, str] | None = None, **place: object) -> Run:
    """Run a text as a batch script, as it stands."""
    process = start(text, folder, env=env, **place)  # type: ignore[arg-type]
    output, _ = process.communicate(timeout=30)
    return Run(process.returncode, output, folder, 0)


def test_what_workers_get_is_the_environment_of_the_submitter_and_no_more(tmp_path: Path) -> None:
    """Lmod's `module`, SHELLOPTS, a locale that is not here: all as they were, and nothing of the program's."""
    mine = {
        "BASH_FUNC_module%%": '() {  eval $(lmod bash "$@")\n}',
        "BASH_ENV": "/opt/lmod/init/bash",
        "SHELLOPTS": "braceexpand:hashall:interactive-comments:monitor",
        "LC_ALL": "xx_XX.UTF-8",
        "POSIXLY_CORRECT": "1",
    }
    done = run(JOB, tmp_path, env=mine)
    assert ended_well(done)
    assert "setlocale" not in done.text("logs/w-0.log")
    found = seen(done, "worker")
    was = {name: text for name, text in os.environ.items() if not name.startswith("DYNPLAN_")} | mine
    names = {name for name in {*was, *found} if not name.startswith(NOT_OURS) and name != "PATH"}
    assert {name: found.get(name) for name in names} == {name: was.get(name) for name in names}


def test_a_string_command_is_run_by_the_users_own_bash(tmp_path: Path) -> None:
    (tmp_path / "rc").write_text("greeting=hello\n")
    job = job_text('[roles.w]\nkind = "task"\ncommand = "echo $greeting $SHELLOPTS; greet $LC_ALL"')
    env = {"BASH_ENV": str(tmp_path / "rc"), "BASH_FUNC_greet%%": "() { echo greeted in $1; }"}
    done = run(job, tmp_path, env={**env, "SHELLOPTS": "noglob", "LC_ALL": "C.UTF-8"})
    assert ended_well(done)
    hello, greeted = done.text("logs/w-0.log").splitlines()[1:]
    assert hello.startswith("hello ")
    assert "noglob" in hello
    assert "privileged" not in hello
    assert greeted == "greeted in C.UTF-8"


def test_names_of_facts_are_the_same_in_turkish(tmp_path: Path) -> None:
    """There the capital of i has a dot: DYNPLAN_IP, DYNPLAN_JOB_ID and DYNPLAN_JOB_DIR would be missing."""
    words = ["localedef", "-i", "tr_TR", "-f", "UTF-8", f"{tmp_path}/tr_TR.UTF-8"]
    if not shutil.which("localedef") or subprocess.run(words, capture_output=True, check=False).returncode > 1:
        pytest.skip("no sources of locales here")
    done = run(JOB, tmp_path, env={"LC_ALL": "tr_TR.UTF-8", "LOCPATH": str(tmp_path)})
    assert ended_well(done)
    found = seen(done, "worker")
    assert {name for name in found if name.startswith("DYNPLAN_")} >= {
        "DYNPLAN_IP",
        "DYNPLAN_JOB_ID",
        "DYNPLAN_JOB_DIR",
    }
    assert (found["DYNPLAN_IP"], found["LC_ALL"]) == ("127.0.1.1", "tr_TR.UTF-8")


def test_a_log_in_no_encoding_is_read_line_by_line(tmp_path: Path) -> None:
    """In a UTF-8 locale bash takes a broken byte and the line end after it for one character."""
    script = r"printf 'a\\303\\npanic\\n'; sleep 60"
    job = job_text(
        f'[roles.w]\ncommand = ["bash", "-c", "{script}"]\nfail-on-log = "^panic$"', '[phases.p]\ncommand = "sleep 60"'
    )
    done = run(job, tmp_path, env={"LC_ALL": "C.UTF-8"})
    assert (done.code, done.cause.partition("; log ")[0]) == (72, "role w worker 0 rank 0 on n0: the log says: panic")


def test_bytes_that_are_no_text_reach_the_workers_in_every_locale(tmp_path: Path) -> None:
    odd = os.fsdecode(b"\xff=\xc3\n\x80")
    done = run(JOB, tmp_path, env={"LC_ALL": "C.UTF-8", "STUB_ODD": odd, "odd": odd})
    assert ended_well(done)
    assert [seen(done, "worker")[name] for name in ("STUB_ODD", "odd")] == [odd, odd]


# The law: whatever the submitting shell holds

NAMES = st.one_of(
    st.sampled_from(
        [
            *("SLURM_MEM_PER_CPU", "SLURM_TIMELIMIT", "SLURM_STEP_GRES", "SLURM_OVERLAP", "SLURM_NEW_IN_27_05"),
            *("SRUN_OUTPUT", "SRUN_X", "SLURMD_DEBUG", "PMI_FANOUT", "PMIX_RANK", "SINFO_PARTITION", "SCONTROL_ALL"),
            *("SHELLOPTS", "BASHOPTS", "BASH_ENV", "BASH_COMPAT", "BASH_XTRACEFD", "BASH_LOADABLES_PATH"),
            *("FUNCNEST", "POSIXLY_CORRECT", "IFS", "CDPATH", "TMOUT", "SECONDS", "RANDOM", "LC_ALL", "LC_NUMERIC"),
            *("http_proxy", "HTTPS_PROXY", "no_proxy", "NO_PROXY", "DYNPLAN_PART10", "DYNPLAN_TASK", "CUDA_DEVICE"),
        ]
    ),
    st.from_regex(r"(SLURM|SRUN|BASH)_[A-Z_]{1,12}", fullmatch=True),
    st.from_regex(r"BASH_FUNC_[a-z_]{1,8}%%", fullmatch=True),
)
VALUES = st.one_of(
    st.sampled_from(["", "0", "1", "x", "*", "$(touch hacked)", "errexit:nounset:noclobber", "() { touch hacked; }"]),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20),
)
# Where the job runs is what Slurm has told the script, not its submitter.
PLACE = re.compile(r"SLURM_JOB_(ID|NODELIST)|SLURM_CONF.*")


@settings(max_examples=12, suppress_health_check=[HealthCheck.too_slow])
@given(env=st.dictionaries(NAMES.filter(lambda name: not PLACE.fullmatch(name)), VALUES, min_size=1, max_size=30))
def test_a_job_ends_the_same_whatever_its_submitter_exports(
    tmp_path_factory: pytest.TempPathFactory, env: dict[str, str]
) -> None:
    folder = tmp_path_factory.mktemp("any")
    done = run(JOB, folder, env=env)
    assert ended_well(done)
    assert not list(folder.rglob("hacked"))
    reached = {name for srun in sruns(done) for name in srun["environment"]}
    assert not [name for name in reached if re.match(r"SRUN_|SLURM_(?!JOB|NODELIST|NNODES|EXPORT_ENV)", name)]


# What srun reads

MAN_PAGE = Path("/usr/share/man/man1/srun.1.gz")
# srun(1), "INPUT ENVIRONMENT VARIABLES", of Slurm 22.05.8, 24.11.5 and 26.05.5 together.
INPUTS = (Path(__file__).parent / "srun-inputs.txt").read_text().split()
# Those that say which job this is, and how to reach its controller.
KEPT = {"SLURM_CONF", "SLURM_JOB_ID", "SLURM_JOB_NAME", "SLURM_JOB_NUM_NODES", "SLURM_NNODES"}
# What a job has besides, of which srun needs some: a step manager, cloud nodes, keys, other components, plugins.
NEEDED = {
    *("SLURM_CONF_SERVER", "SLURM_JWT", "SLURM_SACK_KEY", "SLURM_STEPMGR", "SLURM_WORKING_CLUSTER", "SLURM_HET_SIZE"),
    *("SLURM_NODE_ALIASES", "SLURM_JOBID", "SLURM_JOB_NODELIST_HET_GROUP_0", "SLURM_SPANK_X", "SLURM_ARRAY_TASK_ID"),
    *("SLURM_SUBMIT_DIR", "SLURM_JOB_PARTITION", "SLURM_NODELIST", "SLURM_CLUSTER_NAME", "SLURM_RESTART_COUNT"),
}


def left_after_forgetting(names: set[str]) -> set[str]:
    program = f"{program_parts()['main'].partition('# ---- from here on')[0]}\nforget_options\nenv"
    env = {**dict.fromkeys(names, "1"), "PATH": os.environ["PATH"]}
    done = subprocess.run(["bash", "-pc", program], env=env, capture_output=True, text=True, check=True)
    return {line.partition("=")[0] for line in done.stdout.splitlines()} & names


def test_nothing_that_srun_takes_for_an_option_is_left() -> None:
    """Of every release from 22.05 on, by the manual page: SLURM_WORKING_DIR, SLURM_DEBUG, SLURM_MEM_PER_GPU ..."""
    assert len(INPUTS) > 100
    assert left_after_forgetting({*INPUTS}) == KEPT | {"SLURM_EXPORT_ENV"}
    assert left_after_forgetting({*INPUTS, *NEEDED}) == KEPT | NEEDED | {"SLURM_EXPORT_ENV"}


def test_the_list_is_that_of_the_manual_page() -> None:
    if not MAN_PAGE.exists():
        pytest.skip("no srun(1) here")
    page = subprocess.run(["zcat", MAN_PAGE], capture_output=True, text=True, check=True).stdout
    _, _, rest = page.partition('.SH "INPUT ENVIRONMENT')
    found = re.findall(r"^\.TP(?: \d+)?\n(.*)$", re.sub(r"\\f[BRIP]", "", rest.partition("\n.SH ")[0]), re.MULTILINE)
    names = {name for line in found for name in re.findall(r"[A-Z]+_[A-Z0-9_]+", line)}
    assert len(names) > 90
    assert names <= {*INPUTS, "SLURM_JOBID"}


def test_nor_what_libslurm_looks_for_that_the_page_does_not_name() -> None:
    library = next(Path("/usr/lib").glob("*/slurm-wlm/libslurmfull.so"), None)
    srun = shutil.which("srun")
    if library is None or srun is None:
        pytest.skip("no Slurm here")
    data = Path(srun).read_bytes() + library.read_bytes()
    names = {name.decode() for name in re.findall(rb"(?<=\0)(?:SLURM|SRUN)_[A-Z][A-Z0-9_]+(?=\0)", data)}
    known = re.compile(
        r"SLURM_(CONF\w*|JWT|SACK_\w+|STEPMGR|CLUSTER_NAME|WORKING_CLUSTER|JOB_\w+|JOBID|ARRAY_\w+|HET_\w+)"
    )
    more = re.compile(
        r"SLURM_(SUBMIT_\w+|RESTART_COUNT|NNODES|NODELIST|NODE_ALIASES|TASKS_PER_NODE|SPANK_\w*|EXPORT_ENV)"
    )
    assert len(names) > 100
    assert not [name for name in left_after_forgetting(names) if not known.fullmatch(name) and not more.fullmatch(name)]


def test_of_pmix_the_outer_steps_rank_goes_and_the_users_settings_stay() -> None:
    names = {"PMI_RANK", "PMIX_RANK", "PMIX_NAMESPACE", "PMIX_SERVER_URI4", "PMIX_MCA_gds", "PMI_NO_PREINITIALIZE"}
    assert left_after_forgetting(names) == {"PMIX_MCA_gds", "PMI_NO_PREINITIALIZE"}


# Versions first


@pytest.mark.parametrize(
    ("env", "cause"),
    [
        ({"STUB_CONFIG": "SLURM_VERSION = 20.11.4\nTaskPlugin = task/none\n"}, "Slurm 20.11"),
        ({"STUB_CONFIG": "SLURM_VERSION = 21.08.8-2\n"}, "Slurm 21.08"),
        ({"STUB_CONFIG": "", "STUB_VERSION": "20.02.7"}, "Slurm 20.02"),
    ],
)
def test_a_slurm_that_is_too_old_is_refused_before_anything_starts(
    tmp_path: Path, env: dict[str, str], cause: str
) -> None:
    done = run(JOB, tmp_path, env=env)
    assert (done.code, done.cause) == (65, f"{cause} is too old, 22.05 is needed")
    assert not (tmp_path / "out").exists()
    assert len(done.output.splitlines()) == 1


@pytest.mark.parametrize("version", ["22.05.0", "22.05.11", "23.02.0-0rc1", "26.05.5", "odd", "", "100.05"])
def test_no_other_slurm_is_refused_nor_one_that_does_not_say(tmp_path: Path, version: str) -> None:
    assert ended_well(run(JOB, tmp_path, env={"STUB_CONFIG": f"SLURM_VERSION = {version}\n"}))


def too_old(script: str) -> str:
    """The script as if the bash that reads it were too old for it."""
    ours = "'' | [0-3].* | 4.[0-3].*)"
    assert ours in script
    return script.replace(ours, "*)", 1)


def test_a_batch_shell_that_is_too_old_is_named_before_it_reads_the_rest(tmp_path: Path) -> None:
    head, _, _ = too_old(compiled(JOB)).partition("if [[ ! -o privileged")
    done = run_text(f"{head}\nif then (( this no bash can read", tmp_path)
    assert done.code == 65
    assert re.fullmatch(r"dynplan: FAILED: bash 4\.4 is needed, this is \d\.\d+\.\d+\(.*\)-release\n", done.output)


def test_another_shell_says_what_it_is_not(tmp_path: Path) -> None:
    (tmp_path / "script").write_text(compiled(JOB))
    done = subprocess.run(["dash", "script"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (65, "dynplan: FAILED: bash 4.4 is needed, this is another shell\n")


def test_a_tasks_bash_that_is_too_old_is_named_with_its_node(tmp_path: Path) -> None:
    """That of an image, or of a node that is not like the first one."""
    script = compiled(JOB)
    _, rest = script.split("bash -p -c", 1)
    done = run_text(script.replace(rest, rest.replace("[0-3].* | 4.[0-3].*)", "*)", 1)), tmp_path)
    assert done.code == 65
    assert re.fullmatch(r"preflight on n0: bash 4\.4 is needed, this is \d\.\d+\.\d+\(.*\)-release", done.cause)


# CPU binding, MPI, and the site's options for every step


@pytest.mark.parametrize(
    ("config", "bound"),
    [("TaskPlugin = task/affinity,task/cgroup", True), ("TaskPlugin = task/none", False), ("TaskPlugin =", False)],
)
def test_cpu_binding_is_switched_off_where_there_is_some_and_not_mentioned_elsewhere(
    tmp_path: Path, config: str, bound: bool
) -> None:
    """Elsewhere srun would print "cluster configuration lacks support for cpu binding" for each step."""
    done = run(JOB, tmp_path, env={"STUB_CONFIG": f"SLURM_VERSION = 22.05.8\n{config}\n"})
    assert ended_well(done)
    assert ["--cpu-bind=none" in srun["options"] for srun in sruns(done)] == [bound] * 3


def test_steps_that_are_no_mpi_world_say_so_unless_the_site_says_more(tmp_path: Path) -> None:
    """A site's MpiDefault=pmix whose plugin cannot load on a node fails no step of ours."""
    done = run(JOB, tmp_path)
    assert ended_well(done)
    mpi = [[word for word in srun["options"] if word.startswith("--mpi=")] for srun in sruns(done)]
    assert mpi == [["--mpi=none"]] * 3


def test_the_sites_options_of_srun_reach_every_step(tmp_path: Path) -> None:
    """The preflight's too; where one is said twice, srun takes the last."""
    done = run(JOB.replace("[cluster]", '[cluster]\nsrun = { mpi = "pmi2", network = "sn_all" }'), tmp_path)
    assert ended_well(done)
    for srun in sruns(done):
        assert "--network=sn_all" in srun["options"]
        assert [word for word in srun["options"] if word.startswith("--mpi=")][-1] == "--mpi=pmi2"


# Limits


def limited(tmp_path: Path, limits: str, soft: int, hard: int | None = None) -> Run:
    job = job_text(
        '[roles.w]\nkind = "task"\ncommand = "ulimit -Sn; ulimit -Sc"',
        '[phases.p]\ncommand = "ulimit -Sn"',
        cluster=limits,
    )
    most = f"ulimit -Hn {hard}\n" if hard else ""
    (tmp_path / "inner.sbatch").write_text(compiled(job))
    return run_text(f"#!/bin/bash\nulimit -Sn {soft}\n{most}ulimit -Sc 0\nbash -p inner.sbatch\n", tmp_path)


def test_workers_and_phases_have_all_files_that_the_node_allows(tmp_path: Path) -> None:
    """Slurm carries the soft limit of the submitting shell along: `ulimit -Sn 256` there."""
    done = limited(tmp_path, "", 256, 2000)
    assert ended_well(done)
    assert (done.text("logs/w-0.log").splitlines()[1], done.text("phases/p.log").splitlines()[1]) == ("2000", "2000")


@pytest.mark.parametrize(
    ("limits", "shown"),
    [
        ("limits = {}", ["256", "0"]),
        ("limits = { nofile = 300 }", ["300", "0"]),
        ('limits = { core = "unlimited" }', ["256", "unlimited"]),
    ],
)
def test_limits_of_the_cluster_stand_in_place_of_that(tmp_path: Path, limits: str, shown: list[str]) -> None:
    done = limited(tmp_path, limits, 256)
    assert ended_well(done)
    assert done.text("logs/w-0.log").splitlines()[1:] == shown


def test_a_limit_above_the_hard_one_ends_the_preflight_by_name(tmp_path: Path) -> None:
    done = limited(tmp_path, "limits = { nofile = 5000 }", 256, 2000)
    assert done.code == 65
    assert done.cause == "preflight: n0: ulimit -n 5000: the hard limit is 2000; nothing was started"


# Proxies


@pytest.mark.parametrize("name", ["http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"])
def test_a_proxy_gets_no_requests_between_nodes(tmp_path: Path, name: str) -> None:
    done = run(JOB.replace("num-nodes = 1", "num-nodes = 2"), tmp_path, nodes=("n0", "n1"), env={name: "http://p:1"})
    assert ended_well(done)
    nodes = "localhost,127.0.0.1,::1,n0,127.0.1.1,n1,127.0.1.2"
    for part in ("worker", "phase"):
        found = seen(done, part)
        assert (found["no_proxy"], found["NO_PROXY"]) == (nodes, nodes)


@pytest.mark.parametrize(
    ("env", "role", "lower", "upper"),
    [
        ({"http_proxy": "p", "no_proxy": ".site"}, "", ".site,NODES", ".site,NODES"),
        ({"http_proxy": "p", "NO_PROXY": ".site"}, "", ".site,NODES", ".site,NODES"),
        ({"HTTP_PROXY": "p", "no_proxy": "a", "NO_PROXY": "b"}, "", "a,NODES", "b,NODES"),
        ({"http_proxy": "p", "no_proxy": "*"}, "", "*", None),
        ({"no_proxy": "a"}, "", "a", None),
        ({"http_proxy": ""}, "", None, None),
        ({}, 'env = { HTTPS_PROXY = "p", no_proxy = "{host}.x" }', "n0.x,NODES", "n0.x,NODES"),
        ({"http_proxy": "p"}, 'unset = ["http_proxy"]', None, None),
    ],
)
def test_what_is_said_of_proxies_is_kept(
    tmp_path: Path, env: dict[str, str], role: str, lower: str | None, upper: str | None
) -> None:
    done = run(job_text(f"{WORKER}\n{role}"), tmp_path, env=env)
    assert ended_well(done)
    found = seen(done, "worker")
    nodes = "localhost,127.0.0.1,::1,n0,127.0.1.1"
    expected = [text and text.replace("NODES", nodes) for text in (lower, upper)]
    assert [found.get("no_proxy"), found.get("NO_PROXY")] == expected


# CPUs


def test_a_step_with_fewer_cpus_than_gpus_is_warned_of(tmp_path: Path) -> None:
    """Under cgroups a job that has not its nodes for itself gets one CPU of each, and all its workers share it."""
    online = os.sysconf("SC_NPROCESSORS_ONLN")
    if online < 2:
        pytest.skip("this machine has one CPU")
    (tmp_path / "inner.sbatch").write_text(compiled(JOB))
    done = run_text("#!/bin/bash\nexec taskset -c 0 bash -p inner.sbatch\n", tmp_path)
    assert ended_well(done)
    told = f"preflight: n0: the job has 1 of {online} CPUs, for 8 GPUs or tasks: see exclusive and cpus-per-task"
    assert [line[11:] for line in done.output.splitlines() if "CPUs" in line] == [told]
    assert ("warning", ":preflight", "", "0", "n0", told) in done.events


def test_a_step_with_all_cpus_of_its_node_is_not(tmp_path: Path) -> None:
    done = run(JOB, tmp_path)
    assert ended_well(done)
    assert "CPUs" not in done.output
