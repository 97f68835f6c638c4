"""The frame of a page that stands alone: its head and its style, for light and dark, paper and small screens."""

from base64 import b64encode
from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256
from html import escape

from dynplan.diagnostics.visible import brief, visible

_LONGEST = 2000  # of any one text in it
_LIGHT = """--ground: #f4f6f8; --card: #ffffff; --ink: #1f2933; --muted: #52606d; --rule: #d9dee4; --lane: #eef1f4;
  --good: #1d7a4c; --bad: #c81e1e; --busy: #1f66b1; --quiet: #52606d"""
_STYLE = """\
:root { color-scheme: light dark; LIGHT }
@media (prefers-color-scheme: dark) {
  :root { --ground: #0d1117; --card: #161b22; --ink: #e6eaef; --muted: #9aa5b1; --rule: #30363d; --lane: #21262d;
    --good: #4cc38a; --bad: #ff8078; --busy: #6cb0f5; --quiet: #9aa5b1 }
}
* { box-sizing: border-box }
body { margin: 0; background: var(--ground); color: var(--ink); line-height: 1.5;
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif }
main { max-width: 72rem; margin: 0 auto; padding: 1.5rem 1rem 3rem }
h1 { font-size: 1.6rem; margin: 0; overflow-wrap: anywhere }
h2 { font-size: 1.1rem; margin: 0 0 .75rem }
section, header { background: var(--card); border: 1px solid var(--rule); border-radius: 12px; padding: 1.1rem 1.25rem;
  margin: 0 0 1rem }
p { margin: .25rem 0 }
.muted { color: var(--muted) }
.verdict { display: flex; flex-wrap: wrap; gap: .25rem .75rem; align-items: center }
.chip { color: var(--card); background: var(--quiet); border-radius: 99px; padding: .1rem .75rem; font-weight: 600 }
.done .chip { background: var(--good) } .failed .chip, .lost .chip { background: var(--bad) }
.running .chip { background: var(--busy) }
dl { display: grid; grid-template-columns: repeat(auto-fit, minmax(9.5rem, 1fr)); gap: .75rem 1.25rem;
  margin: 1rem 0 0 }
dl div { border-left: 3px solid var(--rule); padding-left: .75rem }
dt { color: var(--muted); font-size: .85rem } dd { margin: 0; font-size: 1.25rem; font-weight: 600 }
dd small { display: block; font-size: .8rem; font-weight: 400; color: var(--muted) }
pre, code, .where { font-family: ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace; font-size: .85rem }
pre { background: var(--ground); border: 1px solid var(--rule); border-radius: 8px; padding: .75rem; margin: .75rem 0 0;
  overflow: auto; max-height: 26rem; white-space: pre-wrap;
  overflow-wrap: anywhere; display: flex; flex-direction: column-reverse } /* its end is seen first */
.cause { border-left: 4px solid var(--bad) } .cause strong { overflow-wrap: anywhere }
.where { overflow-wrap: anywhere }
.scroll { overflow-x: auto }
table { border-collapse: collapse; width: 100%; font-size: .9rem; font-variant-numeric: tabular-nums }
th, td { text-align: left; padding: .3rem .9rem .3rem 0; border-bottom: 1px solid var(--rule); vertical-align: top }
th { color: var(--muted); font-weight: 600; font-size: .8rem } td.n, th.n { text-align: right; padding-right: 1.6rem }
tr:last-child td { border-bottom: 0 }
summary { cursor: pointer; color: var(--busy); margin-top: .75rem } details[open] summary { margin-bottom: .5rem }
:focus-visible { outline: 3px solid var(--busy); outline-offset: 2px; border-radius: 4px }
.time { display: grid; grid-template-columns: minmax(6rem, 12rem) 1fr; gap: 3px .75rem; align-items: center }
.name { font-size: .85rem; overflow-wrap: anywhere; line-height: 1.25 }
.name small { color: var(--muted); display: block }
.lane { position: relative; height: 22px; background: var(--lane); border-radius: 4px; overflow: hidden }
.lane.many { height: 54px } .lane svg { position: absolute; inset: 0; width: 100%; height: 100% }
.bar { position: absolute; top: 3px; bottom: 3px; min-width: 2px; border-radius: 3px; background: var(--role) }
.bar.starting { opacity: .45; background: repeating-linear-gradient(135deg, var(--role) 0 5px, transparent 5px 8px),
  linear-gradient(var(--lane), var(--lane)) }
.bar.failed { background: var(--bad); min-width: 5px; top: 0; bottom: 0; margin-left: -5px; border-radius: 0 }
.phase .bar.failed { margin-left: 0; top: 3px; bottom: 3px; border-radius: 3px }
.bar.done { background: var(--good) } .bar.stopped { background: var(--quiet) } .bar.running { background: var(--busy) }
.first { position: absolute; top: 0; bottom: 0; border-left: 2px dashed var(--ink); opacity: .55 }
.axis { position: relative; height: 1.3rem; font-size: .75rem; color: var(--muted) }
.axis span { position: absolute; transform: translateX(-50%); white-space: nowrap }
.axis span:first-child { transform: none } .axis span.end { transform: translateX(-100%) }
.gap { grid-column: 1 / -1; height: .35rem }
.key { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; margin: 0 0 .75rem; font-size: .85rem; color: var(--muted) }
.key i { position: relative; display: inline-block; width: 1.4rem; height: .8rem; vertical-align: -.05rem;
  margin-right: .4rem; --role: var(--quiet) } .key:last-child { margin: 0 } .key .bar { inset: 0 }
.key .line { border-left: 2px dashed var(--ink); width: 2px }
.split { display: flex; height: 18px; border-radius: 4px; overflow: hidden; margin: .5rem 0 }
.split i { min-width: 1px } .picture { max-width: 100%; height: auto }
@media (max-width: 40rem) { body { font-size: 14px } main { padding: .75rem .5rem 2rem }
  section, header { padding: .9rem } .time { grid-template-columns: 1fr } .gap { height: .15rem }
  .axis .odd, .time > .none { display: none }
  .name { margin-top: .4rem } }
@media print { :root { color-scheme: light; LIGHT; --ground: #ffffff } body { font-size: 11px }
  main { max-width: none; padding: 0 }
  section, header { break-inside: avoid-page; border-radius: 0 } pre { max-height: none }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact } }
"""
# Nothing is fetched, and nothing in it runs but the one script that it was made with, whatever a name or a log line
# holds (CSP Level 3: script-src by the digest of the script).
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"


def page(title: str, parts: Iterable[str], style: str = "", script: str = "") -> Iterator[str]:
    """Yield a whole HTML page that needs nothing from elsewhere.

    Args:
        title: of the window.
        parts: what stands in it.
        style: further CSS.
        script: JavaScript that runs at its end, as it stands; nothing else runs.
    """
    yield f"""\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}{_allowed(script)}">
<meta name="color-scheme" content="light dark">
<title>{text(title)}</title>
<style>
{_STYLE.replace("LIGHT", _LIGHT)}{style}</style>
</head>
<body>
<main>
"""
    yield from parts
    yield "</main>\n"
    if script:
        yield f"<script>{script}</script>\n"
    yield "</body>\n</html>\n"


def _allowed(script: str) -> str:
    digest = b64encode(sha256(script.encode()).digest()).decode("ascii")
    return f"; script-src 'sha256-{digest}'" if script else ""


def figure(name: str, value: str, note: str = "") -> str:
    """Return a number with what it is, for a `dl`."""
    small = f"<small>{text(note)}</small>" if note else ""
    return f"<div><dt>{text(name)}</dt><dd>{text(value)}{small}</dd></div>\n"


def picture(svg: str, alt: str) -> str:
    """Return a picture, as a file of its own: its style is about its own elements, and must not meet the page's."""
    data = b64encode(svg.encode()).decode("ascii")
    return f'<img class="picture" alt="{text(alt)}" src="data:image/svg+xml;base64,{data}">\n'


def text(value: object) -> str:
    """Return anybody's text as it may stand in a page, between tags or in an attribute."""
    return escape(visible(brief(str(value), _LONGEST)), quote=True)


def section(title: str, parts: Iterable[str]) -> Iterator[str]:
    """Yield a section with a heading, nothing where it has nothing in it."""
    inside = "".join(parts)
    if inside:
        yield f"<section>\n<h2>{text(title)}</h2>\n{inside}</section>\n"


def table(caption: str, heads: Sequence[str], rows: Iterable[Iterable[object]]) -> Iterator[str]:
    """Yield a table without its empty columns; those whose head begins with `#` hold numbers.

    Args:
        caption: what it is, for those who hear the page.
        heads: of the columns.
        rows: cells of any kind, shown as their text.
    """
    cells = [[text(cell) for cell in row] for row in rows]
    columns = [at for at in range(len(heads)) if any(row[at] for row in cells)]
    kinds = [' class="n"' if head.startswith("#") else "" for head in heads]
    yield f'<div class="scroll" tabindex="0" role="region" aria-label="{text(caption)}"><table>\n<thead><tr>'
    yield "".join(f'<th scope="col"{kinds[at]}>{text(heads[at].removeprefix("#"))}</th>' for at in columns)
    yield "</tr></thead>\n<tbody>\n"
    for row in cells:
        yield f"<tr>{''.join(f'<td{kinds[at]}>{row[at]}</td>' for at in columns)}</tr>\n"
    yield "</tbody></table></div>\n"


def folded(summary: str, parts: Iterable[str]) -> Iterator[str]:
    """Yield what opens at a click, or at Enter on its summary."""
    yield f"<details><summary>{text(summary)}</summary>\n"
    yield from parts
    yield "</details>\n"
