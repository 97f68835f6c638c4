"""Scripts that dynplan wrote, read again: which plan one is of, and whether it is as it was written."""

from dynplan.cli.documents import STDIN
from dynplan.cli.reading import Content
from dynplan.diagnostics import Document, Finding, InputError, Span
from dynplan.diagnostics.visible import visible
from dynplan.emitter.digests import PointSeal, Seal, seal_of

_SHEBANG = "#!/bin/bash"


def script_in(name: str, content: Content) -> Document | None:
    """Return a script for bash, of which nothing but its text is known; None for any other file."""
    if not content.raw.startswith(_SHEBANG.encode()):
        return None
    return Document("<stdin>" if name == STDIN else name, content.raw.decode(errors="surrogateescape"), {})


def is_script(document: Document) -> bool:
    """Tell a script from a job file or a plan."""
    return document.text.startswith(_SHEBANG)


def check_script(document: Document) -> tuple[Finding, ...]:
    """Return what there is to say of a script: whether it was edited (W601).

    Raises:
        InputError: D505 for one without a seal.
    """
    seal = _seal(document)
    if seal.whole:
        return ()
    width = len(document.text.split("\n")[seal.line - 1])
    message = "this script was edited since it was written"
    fix = "change the job file and compile it again: the next one knows nothing of an edit"
    return (Finding("W601", message, help=fix, document=document, span=Span(seal.line, 1, seal.line, width + 1)),)


def described(document: Document) -> str:
    """Return which job and which plan a script is of, in a line, and one for each point; raises as `check_script`."""
    seal = _seal(document)
    summary = document.text.split("\n")[max(0, seal.line - 3)].removeprefix("# ").rstrip(".")
    state = "as it was written" if seal.whole else "edited since"
    plan = f"plan {seal.plan}" if seal.plan else f"{len(seal.points)} plans"
    points = (f"  point {_named(point)}: plan {point.plan}" for point in seal.points)
    return "".join(
        visible(line) + "\n" for line in (f"{document.name}: {summary}; {plan} by {seal.stamp}, {state}", *points)
    )


def _named(point: PointSeal) -> str:
    return point.name if point.name == str(point.number) else f"{point.number}, {point.name}"


def _seal(document: Document) -> Seal:
    seal = seal_of(document.text)
    if seal is None:
        message, fix = "this script does not say what plan it is of", "dynplan's have a line `# Plan ..., text ....`"
        raise InputError([Finding("D505", message, help=fix, document=document)])
    return seal
