"""Read `[files."NAME"]`: text that every node finds in the job's directory when its tasks start."""

import re
from collections.abc import Iterator, Mapping

from dynplan.language.tables import Table, name_of, plain
from dynplan.model import EachText, TextFile

FORMATS = ("json", "toml", "yaml")
_NAME = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*")
_ENDINGS = {"json": "json", "toml": "toml", "yaml": "yaml", "yml": "yaml"}
_EACH = 'repeated text looks like `{ each = "frontend", text = "server {it.endpoint.http};\\n" }`'
_KINDS = ("each", "each-task")

Content = tuple[str | EachText, ...]


def read_files(top: Table) -> tuple[TextFile, ...]:
    """Read every file of a job, in file order; `data` becomes text."""
    return tuple(_file(name, table) for name, table in top.tables("files"))


def _file(name: str, table: Table) -> TextFile:
    if not _NAME.fullmatch(name):
        table.findings.error(
            "D109",
            f"`{name}` is not a name for a file",
            table.path,
            help="use letters, digits, `-`, `_`, `.`",
            key=True,
        )
    set_keys = [key for key in ("content", "data") if key in table]
    if not set_keys:
        message, lacks = f"{name_of(table.path)} needs `content` or `data`", table.at("content")
        table.findings.error("D103", message, table.path, help=_HELP, lacks=lacks)
    if len(set_keys) > 1:
        table.bad("data", f"{name_of(table.path)} has `content` and `data`", "keep one of the two", code="D113")
    content = _content(table)
    ending = _ENDINGS.get(name.rpartition(".")[2], "")
    form = table.choice("format", FORMATS, ending or "json")
    if "data" in table:
        content = _rendered(table, form)
    elif "format" in table:
        table.bad("format", "`format` is for `data`: `content` stands as it is", code="D113")
    table.close()
    return TextFile(name, content)


_HELP = 'write `content = """..."""`, or a table `data` and its `format`'


def _content(table: Table) -> Content:
    value = table.get("content")
    if not isinstance(value, list):
        return (table.text("content"),)
    return tuple(_parts(value, table))


def _parts(items: list[object], table: Table) -> Iterator[str | EachText]:
    for index, item in enumerate(items):
        path = table.at("content", index)
        if isinstance(item, Mapping):
            yield _each(Table(item, path, table.findings))
        elif isinstance(item, str):
            yield plain(item, path, table.findings)
        else:
            table.wrong(path, "a text", item)


def _each(table: Table) -> EachText:
    kind = next((kind for kind in _KINDS if kind in table), "each")
    table.known -= {"each-task"} if kind == "each" else set()
    for key in (kind, "text"):
        if key not in table:
            message, lacks = f"{name_of(table.path)} needs `{key}`", table.at(key)
            table.findings.error("D103", message, table.path, help=_EACH, lacks=lacks)
    found = EachText(table.text(kind), table.text("text"), kind == "each-task", table.text("between"))
    table.close()
    return found


def _rendered(table: Table, form: str) -> Content:
    from dynplan.language.file_data import DataError, rendered  # many files are text

    data = table.get("data")
    if not isinstance(data, Mapping):
        table.wrong(table.at("data"), "a table", data)
        return ()
    content: Content = ()
    try:
        content = rendered(data, form)
    except DataError as error:
        table.bad("data", f"{name_of(table.at('data'))} {error}", error.fix, error.code)
    return content
