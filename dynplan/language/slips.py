"""The commonest slips of TOML in the reader's words, and what to write; loaded only where a text is no TOML.

The parser's own messages say where it stopped. What it stopped at says what was meant: YAML, JSON, Python, a
shell, a word processor.
"""

import re

QUOTES = "put a string in quotes"
_MOST = 100  # characters of a line that is written anew
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_TWICE = ("cannot overwrite", "cannot declare", "cannot mutate", "cannot redefine", "duplicate")
_STRING = r"""(?:"(?:[^"\\]|\\.)*"|'[^']*')"""
_STRINGS = re.compile(rf"{_STRING}(?:[ \t]*,?[ \t]*{_STRING})+[ \t]*,?")
_PAIR = re.compile(r"([A-Za-z0-9_.-]+)[ \t]*[=:][ \t]*(.*)")
_TYPOGRAPHIC = dict.fromkeys(map(ord, "\u201c\u201d\u201e\u201f\u00ab\u00bb"), '"')
_TYPOGRAPHIC |= dict.fromkeys(map(ord, "\u2018\u2019\u201a\u201b\u2039\u203a\u00b4"), "'")
_SPACES = "\u00a0\u2007\u202f\u200b\u3000\ufeff"
_ELSEWHERE = {
    "True": "true",
    "TRUE": "true",
    "yes": "true",
    "on": "true",
    "Yes": "true",
    "False": "false",
    "FALSE": "false",
    "no": "false",
    "off": "false",
    "No": "false",
}
_NOTHING = ("None", "null", "nil", "~")
_COMMENTS = ("//", "/*", "--", ";")

Told = tuple[str, str]  # a message, and its help


def is_twice(message: str) -> bool:
    """Tell whether a message of the parser is about a key or table that stands there already."""
    return message.startswith(_TWICE)


def plainly(message: str, line: str, at: int) -> Told:
    """Say what the parser stopped at, `line[at:]`, as a person would, with a help that may be empty."""
    rest = line[at:]
    if is_twice(message):
        return "this key or table stands here a second time", "keep one of the two"
    if rest[:1] and ord(rest[0]) in _TYPOGRAPHIC:
        return "a string stands in typographic quotes", _instead(line.translate(_TYPOGRAPHIC)) or "use straight quotes"
    if rest[:1] and rest[0] in _SPACES:
        return f"a space that is none stands here (U+{ord(rest[0]):04X})", "replace it by a plain space"
    for start, say in _SAY.items():
        if message.startswith(start) and (told := say(line, rest)):
            return told
    return message, ""


def _inline_table(line: str, rest: str) -> Told | None:
    if rest:
        return None
    return (
        "an inline table has to end on the line it begins on",
        "use a table of its own, such as `[roles.decode.args]`",
    )


def _open_string(line: str, rest: str) -> Told | None:
    return "a string is not closed before the end of the line", "close the quotes; three open a longer text"


def _after_a_key(line: str, rest: str) -> Told | None:
    """A key with no `=` behind it: YAML, or a line of a shell."""
    pair = _PAIR.fullmatch(line.strip())
    if rest.lstrip().startswith(":"):
        message = "`:` stands behind a key, as in YAML, and TOML has `=` there"
        if pair is None:
            return message, "write `key = value`"
        key, value = pair.groups()
        header = f"a table has a header: `[{key}]`"
        return message, _instead(f"{key} = {_quoted(value)}") or header if value else header
    if line.lstrip().startswith("- "):
        return "this is an item of a YAML list", 'a list stands in brackets: `key = ["a", "b"]`'
    word = _WORD.match(line.lstrip())
    if word and rest[:1] in ('"', "'") and (fix := _instead(f"{word[0]} = {rest}")):
        return f"there is no `=` behind `{word[0]}`", fix
    return None


def _after_a_value(line: str, rest: str) -> Told | None:
    """More on a line than one value."""
    pair = _PAIR.fullmatch(line.strip())
    key, value = pair.groups() if pair else ("", "")
    if _STRINGS.fullmatch(value):
        words = ", ".join(re.findall(_STRING, value))
        return "several values stand here without brackets", _instead(f"{key} = [{words}]") or "put them in brackets"
    if rest in (",", ";"):
        return f"the line ends with a `{rest}`", "leave it out: a key ends with its line"
    if rest.startswith(_COMMENTS[:2]):
        return f"`{rest[:2]}` begins no comment here", "a comment begins with `#`"
    if rest[:1] == ";":
        return "several keys stand on one line", "write each on a line of its own"
    fix = _instead(f'{key} = "{value}"') if value and not set(value) & set("\"'#") else ""
    return "something stands between the value and the end of the line", fix or QUOTES


def _value(line: str, rest: str) -> Told | None:
    """What is no value: most often a string without quotes."""
    pair = _PAIR.fullmatch(line.strip())
    key, value = pair.groups() if pair else ("", "")
    if not rest:
        return "a key has no value", 'write one behind the `=`; an empty text is `""`'
    if rest[0] == "=":
        return "`==` stands behind a key, and TOML has `=` there", _instead(f"{key} {value}") if pair else ""
    word = _WORD.match(rest)
    if word and word[0] in _ELSEWHERE:
        return f"`{word[0]}` is no value", f"write `{_ELSEWHERE[word[0]]}`"
    if word and word[0] in _NOTHING:
        return f"`{word[0]}` is no value", "leave the key out"
    whole = value == rest and not set(value) & set("\"'#[]{}")
    fix = (_instead(f'{key} = "{value}"') if whole else "") or QUOTES
    if word:
        return f"`{word[0]}` is no value", fix
    return ("the text here is no value", fix) if rest[0] in "$~/-@%<&*" else None


def _statement(line: str, rest: str) -> Told | None:
    if rest.startswith(_COMMENTS):
        return f"`{rest[:2].strip()}` begins no comment here", "a comment begins with `#`"
    word = re.match(r"[^\s=:\"'\[\]{}]+", rest)
    if word and not word[0].isascii():
        return f"`{word[0]}` is no key without quotes", f'write `"{word[0]}"`: without them a key has `a-z 0-9 _ -`'
    return None


def _list(line: str, rest: str) -> Told | None:
    if rest:
        return "two items of a list stand side by side", "put a comma between them"
    return "a list is not closed", "close it with `]`"


def _header(line: str, rest: str) -> Told | None:
    return "the header of a table is not closed", "close it with `]`"


def _backslash(line: str, rest: str) -> Told | None:
    return (
        "a backslash stands in a string where it means nothing",
        "write the text in single quotes: it is kept as it is",
    )


# How a message of the parser begins (CPython's tomllib, 3.11 to 3.14), in small letters -> who says it.
_SAY = {
    "unclosed inline table": _inline_table,
    "invalid initial character for a key part": _inline_table,
    "illegal character '\\n'": _open_string,
    "expected '=' after a key": _after_a_key,
    "expected newline or end of document": _after_a_value,
    "invalid value": _value,
    "invalid statement": _statement,
    "unclosed array": _list,
    "expected ']' at the end of a table declaration": _header,
    "expected ']]' at the end of an array declaration": _header,
    "unescaped '\\'": _backslash,
}


def _quoted(value: str) -> str:
    """Return a value of YAML as TOML has it, where a word needs quotes."""
    if value[:1] in "\"'[{" or value in ("true", "false") or re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", value):
        return value
    return _ELSEWHERE.get(value) or f'"{value}"'


def _instead(line: str) -> str:
    line = line.strip()
    fits = len(line) <= _MOST and "`" not in line and line.isprintable()
    return f"write `{line}`" if fits else ""
