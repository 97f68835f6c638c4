"""A plan as a page: all of it is there, nobody's text becomes a part of the page, and what it runs is what is shown."""

import json
import re
import shutil
import subprocess
from base64 import b64encode
from collections.abc import Mapping, Sequence
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from dynplan.cli.pages import page_of
from dynplan.language import parse, resolve
from dynplan.model import Block, Node, Outline, Task, Worker, outline_of
from dynplan.planner.advice import plan_tables
from tests.laws.profile import law, some
from tests.plans import plan_of
from tests.views.test_report import Reader, read

VIEWS = Path(__file__).parents[2] / "dynplan" / "views"
DATA = re.compile(r'<script type="application/json" id="plan">(.*?)</script>', re.DOTALL)
SCRIPT = re.compile(r"<script>(.*?)</script>", re.DOTALL)
JOB = """\
[job]
name = "disagg"
time = "02:00:00"
[job.env]
LEVEL = "1"
[cluster]
gpus-per-node = 8
[roles.decode]
gpus-per-worker = 16
workers = 2
command = ["python3", "-m", "engine"]
args = { port = "{port.http}", seed = "{= worker * 7 + rank}", init = "{leader.host}:{leader.port.dist}" }
leader-args = ["--lead"]
follower-args = ["--follow", "{rank}"]
env = { TOKEN = { from-env = "SECRET_TOKEN" }, GPUS = "{gpus}" }
ports = { http = { base = 8000, on = "every-task" }, dist = 29500 }
ready = { port = "http", path = "/health" }
[roles.prefill]
gpus-per-worker = 2
workers = 6
command = ["prefill", "it's", { when = "worker > 2", args = ["--late"] }]
args = { port = "{port.http}" }
ports = { http = 8000, nixl = { base = 5557, count = 4 } }
[roles.router]
after = ["decode", "prefill"]
command = ["router", { each = "prefill", args = ["--to", "{it.url.http}"] }, "--decode", "{role.decode.hosts}"]
ports = { http = 9000 }
[phases.bench]
command = ["bench", "{role.router.url.http}"]
timeout = "20m"
"""


@cache
def page(text: str) -> str:
    found = plan_of(text)
    return page_of(outline_of(found), found)


def data(text: str) -> Any:
    found = DATA.findall(text)
    assert len(found) == 1
    return json.loads(found[0])


def rows(groups: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows of tasks as the page writes them out: columns by name, blocks as number and width."""
    found = []
    for group in groups:
        for turn in range(group["times"]):
            for shape, numbers in group["rows"]:
                moved = (
                    number + turn * group["steps"].get(name, 0)
                    for (name, _), number in zip(shape, numbers, strict=True)
                )
                found.append({name: (number, width) for (name, width), number in zip(shape, moved, strict=True)})
    return found


def told_of(tree: Any) -> list[tuple[Any, ...]]:
    """Return each task of the data: role, worker, rank, node, GPUs and ports."""
    return [
        (
            role["name"],
            row["worker"][0],
            row.get("rank", (0, 1))[0],
            row["node"][0],
            gpus_of(row),
            {name[5:]: row[name] for name in row if name.startswith("port.")},
        )
        for role in tree["roles"]
        for row in rows(role["rows"])
    ]


def gpus_of(row: Mapping[str, tuple[int, int]]) -> list[int]:
    if "gpus" in row:
        first, width = row["gpus"]
        return list(range(first, first + width))
    return [number for name, (number, _) in row.items() if name.startswith("gpu.")]


def told_by(outline: Outline) -> list[tuple[Any, ...]]:
    """Return the same of a plan, roles in the order in which they first come."""
    roles = dict.fromkeys(worker.role for worker in outline.workers)
    return [
        (
            worker.role,
            worker.worker,
            task.rank,
            task.node,
            list(task.gpus),
            {name: (block.port, block.count) for name, block in task.ports},
        )
        for role in roles
        for worker in outline.workers
        if worker.role == role
        for task in worker.tasks
    ]


# What stands in it


def test_every_worker_and_port_of_a_plan_is_in_the_page() -> None:
    found = plan_of(JOB)
    assert told_of(data(page(JOB))) == told_by(outline_of(found))


names = st.text(min_size=1, max_size=12)
blocks = st.builds(Block, st.integers(1, 60000), st.integers(1, 20))


@st.composite
def outlines(draw: st.DrawFn) -> Outline:
    """Any plan that stops at its workers, by whoever wrote it: names of all kinds, GPUs with holes."""
    nodes = tuple(Node(at, draw(st.none() | names), draw(st.integers(0, 9))) for at in range(draw(st.integers(1, 4))))
    workers = []
    for role in draw(st.lists(names, max_size=3, unique=True)):
        for number in range(draw(st.integers(1, 3))):
            tasks = tuple(
                Task(
                    rank,
                    (at := draw(st.integers(0, len(nodes) - 1))),
                    tuple(sorted(draw(st.sets(st.integers(0, max(0, nodes[at].gpus - 1)))))) if nodes[at].gpus else (),
                    tuple(draw(st.dictionaries(names, blocks, max_size=2)).items()),
                )
                for rank in range(draw(st.integers(1, 2)))
            )
            workers.append(Worker(role, number, tasks))
    return Outline(draw(names), "", 1, draw(st.none() | st.just(0)), nodes, tuple(workers), ())


PLAIN = re.compile(r"[ -~]*")


@law
@given(outlines())
def test_any_placement_is_in_the_page_as_it_is(outline: Outline) -> None:
    tree = data(page_of(outline, None))
    assert [(worker, rank, node, gpus) for _, worker, rank, node, gpus, _ in told_of(tree)] == [
        (worker, rank, node, gpus) for _, worker, rank, node, gpus, _ in told_by(outline)
    ]
    for told, planned in zip(told_of(tree), told_by(outline), strict=True):
        if all(map(PLAIN.fullmatch, (planned[0], *planned[5]))):
            assert (told[0], told[5]) == (planned[0], planned[5])
        assert list(told[5].values()) == list(planned[5].values())


def test_the_facts_of_the_job_are_said_and_the_tables_are_there() -> None:
    words = " ".join(read(page(JOB)).words)
    for said in (
        "idle share",
        "8.3%",
        "GPU-hours at most",
        "96",
        "48 GPUs for 2h",
        "is ready when",
        "Endpoints",
        "20m",
    ):
        assert said in words
    assert re.search(r"2 router decode, prefill", re.sub(r"\s+", " ", words)), "the router starts in the second turn"


def test_a_plan_that_says_no_commands_has_a_page_and_one_that_breaks_its_promises_says_so() -> None:
    outline = outline_of(plan_of(JOB))
    twice = evolve(outline, workers=(*outline.workers, evolve(outline.workers[0], worker=9)))
    assert "breaks its promises" in page_of(twice, None)
    assert all("command" not in role for role in data(page_of(outline, None))["roles"])


@pytest.mark.parametrize("nodes", [1000, 10_000])
def test_equal_nodes_are_said_once_however_many_they_are(nodes: int) -> None:
    text = (
        f"[job]\nname = 'big'\nnum-nodes = {nodes}\n[cluster]\ngpus-per-node = 8\n"
        f"[roles.decode]\nnum-nodes = {nodes}\nworkers-per-node = 4\ngpus-per-worker = 1\ncommand = ['d']\n"
        "ports = { http = 8000 }\nargs = { rank = '{worker}', port = '{port.http}' }\n"
        f"[roles.prefill]\nnum-nodes = {nodes}\ngpus-per-worker = 4\ncommand = ['p']\n"
    )
    found = plan_tables(resolve([parse("job.toml", text.encode())]))
    assert len(page_of(outline_of(found), found)) < 60_000


# What does not


def test_what_is_taken_from_the_environment_is_named_and_never_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_TOKEN", "hf_0123456789")
    text = page(JOB)
    assert "hf_0123456789" not in text
    assert ["TOKEN", "{from-env.SECRET_TOKEN}"] in data(text)["roles"][0]["env"]


def elements(reader: Reader) -> list[tuple[str, list[str]]]:
    return [(tag, sorted(attributes)) for tag, attributes in reader.elements]


HOSTILE = [
    "</script><script>alert(1)</script>",
    "<!--<script>",
    "'\"><img src=x onerror=alert(1)>",
    "\u2028\u2029&amp;&lt;",
    "]]>--></style>",
    "\x1b[31m\u202e\x00",
    "\ud800",
]


@law
@given(st.lists(names | st.sampled_from(HOSTILE), min_size=4, max_size=4, unique=True))
def test_nobodys_name_becomes_a_part_of_the_page(words: list[str]) -> None:
    task = Task(0, 0, (0,), ((words[2], Block(8000, 1)),))
    outline = Outline(words[0], "", 1, 0, (Node(0, words[3], 1),), (Worker(words[1], 0, (task,)),), ())
    plain = evolve(
        outline,
        name="a",
        nodes=(Node(0, "b", 1),),
        workers=(Worker("c", 0, (evolve(task, ports=(("d", Block(8000, 1)),)),)),),
    )
    assert elements(read(page_of(outline, None))) == elements(read(page_of(plain, None)))


@law
@given(st.text(max_size=40) | st.sampled_from(HOSTILE[:-1]))  # a job file is UTF-8
def test_nobodys_command_becomes_a_part_of_the_page(word: str) -> None:
    found = plan_of(JOB)
    roles = tuple(
        evolve(role, launch=evolve(role.launch, command=("run", word.replace("\0", "").replace("{", ""))))
        for role in found.job.roles
    )
    hostile = evolve(found, job=evolve(found.job, roles=roles))
    assert elements(read(page_of(outline_of(hostile), hostile))) == elements(read(page(JOB)))
    kept = data(page_of(outline_of(hostile), hostile))["roles"][0]["command"][1]
    assert kept.isprintable() or set(kept) - {"\n", "\t"} == {char for char in kept if char.isprintable()}


def test_nothing_runs_in_it_but_its_own_script_and_nothing_is_fetched() -> None:
    text = page(JOB)
    scripts = SCRIPT.findall(text)
    assert scripts == ["".join((VIEWS / name).read_text() for name in ("plan-tasks.js", "plan-page.js"))]
    policy = next(a["content"] for tag, a in read(text).elements if a.get("http-equiv") == "Content-Security-Policy")
    digest = b64encode(sha256(scripts[0].encode()).digest()).decode()
    assert policy.split("; ") == [
        "default-src 'none'",
        "style-src 'unsafe-inline'",
        "img-src data:",
        "base-uri 'none'",
        "form-action 'none'",
        f"script-src 'sha256-{digest}'",
    ]
    fetched = [a for _, a in read(text).elements for name in ("src", "href", "action") if name in a]
    assert all(a.get("src", "").startswith("data:image/svg+xml;base64,") for a in fetched)
    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacent|document\.write|\beval\b|new Function|fetch\(|https?:",
        scripts[0].replace('"http://"', ""),
    )


def test_what_the_script_looks_for_is_there_once_and_labels_lead_somewhere() -> None:
    reader = read(page(JOB))
    ids = [a["id"] for _, a in reader.elements if "id" in a]
    assert len(ids) == len(set(ids))
    wanted = set(re.findall(r'getElementById\("([\w-]+)"\)', "".join((VIEWS / "plan-page.js").read_text())))
    assert wanted <= set(ids)
    assert {a["for"] for tag, a in reader.elements if tag == "label"} <= set(ids)


# What the script of the page makes of it


NODE = shutil.which("node") or shutil.which("nodejs")
PROGRAM = """
const text = require("fs").readFileSync(0, "utf8");
const plan = JSON.parse(text);
const found = readPlan(plan);
const told = found.tasks.map((task) => ({
  name: found.idOf(task), node: task.row.node, gpus: task.row.gpus, ports: task.row.ports,
  words: found.commandOf(task).map(found.plain), shown: found.shown(found.commandOf(task)),
  env: Object.fromEntries((task.role.env || []).map(([name, text]) => [name, found.plain(found.fill(text, task))])),
}));
const hits = Object.fromEntries(QUERIES.map((query) => [query, (found.search(query) || []).map(found.idOf)]));
process.stdout.write(JSON.stringify({ told, hits }));
"""


def ran(text: str, *queries: str) -> Any:
    """Return what `plan-tasks.js` makes of the data in a page, and what it finds by some queries."""
    if NODE is None:
        pytest.skip("no node here: tools/install.sh checks installs it")
    program = (VIEWS / "plan-tasks.js").read_text() + PROGRAM.replace("QUERIES", json.dumps(queries))
    done = subprocess.run(
        [NODE, "-e", program], input=json.dumps(data(text)), capture_output=True, text=True, check=True, timeout=60
    )
    return json.loads(done.stdout)


def by_name(found: Any) -> dict[str, Any]:
    return {task["name"]: task for task in found["told"]}


def test_the_page_shows_the_words_that_each_task_runs() -> None:
    found = by_name(ran(page(JOB)))
    assert found["decode-1.1"]["words"] == [
        *("python3", "-m", "engine", "--port", "8000", "--seed", "8", "--init", "{host of node 2}:29500"),
        *("--follow", "1"),
    ]
    assert found["decode-0.0"]["words"][-1] == "--lead"
    assert found["prefill-2"]["words"] == ["prefill", "it's", "--port", "8002"]
    assert found["prefill-5"]["words"] == ["prefill", "it's", "--late", "--port", "8001"]
    assert found["router-0"]["words"][:3] == ["router", "--to", "http://{host of node 4}:8000"]
    assert found["router-0"]["words"][-1] == "{host of node 0},{host of node 2}"
    assert found["decode-0.1"]["env"] == {
        "LEVEL": "1",
        "TOKEN": "{from-env.SECRET_TOKEN}",
        "GPUS": "0,1,2,3,4,5,6,7",
    }
    assert "".join(found["prefill-0"]["shown"]).startswith("prefill 'it'\"'\"'s'")


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("decode", ["decode-0.0", "decode-0.1", "decode-1.0", "decode-1.1"]),
        ("--decode", ["router-0"]),
        ("prefill 3", ["prefill-3"]),
        ("decode-1", ["decode-1.0", "decode-1.1"]),
        ("node 1", ["decode-0.1"]),
        ("port 5558", ["prefill-0", "prefill-4"]),
        ("decode node 2", ["decode-1.0"]),
        ("--follow", ["decode-0.0", "decode-0.1", "decode-1.0", "decode-1.1"]),
        ("LATE", ["prefill-0", "prefill-1", "prefill-2", "prefill-3", "prefill-4", "prefill-5"]),
        ("nothing-of-the-kind", []),
        ("", []),
    ],
)
def test_a_search_finds_roles_workers_nodes_ports_and_words(query: str, names: list[str]) -> None:
    assert ran(page(JOB), query)["hits"][query] == names


@some(0.2)
@given(outlines())
def test_the_script_reads_every_task_of_any_plan(outline: Outline) -> None:
    found = ran(page_of(outline, None))["told"]
    assert [(task["node"], task["gpus"]) for task in found] == [(t[3], t[4]) for t in told_by(outline)]
    ports = [[(number, width) for _, number, width in task["ports"]] for task in found]
    assert ports == [list(t[5].values()) for t in told_by(outline)]


def test_ports_that_move_with_the_job_are_those_of_block_0_and_the_page_says_so() -> None:
    text = page(
        "[job]\nname = 'half'\nport-offset = 'job-id'\n[cluster]\ngpus-per-node = 4\nport-range = '20000-21999'\n"
        "[roles.server]\ngpus-per-worker = 2\nworkers = 2\ncommand = ['serve', '{port.http}']\nports.http = 8000\n"
        "[roles.router]\ncommand = ['router', '{port.http}', '{role.server.url.http}']\nports = { http = 8000 }\n"
        "ready = { port = 'http' }\n[phases.bench]\ncommand = ['bench', '{role.router.port.http}']\n"
    )
    found = by_name(ran(text))
    assert [found[name]["words"][1] for name in ("server-0", "server-1", "router-0")] == ["20000", "20001", "20002"]
    assert found["router-0"]["words"][2] == "http://{host of node 0}:20000"
    words = " ".join(read(text).words)
    assert "are block 0" in words
    assert "bench 20002" in words
    assert "port 20002 is open" in words
    assert "{at." not in words


# What a browser makes of it


BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


def drawn(text: str, folder: Path, worker: str) -> Reader:
    """Return the page as a browser draws it, with a worker opened by its address."""
    if BROWSER is None:
        pytest.skip("no chromium here: nothing else in the tests needs a browser")
    (folder / "page.html").write_text(text)
    address = f"{(folder / 'page.html').as_uri()}#{worker}"
    options = ("--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder / 'profile'}", "--dump-dom")
    done = subprocess.run([BROWSER, *options, address], capture_output=True, text=True, check=True, timeout=120)
    return read(done.stdout)


RACKS = """\
[cluster]
gpus-per-node = 4
domain-nodes = 18
[roles.decode]
workers = 40
gpus-per-worker = 8
command = ["serve"]
[job.sbatch]
segment = 2
"""


def test_every_node_of_many_domains_is_in_the_grid_or_folded_and_the_page_names_the_segments() -> None:
    text = page(RACKS)
    found = data(text)
    shown = [first for first, _, _ in found["fold"]]
    shown += [at + turn * step for _, runs, _ in found["fold"] for at, times, step in runs for turn in range(times)]
    assert sorted(shown) == list(range(80))
    assert "each 2 nodes in a row are of one NVLink domain: node N is in segment N / 2" in text


GROUPS = """\
[[cluster.node-groups]]
name = "cpu"
sbatch = { partition = "front" }
[[cluster.node-groups]]
name = "gpu"
gpus-per-node = 8
sbatch = { partition = "back" }
[roles.router]
command = ["router"]
[roles.decode]
workers = 2
gpus-per-worker = 8
command = ["serve"]
"""


def test_node_groups_have_a_heading_and_options_of_sbatch_for_each_component() -> None:
    text = page(GROUPS)
    assert data(text)["groups"] == [[0, "cpu: node 0, no GPUs"], [1, "gpu: nodes 1-2, 8 GPUs each"]]
    assert "options of component 0" in text and "options of component 1" in text
    assert "<td>front</td>" in text and "<td>back</td>" in text


def test_a_task_for_each_gpu_is_one_bar_with_all_of_them(tmp_path: Path) -> None:
    text = page(
        "[job]\nname = 'mpi'\n[cluster]\ngpus-per-node = 4\n"
        "[roles.nccl]\ngpus-per-worker = 8\nworkers = 1\nlaunch = 'per-gpu'\n"
    )
    found = drawn(text, tmp_path, "nccl-0.5")
    labels = [a["aria-label"] for tag, a in found.elements if tag == "button" and "aria-label" in a]
    assert labels == ["nccl 0.0-3, node 0, GPU 0-3", "nccl 0.4-7, node 1, GPU 0-3"]
    assert [a["aria-label"] for _, a in found.elements if "picked" in a.get("class", "")] == labels[1:]


def test_a_browser_draws_every_worker_and_opens_the_one_of_the_address(tmp_path: Path) -> None:
    found = drawn(page(JOB), tmp_path, "prefill-5")
    labels = [a["aria-label"] for tag, a in found.elements if tag == "button" and "aria-label" in a]
    expected = {f"{w.role} {w.worker}" for w in plan_of(JOB).workers if w.role != "decode"}
    expected |= {f"decode {worker}.{rank}" for worker in (0, 1) for rank in (0, 1)}
    assert {label.partition(",")[0] for label in labels} == expected
    words = " ".join(found.words)
    assert "prefill 5" in words
    assert "--late" in words
    assert [a["aria-label"] for _, a in found.elements if "picked" in a.get("class", "")] == [
        "prefill 5, node 5, GPU 2-3"
    ]


def test_what_a_log_must_say_stands_in_the_page_as_it_is_written() -> None:
    told = data(page(JOB.replace('path = "/health" }', 'path = "/health" }\nalive = { log = "on http port 8000" }')))
    [decode] = [role for role in told["roles"] if role["name"] == "decode"]
    kinds = [what for _, what, _ in decode["probes"]]
    assert kinds == ["HTTP at port 8000, /health", "log on http port 8000"]
