"""What the page of a plan shows is what runs: the same words and variables, task by task."""

import json
import subprocess
from pathlib import Path

from dynplan.cli.pages import page_of
from dynplan.model import outline_of
from tests.launch.lab import NASTY, STUB, plan_of, run
from tests.views.test_plan_page import by_name, ran

# Braces have a meaning in templates, and what does not print is shown as an escape.
WORDS = [text for text in NASTY if "{" not in text and "}" not in text and (text == "\n" or text.isprintable())]


def toml(words: object) -> str:
    """Return words as TOML has them, which takes no halves of a letter."""
    return json.dumps(words, ensure_ascii=False)


RECORD = ["python3", str(STUB), "--record", "seen", "--no-ports", "--exit-after", "0"]
JOB = f"""\
[job]
name = "test"
nodes = ["n0", "n1"]
output-dir = "out"
env = {{ STUB_JOB = "{{job.name}} on {{host}}" }}
[cluster]
gpus-per-node = 8
[roles.small]
kind = "task"
num-nodes = 2
workers-per-node = 2
gpus-per-worker = 1
command = {toml([*RECORD, *WORDS, "{worker} of {num-workers}", "{gpus}", "{= worker * 7 + node}"])}
args = {{ port = "{{port.http}}", last = "{{port.many.last}}" }}
ports = {{ http = 18200, many = {{ base = 18300, count = 4 }} }}
env = {{ STUB_ROLE = "{{host}}:{{port.http}} {{gpu-count}}", STUB_NASTY = {toml("".join(WORDS))} }}
[roles.big]
kind = "task"
gpus-per-worker = 12
num-nodes = 2
command = {toml([*RECORD, "{leader.host}:{leader.port.dist}", "{rank} of {num-tasks}"])}
leader-args = ["--lead", "{{role.small.hosts}}"]
follower-args = ["--follow", {{ when = "rank == 1", args = ["second"] }}]
ports = {{ dist = 18400, rpc = {{ base = 18500, on = "every-task" }} }}
env = {{ STUB_ROLE = "{{port.rpc}}" }}
[roles.router]
kind = "task"
command = [{toml(RECORD)[1:-1]}, {{ each = "small", args = ["--to", "{{it.url.http}}", "{{it.worker}}"] }}]
args = {{ all = "{{role.small.urls.http}}", first = "{{role.big.host}}:{{role.big.port.dist}}" }}
"""


def test_the_page_shows_the_words_and_variables_that_each_task_gets(tmp_path: Path) -> None:
    found = plan_of(JOB)
    shown = by_name(ran(page_of(outline_of(found), found)))
    done = run(JOB, tmp_path, nodes=("n0", "n1"))
    assert (done.code, done.cause) == (0, ""), done.output
    seen = {name_of(record["env"]): record for record in done.seen()}
    assert seen.keys() == shown.keys()
    for name, record in seen.items():
        assert shown[name]["words"] == [*RECORD, *record["argv"]], name
        assert read_by_bash("".join(shown[name]["shown"])) == shown[name]["words"], name
        told = {key: text for key, text in shown[name]["env"].items() if key.startswith("STUB_")}
        assert told == {key: record["env"][key] for key in told}, name
        assert ",".join(map(str, shown[name]["gpus"])) == (record["cuda"] or ""), name


def name_of(env: dict[str, str]) -> str:
    """Return a task as the page calls it."""
    rank = f".{env['DYNPLAN_RANK']}" if env["DYNPLAN_NUM_TASKS"] != "1" else ""
    return f"{env['DYNPLAN_ROLE']}-{env['DYNPLAN_WORKER']}{rank}"


def read_by_bash(text: str) -> list[str]:
    """Return the words of a command line that somebody has copied from the page."""
    done = subprocess.run(["bash", "-c", f"printf '%s\\0' {text}"], capture_output=True, check=True)
    return done.stdout.decode().split("\0")[:-1]
