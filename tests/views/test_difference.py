"""What differs between two plans, as records and as people see it."""

import json
import re

import pytest

from dynplan.language import parse, read, resolve
from dynplan.model import Block, Plan
from dynplan.planner import plan
from dynplan.views.difference import Difference, difference
from dynplan.views.difference.data import as_data
from dynplan.views.difference.markdown import as_markdown
from dynplan.views.difference.records import Move, Part, PortMove, Value, Words
from dynplan.views.difference.text import as_text

JOB = """\
[job]
name = "demo"
num-nodes = 2
[cluster]
gpus-per-node = 8
[roles.decode]
command = ["serve", "{port.system}"]
num-nodes = 2
gpus-per-worker = 4
ports = { system = 9090 }
args = { model = "m", tp = 4, port = "{port.system}" }
env = { LOG = "info" }
setup = '''
module load a
export A=1
'''
[roles.frontend]
command = ["frontend"]
ports = { http = 8000 }
[phases.smoke]
command = ["curl", "{role.frontend.url.http}"]
[files."a.yaml"]
content = '''
a: 1
b: 2
'''
"""


def planned(text: str, *changes: tuple[str, str]) -> Plan:
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    return plan(read(resolve([parse("job.toml", text.encode())])))


def changed(*changes: tuple[str, str]) -> Difference:
    return difference(planned(JOB), planned(JOB, *changes))


def part(found: Difference, name: str) -> Part:
    return next(part for part in found.changed if part.name == name)


def test_workers_that_come_go_and_move() -> None:
    found = changed(("num-nodes = 2\ngpus", "workers = 3\ngpus"))
    assert part(found, "decode").moves == (
        Move(1, ((1, (0, 1, 2, 3)),), ((0, (4, 5, 6, 7)),)),
        Move(2, None, ((1, (0, 1, 2, 3)),)),
    )
    first = "[roles.first]\norder = -1\ncommand = ['x']\nnum-nodes = 2\ngpus-per-worker = 2\n"
    more = changed(("[roles.frontend]", f"{first}[roles.frontend]"))
    assert part(more, "decode").moves == (
        Move(0, ((0, (0, 1, 2, 3)),), ((0, (2, 3, 4, 5)),)),
        Move(1, ((1, (0, 1, 2, 3)),), ((1, (2, 3, 4, 5)),)),
    )
    assert part(more, "first").state == "added"
    assert "  ~ workers 0-1: nodes 0-1, GPUs 0-3 → nodes 0-1, GPUs 2-5\n" in as_text(more)


FILL = """
[job]
num-nodes = 3
[cluster]
gpus-per-node = 4
[roles.train]
command = ["train"]
workers = 2
gpus-per-worker = 6
split = "fill"
"""


def test_a_worker_that_has_other_gpus_on_each_node_is_told_node_by_node() -> None:
    text = as_text(difference(planned(FILL), planned(FILL, ("num-nodes = 3", "num-nodes = 4"), ('"fill"', '"even"'))))
    assert "worker 0: node 0, GPUs 0-3; node 1, GPUs 0-1 → nodes 0-1, GPUs 0-2\n" in text
    assert "worker 1: node 2, GPUs 0-3; node 1, GPUs 2-3 → nodes 2-3, GPUs 0-2\n" in text
    gone = as_text(difference(planned(FILL), planned(FILL, ("workers = 2", "workers = 1"), ("= 3", "= 2"))))
    assert "  - worker 1 on node 2, GPUs 0-3; node 1, GPUs 2-3\n" in gone


def test_a_port_is_told_with_what_follows_from_it() -> None:
    found = changed(("http = 8000", "http = 8001"))
    assert part(found, "frontend").ports == (PortMove(0, 0, "http", Block(8000, 1), Block(8001, 1)),)
    urls = ("http://<node 0>:8000",), ("http://<node 0>:8001",)
    assert part(found, "smoke").words == (Words("command", *urls, follows=True),)
    assert "phase smoke" in as_text(found)
    assert "what its words name\n" in as_text(found)


def test_a_difference_of_all_workers_is_one_line_and_one_of_some_names_them() -> None:
    (port, option) = part(changed(("system = 9090", "system = 9095")), "decode").words
    assert (port.removed, port.added, port.workers) == (("9090",), ("9095",), ())
    assert (option.removed, option.added) == (("--port 9090",), ("--port 9095",))
    four = JOB.replace("num-nodes = 2\ngpus", "num-nodes = 2\nworkers-per-node = 2\ngpus")
    beside = four.replace("ports = { http = 8000 }", "ports = { http = { base = 9091, fixed = true } }")
    moved = part(difference(planned(four), planned(beside)), "decode")
    assert {(words.removed, words.added, words.workers) for words in moved.words} == {
        (("9091",), ("9092",), ("1",)),
        (("--port 9091",), ("--port 9092",), ("1",)),
    }


def test_words_of_a_command_and_lines_of_text() -> None:
    found = changed(("tp = 4", "tp = 8"), ("export A=1", "export A=2\nexport B=3"), ("b: 2", "b: 3"))
    assert part(found, "decode").words == (Words("command", ("--tp 4",), ("--tp 8",)),)
    assert part(found, "a.yaml").words == (Words("content", ("b: 2",), ("b: 3",)),)
    text = as_text(found)
    assert "  - --tp 4\n  + --tp 8\n" in text
    assert "    setup:\n  -   export A=1\n  +   export A=2\n  +   export B=3\n" in text
    assert "module load" not in text


def test_environment_directives_and_keys() -> None:
    job_keys = "sbatch = { account = 'x', requeue = true }\nenv = { A = '1' }\n"
    found = changed(
        ("[cluster]", f"{job_keys}[cluster]"),
        ('LOG = "info"', "LOG = 'debug', NEW = '{port.system}'"),
        ("gpus-per-worker = 4", "gpus-per-worker = 4\nstagger = true"),
    )
    job = part(found, "")
    assert job.directives == (Value("account", None, "x"), Value("requeue", None, True))
    assert job.env == (Value("A", None, "1"),)
    assert job.settings == ()
    decode = part(found, "decode")
    assert decode.env == (Value("LOG", "info", "debug"), Value("NEW", None, "9090"))
    assert decode.settings == (Value("stagger", None, True),)


def test_what_follows_is_cut_and_what_was_changed_is_not() -> None:
    names = ", ".join(f"V{number} = '{{port.system}}'" for number in range(12))
    own = ", ".join(f"W{number} = 'x'" for number in range(30))
    before = planned(JOB, ('LOG = "info"', names))
    after = planned(JOB, ('LOG = "info"', f"{names}, {own}"), ("system = 9090", "system = 9095"))
    text = as_text(difference(before, after))
    assert all(f"  + W{number}=x\n" in text for number in range(30))
    assert "  ~ V7: 9090 → 9095\n    … and 4 more like these\n" in text
    assert "V8" not in text


def test_the_same_command_said_in_other_keys_is_told_as_keys() -> None:
    args = 'args = { model = "m", tp = 4, port = "{port.system}" }'
    found = changed((args, "extra-args = ['--model', 'm', '--tp', '4', '--port', '{port.system}']"))
    decode = part(found, "decode")
    assert decode.words == ()
    assert {value.what.partition(".")[0] for value in decode.settings} == {"args", "extra-args"}


def test_a_new_name_and_nothing_else_is_no_new_phase() -> None:
    found = changed(("[phases.smoke]", "[phases.look]"))
    assert [(part.name, part.was, part.state) for part in found.changed] == [("look", "smoke", "changed")]
    assert as_text(found) == (
        "demo: changed: 1 phase\n"
        "\n"
        "            before  after\n"
        "phase look                 was smoke\n"
        "\n"
        "the same: roles decode, frontend; file a.yaml\n"
    )


def test_of_what_is_gone_its_places_are_told_and_of_what_is_new_all() -> None:
    small = JOB.partition("[roles.frontend]")[0]
    gone, new = difference(planned(JOB), planned(small)), difference(planned(small), planned(JOB))
    assert [(part.kind, part.state) for part in gone.changed] == [
        (kind, "removed") for kind in ("role", "phase", "file")
    ]
    assert "role frontend\n  - worker 0 on node 0\n  - port http 8000 of worker 0\n\n" in as_text(gone)
    assert "curl" not in as_text(gone)
    assert "  + frontend\n  settings:\n  + ports.http.base = 8000\n" in as_text(new)
    assert "  + curl\n  + http://<node 0>:8000\n" in as_text(new)
    assert as_data(gone)["parts"][1]["words"][0]["removed"] == ["curl", "http://<node 0>:8000"]


def test_the_order_of_roles_is_told() -> None:
    found = changed(("[roles.frontend]", "[roles.frontend]\norder = -1"))
    assert part(found, "").settings == (Value("order of roles", ["decode", "frontend"], ["frontend", "decode"]),)


def test_nothing_differs() -> None:
    found = changed()
    assert found.changed == ()
    assert as_text(found) == "demo: nothing differs\n"
    assert as_markdown(found) == "### demo: nothing differs\n"
    assert not as_data(found)["differs"]


LARGER = (
    ("num-nodes = 2\n[", "num-nodes = 3\n["),
    ("num-nodes = 2\ngpus", "num-nodes = 3\ngpus"),
    ("tp = 4", "tp = 8"),
)


def test_text_to_the_character() -> None:
    assert (
        as_text(changed(*LARGER))
        == """\
demo: 2 → 3 nodes; 8 → 12 GPUs in use; changed: 1 role, the job's own keys

             before                   after
nodes        2                        3                        +1
GPUs in use  8                        12                       +4
job                                                            job.num-nodes
role decode  2 x 4 GPUs on nodes 0-1  3 x 4 GPUs on nodes 0-2  1 worker more, command, num-nodes

job
  settings:
  ~ job.num-nodes: 2 → 3

role decode
  + worker 2 on node 2, GPUs 0-3
  + port system 9090 of worker 2
  command:
  - --tp 4
  + --tp 8
  settings:
  ~ num-nodes: 2 → 3

the same: role frontend; phase smoke; file a.yaml
"""
    )


def test_markdown_to_the_character() -> None:
    assert (
        as_markdown(changed(("[phases.smoke]", "[phases.look]"), ("tp = 4", "tp = 8")))
        == """\
### demo: changed: 1 role, 1 phase

| | before | after | |
|---|---|---|---|
| role `decode` | 2 x 4 GPUs on nodes 0-1 | 2 x 4 GPUs on nodes 0-1 | command |
| phase `look` |  |  | was smoke |

The same: role `frontend`, file `a.yaml`.

<details><summary>role <code>decode</code></summary>

```diff
@@ command @@
- --tp 4
+ --tp 8
```

</details>
"""
    )


def test_data_for_programs() -> None:
    data = as_data(changed(*LARGER))
    assert (data["schema"], data["differs"], data["before"], data["after"]) == (1, True, "demo", "demo")
    job, decode = data["parts"]
    assert job["numbers"] == [
        {"what": "nodes", "before": 2, "after": 3},
        {"what": "GPUs in use", "before": 8, "after": 12},
    ]
    assert decode == {
        "kind": "role",
        "name": "decode",
        "state": "changed",
        "before": {"workers": 2, "gpus-per-worker": 4, "nodes": [0, 1]},
        "after": {"workers": 3, "gpus-per-worker": 4, "nodes": [0, 1, 2]},
        "workers": [{"worker": 2, "before": None, "after": [{"node": 2, "gpus": [0, 1, 2, 3]}]}],
        "ports": [{"worker": 2, "rank": 0, "port": "system", "before": None, "after": {"port": 9090, "count": 1}}],
        "words": [{"where": "command", "removed": ["--tp 4"], "added": ["--tp 8"]}],
        "settings": [{"what": "num-nodes", "before": 2, "after": 3}],
    }
    assert data["same"][0] == {"kind": "role", "name": "frontend"}


def test_a_thousand_nodes_take_few_lines() -> None:
    many = JOB.replace("num-nodes = 2", "num-nodes = 1000")
    many = many.replace("gpus-per-worker = 4", "gpus-per-worker = 1\nworkers-per-node = 6")
    found = difference(planned(many), planned(many, ("workers-per-node = 6", "workers-per-node = 7")))
    lines = as_text(found).splitlines()
    assert len(lines) < 30
    assert "  + workers 6000-6999 (1000) on nodes 857-999, GPUs 0-6" in lines
    assert len(as_data(found)["parts"][1]["workers"]) == 6994
    assert len(as_markdown(found)) < 4000


@pytest.mark.parametrize("text", ["```", "````\n```", "</details>", "| a |", "<b>&amp;", "\x1b[2J", "@@ a @@", "`a|b`"])
def test_no_text_breaks_out_of_its_place(text: str) -> None:
    changes = [("tp = 4", f"tp = {json.dumps(text)}"), ('name = "demo"', 'name = "a|`<b>"')]
    told = as_markdown(changed(*changes, *([("b: 2", text)] if "\x1b" not in text else [])))
    head, *details = told.split("<details>")
    assert "\x1b" not in told
    assert "a\\|\\`\\<b\\>" in head
    assert all(len(re.findall(r"(?<!\\)\|", line)) == 5 for line in head.splitlines() if line.startswith("|"))
    for block in details:
        found = re.search(r"\n(`{3,})diff\n(.*?)\n\1\n\n</details>\n*\Z", block, re.DOTALL)
        assert found
        assert found[1] not in found[2]


def test_of_very_much_the_beginning_is_told() -> None:
    lines = "\n".join(f"line {number}" for number in range(9000))
    told = as_markdown(changed(("b: 2", lines), ("tp = 4", "tp = 8")))
    assert len(told) < 65_536
    assert "too long for a comment" in told
    assert "+ --tp 8" in told
