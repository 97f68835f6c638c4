"""The workloads of an AI Dynamo test as phases: AIPerf with its phases, an accuracy run, GenAI-Perf."""

from typing import Any

from dynplan.importers.draft import Draft
from dynplan.importers.source import Part

_URL = "{role.frontend.url.http}"
_FACTS = {
    "model": "{vars.model}",
    "url": _URL,
    "artifact_dir": "{phase.dir}",
    "frontend_node": "{role.frontend.host}",
    "frontend_ip": "{role.frontend.ip}",
    "results_dir": "{job.dir}",
}
# Keys of AIPerf's tables, and ours.
_KEYS = {
    "health-check-between-phases": "health-check",
    "continue-on-phase-failure": "continue-on-failure",
    "setup-cmd": "setup",
    "between-phases-cmd": "after-command",
}


def add_phases(command: Part, draft: Draft) -> None:
    """Add the phases of a test, `cmd_args` of which is `command`."""
    workloads = command.get("workloads")
    names = [word.strip() for word in (workloads.text() if workloads is not None else "genai_perf.sh").split(",")]
    if workloads is not None:
        workloads.rule("the workloads that are phases")
    if "aiperf.sh" in names:
        _aiperf(command, draft)
    else:
        _unused(command, ("aiperf", "aiperf_phases"), "not among the `workloads`")
    _accuracy(command, draft)
    if "genai_perf.sh" in names:
        _genai(command, draft)
    else:
        _unused(command, ("genai_perf",), "not among the `workloads`")
    for part in command.items():
        if part.name in ("hicache", "kvstorage", "sleep_seconds"):
            part.changed("write its file into `[files]`, and its options into `args` of the workers")


def _unused(command: Part, keys: tuple[str, ...], why: str) -> None:
    for key in keys:
        part = command.get(key)
        if part is not None:
            part.rule(why)


def _aiperf(command: Part, draft: Draft) -> None:
    base = command.get("aiperf")
    args: dict[str, Any] = {
        "model": "{vars.model}",
        "endpoint-type": "chat",
        "streaming": True,
        "url": _URL,
        "artifact-dir": "{phase.dir}",
        "no-server-metrics": True,
    }
    draft.job["phase-defaults"] = {"command": ["aiperf", "profile"], "args": args}
    if base is not None and base.is_table():
        _table(base, ("phase-defaults",), draft)
    phases = command.get("aiperf_phases")
    if phases is None:
        draft.job.setdefault("phases", {})["aiperf"] = {}
        return
    for number, part in enumerate(phases.elements()):
        if not part.is_table():
            continue
        name = part.get("name")
        found = _safe(name.text()) if name is not None else f"phase-{number + 1}"
        if name is not None:
            name.kept(f"phases.{found}")
        draft.job.setdefault("phases", {}).setdefault(found, {})
        _table(part, ("phases", found), draft)


def _safe(name: str) -> str:
    safe = "".join(char if char.isascii() and (char.isalnum() or char in "_-") else "-" for char in name)
    return safe if safe[:1].isalpha() else f"phase-{safe.strip('-_')}".rstrip("-")


def _table(part: Part, where: tuple[str, ...], draft: Draft) -> None:
    """Add what one of AIPerf's tables says: its options, its setup, what happens between phases."""
    args = part.get("args")
    if args is not None and args.is_table():
        _options(args, where, draft)
    for child in part.items():
        if child.name in ("health-check-between-phases", "continue-on-phase-failure"):
            draft.put((*where, _KEYS[child.name]), child.flag(), child)
        elif child.name in _KEYS:
            draft.put((*where, _KEYS[child.name]), child.text(), child)
        elif child.name in ("cmd", "entrypoint"):
            draft.put((*where, "command"), draft.shell_words(child, _FACTS), child)
        elif child.name == "extra-args":
            draft.put((*where, "extra-args"), draft.shell_words(child, _FACTS), child)
        elif child.name in ("report-name", "artifact-dir-name"):
            child.rule("each phase has a directory of its own, with all that it writes")


def _options(args: Part, where: tuple[str, ...], draft: Draft) -> None:
    for option in args.items():
        path = (*where, "args", option.name)
        if option.name == "server-metrics" and option.node.text == "auto":
            draft.put(path, "{metrics-urls}", option)
            draft.put((*where, "args", "no-server-metrics"), False)
        elif isinstance(option.node.value, str):
            draft.put(path, "", option)
            draft.put(path, draft.words(option, _FACTS))
        elif isinstance(option.node.value, list):
            option.changed("write the words into `extra-args`")
        else:
            draft.put(path, option.data(), option)
            if option.name == "server-metrics":
                draft.put((*where, "args", "no-server-metrics"), False)


def _accuracy(command: Part, draft: Draft) -> None:
    """Add the run that comes last, whatever phases a scenario adds before it."""
    part = command.get("aiperf_accuracy")
    if part is None or not part.is_table():
        return
    entry, cli, setup = part.get("entrypoint"), part.get("cli"), part.get("setup-cmd")
    words = draft.shell_words(cli, _FACTS)
    program = draft.shell_words(entry, _FACTS) if entry is not None else ["aiperf", "profile"]
    phase: dict[str, Any] = {"order": 10, "command": [*program, *words]}
    defaults = draft.job.get("phase-defaults", {}).get("args", {})
    phase["args"] = dict.fromkeys(defaults, False)  # the command says all of its options
    for found, where in ((entry, "command"), (cli, "command")):
        if found is not None:
            found.kept(f"phases.accuracy.{where}")
    if setup is not None:
        phase["setup"] = setup.text()
        setup.kept("phases.accuracy.setup")
    draft.job.setdefault("phases", {})["accuracy"] = {key: value for key, value in phase.items() if value != {}}


def _genai(command: Part, draft: Draft) -> None:
    part = command.get("genai_perf")
    if part is None or not part.is_table():
        return
    line, extra, args = part.get("cmd"), part.get("extra-args"), part.get("args")
    phase: dict[str, Any] = {"command": draft.shell_words(line, _FACTS) or ["genai-perf", "profile"]}
    phase["args"] = {"model": "{vars.model}", "url": _URL, "artifact-dir": "{phase.dir}"}
    draft.job.setdefault("phases", {})["genai-perf"] = phase
    if line is not None:
        line.kept("phases.genai-perf.command")
    for option in args.items() if args is not None and args.is_table() else ():
        path = ("phases", "genai-perf", "args", option.name)
        if isinstance(option.node.value, list):
            option.changed("write the words into `extra-args`")
        else:
            text = isinstance(option.node.value, str)
            draft.put(path, draft.plain(option.text(), _FACTS)[0] if text else option.data(), option)
    if extra is not None:
        phase["extra-args"] = draft.shell_words(extra, _FACTS)
        extra.kept("phases.genai-perf.extra-args")
    for child in part.items():
        if child.name in ("repo", "script", "report-name", "report_name", "extra_args"):
            child.rule("CloudAI's own wrapper: the phase has a directory of its own")
