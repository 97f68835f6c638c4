"""The table `[results]`: numbers that a job leaves in files, by names that a table of many jobs has for them."""

from typing import Any

from attrs import frozen

from dynplan.diagnostics import Findings, nearest
from dynplan.language.tables import Table
from dynplan.language.templates import refs
from dynplan.model import Record

_PLACES = ("phase.dir", "job.dir")  # placeholders that the file of a measure may hold


@frozen(eq=False, repr=False)
class Measure(Record):
    """One number: the JSON file that holds it, and where it stands there.

    Attributes:
        name: what the table calls it.
        file: a path, relative to the job's output directory; `{phase.dir}` and `{job.dir}` are filled.
        key: the keys that lead to the number, with dots between them; of a list the index.
        phase: the phase whose directory is meant; empty for every phase.
        best: `min`, `max`, or empty where none is better than another.
    """

    name: str
    file: str
    key: str
    phase: str
    best: str


def read_results(tables: Any, phases: tuple[str, ...], findings: Findings) -> tuple[Measure, ...]:
    """Return the numbers that `[results]` names.

    Args:
        tables: resolved tables of a job.
        phases: the names of its phases.
        findings: where to report (D101 to D104, D122, D123).
    """
    top = Table(tables, (), findings)
    return tuple(_measure(name, table, phases) for name, table in top.tables("results"))


def _measure(name: str, table: Table, phases: tuple[str, ...]) -> Measure:
    found = Measure(
        name=name,
        file=table.line("file"),
        key=table.line("key"),
        phase=table.line("phase"),
        best=table.choice("best", ("min", "max"), "") if "best" in table else "",
    )
    for key in ("file", "key"):
        if key not in table:
            message, fix = f"result `{name}` needs a `{key}`", _EXAMPLES[key]
            table.findings.error("D103", message, table.path, help=fix, lacks=table.at(key))
    for ref in refs(found.file):
        if ref.name not in _PLACES:
            fix = "a file of results stands in `{phase.dir}` or `{job.dir}`"
            shown = ref.name or f"={ref.expression}"
            table.bad("file", f"there is no `{{{shown}}}` in the file of a result", fix, "D123")
    if found.phase and found.phase not in phases:
        near = nearest(found.phase, phases)
        fix = f"did you mean `{near}`?" if near else "phases: " + ", ".join(phases)
        table.bad("phase", f"there is no phase `{found.phase}`", fix, "D122")
    if not name.isprintable():
        table.findings.error("D109", f"`{name}` is not a name for a result", table.path, key=True)
    table.close()
    return found


_EXAMPLES = {
    "file": '`file = "{phase.dir}/profile_export_aiperf.json"`',
    "key": '`key = "time_to_first_token.avg"`: the keys that lead to the number',
}
