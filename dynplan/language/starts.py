"""The beginning of a job file: roles of engines that work together, each line with its reason.

A start is the text of an engine's part, in `engines/starts`: TOML in which lines that begin with `%` say where the
others go and when they stand. `%vars`, `%env`, `%role` and `%phase` begin the part's lines of `[vars]`, `[job.env]`,
its role and its phases; `%if NAME or OTHER`, `%else` and `%end` keep lines where such roles are in the job; `%for NAME`
repeats them for each; `%like OTHER` takes what another start has; `%group` and `%gpus` say what the role is.
`<role>` is the role, `<it>` that of `%for`, and `<roles NAME OTHER>` a list of roles.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from attrs import field, frozen

GROUPS = ("service", "worker", "server", "front", "proxy", "other", "monitor", "client")  # their order in the file
_APART = frozenset({"worker", "server"})  # of these two of one engine are prefill and decode
_SECTIONS = ("head", "vars", "job", "env", "cluster", "role", "phase")
_WIDEST = 56  # columns that comments are moved to
_COMMENT = re.compile(r"(?P<text>.*\S)  # (?P<why>.*)")

Names = Mapping[str, Sequence[str]]  # roles by what they are called: their engine, their group
Source = Callable[[str], str | None]  # the text of a start by name, None where there is none


@frozen
class Start:
    """One start: what its role is, and its lines by section."""

    group: str = "other"
    gpus: bool = False
    lines: Mapping[str, Sequence[str]] = field(factory=dict)


class Part(NamedTuple):
    """A role of the job that is begun."""

    role: str
    engine: str
    half: str  # `prefill`, `decode`, or empty for a role that does both
    start: Start


def start_of(engines: Sequence[str], source: Source, presets: Mapping[str, Any], cluster: str) -> tuple[str, str]:
    """Return the text of a job file, and that of its cluster file.

    Args:
        engines: presets by name; one that is there twice is prefill and decode.
        source: the texts of starts; `_job` and `_general` are there.
        presets: the tables of the presets, for those without a start.
        cluster: how the job file names its cluster file, in quotes; without it the job has the table itself, and there
            is no second text.
    """
    parts = _parts(engines, source, presets)
    names = {**_names(parts), "clustered": [cluster] if cluster else [], "engines": [", ".join(dict.fromkeys(engines))]}
    if not engines:
        names["gpus"] = ["server"]
    frame = _start("_job", source)
    if not engines:
        general = _start("_general", source)
        frame = Start(lines={**frame.lines, **general.lines, "phase": ()})
    whole = Part("", "", "", frame)
    cluster_table = _expanded(whole, "cluster", names)
    blocks = [
        _expanded(whole, "head", names),
        _table("[vars]", [whole, *parts], "vars", names),
        _expanded(whole, "job", names),
        _table("[job.env]", parts, "env", names),
        () if cluster else cluster_table,
        *(_expanded(part, "role", names) for part in (whole, *parts)),
        *(_expanded(part, "phase", names) for part in (*parts, whole)),
    ]
    head = (
        "# What a site has: jobs name this file, `cluster = ...` in `[job]`, or `--cluster` does. On a login node",
        "# `dynplan cluster detect` writes one of what Slurm says.",
    )
    return _text(blocks), _text([head, cluster_table]) if cluster else ""


def most_of(engine: str, source: Source) -> int:
    """Return how often an engine may be named: twice where its workers can be prefill and decode."""
    return 2 if _start(engine, source).group in _APART else 1


# Which roles there are


def _parts(engines: Sequence[str], source: Source, presets: Mapping[str, Any]) -> list[Part]:
    starts = {name: _start(name, source) if source(name) else _plain(name, presets[name]) for name in engines}
    apart = [name for name in starts if starts[name].group in _APART and engines.count(name) > 1]
    if "trtllm-orchestrator" in starts and "trtllm" in starts and "trtllm" not in apart:
        apart.append("trtllm")  # it stands in front of the two, and of nothing else
    found: list[Part] = []
    for name in sorted(starts, key=lambda name: GROUPS.index(starts[name].group)):
        for half in ("prefill", "decode") if name in apart else ("",):
            role = half if half and len(apart) == 1 else f"{name}-{half}" if half else name
            found.append(Part(role, name, half, starts[name]))
    return found


def _names(parts: Iterable[Part]) -> dict[str, list[str]]:
    """Return the roles by engine, by engine and half, by group; and `gpus`, `upstream`, `entry`: whom clients ask."""
    names: dict[str, list[str]] = {}
    for part in parts:
        kinds = [part.engine, part.start.group, *(["gpus"] if part.start.gpus else [])]
        for name in (*kinds, *([f"{part.engine}-{part.half}"] if part.half else [])):
            names.setdefault(name, []).append(part.role)
    asked = [part.role for part in parts if part.start.group == "server" and part.half != "prefill"]
    names["upstream"] = names.get("front") or asked
    names["entry"] = (names.get("proxy") or names["upstream"])[:1]
    return names


def _plain(name: str, preset: Mapping[str, Any]) -> Start:
    """Return the start of a preset that has none: its role, with a word to change for each thing that it needs."""
    needed = [text.split() for text in preset.get("required", ()) if text.strip()]
    options = [words[0].removeprefix("--") for words in needed if words[0].startswith("--")]
    words = ["CHANGE-ME" for words in needed if words[-1] == "WORD" and not words[0].startswith("--")]
    for said in needed:
        words += [said[0], "CHANGE-ME"] if re.match("-[^-]", said[0]) else []
    role = ["[roles.<role>]", f'engine = "{name}"  # {preset.get("about", {}).get("what", "its preset")}']
    if words:
        role.append(f"extra-args = [{', '.join(map(_quoted, words))}]  # it needs them")
    if options:
        role += ["", "[roles.<role>.args]  # its options"]
        role += [f'{_quoted(option)} = "CHANGE-ME"  # it needs it' for option in options]
    return Start(gpus="gpus-per-worker" in preset, lines={"role": role})


def _quoted(word: str) -> str:
    return f'"{word}"'


# Their texts


def _start(name: str, source: Source) -> Start:
    group, gpus, section = "", False, ""
    lines: dict[str, list[str]] = {}
    base = Start()
    for line in (source(name) or "").splitlines():
        word, _, rest = line.partition(" ")
        match word.removeprefix("%") if word.startswith("%") else "":
            case "like":
                base = _start(rest, source)
            case "group":
                group = rest
            case "gpus":
                gpus = True
            case other if other in _SECTIONS:
                section = other
            case _:
                lines.setdefault(section, []).append(line)
    return Start(group or base.group, gpus or base.gpus, {**base.lines, **lines})


def _expanded(part: Part, section: str, names: Names) -> list[str]:
    """Return the lines of a section of a start that stand in this job, names filled in."""
    clients = list(names.get("client", ()))
    before = clients[: clients.index(part.role)] if part.role in clients else []
    own = {**names, "before": before, part.half: [part.role], "role": [part.role]}
    return list(_kept(iter(part.start.lines.get(section, ())), own))


def _kept(lines: Iterator[str], names: Names) -> Iterator[str]:
    for line in lines:
        word, _, rest = line.partition(" ")
        if word == "%if":
            then, other = _block(lines)
            yield from _kept(iter(then if _holds(rest, names) else other), names)
        elif word == "%for":
            then, _ = _block(lines)
            for role in names.get(rest, ()):
                yield from _kept(iter(then), {**names, "it": [role]})
        else:
            yield _filled(line, names)


def _block(lines: Iterator[str]) -> tuple[list[str], list[str]]:
    """Take lines up to the `%end` that closes a block, and return those before and behind its `%else`."""
    halves: tuple[list[str], list[str]] = [], []
    depth = side = 0
    for line in lines:
        word = line.partition(" ")[0]
        if not depth and word == "%end":
            break
        if not depth and word == "%else":
            side = 1
            continue
        depth += (word in ("%if", "%for")) - (word == "%end")
        halves[side].append(line)
    return halves


def _holds(text: str, names: Names) -> bool:
    """Tell whether a condition holds: `a and not b or c`, each true where there are such roles."""

    def one(word: str) -> bool:
        return not names.get(word.removeprefix("not ")) if word.startswith("not ") else bool(names.get(word))

    return any(all(map(one, term.split(" and "))) for term in text.split(" or "))


def _filled(line: str, names: Names) -> str:
    def filled(match: re.Match[str]) -> str:
        if match[1] == "roles":
            return ", ".join(f'"{role}"' for role in dict.fromkeys(_all(match[2].split(), names)))
        return names[match[1]][0]

    return re.sub(r"<(roles|role|it|clustered|engines)((?: [a-z-]+)*)>", filled, line)


def _all(wanted: Iterable[str], names: Names) -> Iterator[str]:
    for name in wanted:
        yield from names.get(name, ())


def _table(header: str, parts: Iterable[Part], section: str, names: Names) -> list[str]:
    """Return a table to which several parts add keys; of each key the first one stands."""
    lines: dict[str, str] = {}
    for part in parts:
        for line in _expanded(part, section, names):
            lines.setdefault(line.partition(" = ")[0], line)
    return [header, *lines.values()] if lines else []


def _text(blocks: Iterable[Sequence[str]]) -> str:
    return "\n\n".join("\n".join(_aligned(block)) for block in blocks if block) + "\n"


def _aligned(lines: Sequence[str]) -> Iterator[str]:
    """Yield lines with the comments of each paragraph in one column, those of long lines where they stand."""
    for index, paragraph in enumerate("\n".join(lines).split("\n\n")):
        if index:
            yield ""
        rows = [(line, _COMMENT.fullmatch(line)) for line in paragraph.split("\n")]
        widths = [len(match["text"]) for _, match in rows if match]
        column = max((width for width in widths if width <= _WIDEST), default=0)
        for line, match in rows:
            yield f"{match['text']:{column}}  # {match['why']}" if match else line
