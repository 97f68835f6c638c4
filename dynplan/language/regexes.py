r"""Regular expressions as bash matches them: POSIX extended (regex(7)), and what Perl's have beyond that.

bash hands them to the C library. glibc takes `\w`, `\b` and their like too, but an image may have another
library, and `\d` is a plain `d` in all of them: a word of Perl's is refused everywhere, with what to write.
"""

import re
from collections.abc import Iterator

_HELP = "write a POSIX extended expression: `[0-9]+ errors`, `^(a|b)$`"
_ESCAPES = {
    "d": "[0-9]",
    "D": "[^0-9]",
    "w": "[[:alnum:]_]",
    "W": "[^[:alnum:]_]",
    "s": "[[:space:]]",
    "S": "[^[:space:]]",
    "h": "[[:blank:]]",
    "b": "(^|[^[:alnum:]_])",
    "A": "^",
    "Z": "$",
    "z": "$",
}
_INSIDE = {"d": "0-9", "w": "[:alnum:]_", "s": "[:space:]"}  # the same between brackets
_LINES = "a line is matched at a time, and holds no line break"
_CLASSES = frozenset(
    ["alnum", "alpha", "blank", "cntrl", "digit", "graph", "lower", "print", "punct", "space", "upper", "xdigit"]
)
_BOUND = re.compile(r"\{([0-9]*)(?:(,)([0-9]*))?\}")
_MOST = 32767  # RE_DUP_MAX of glibc; POSIX promises 255


class RegexError(Exception):
    """A regular expression that bash cannot match as it was meant; `fix` says what to write."""

    def __init__(self, message: str, fix: str = _HELP) -> None:
        super().__init__(message)
        self.fix = fix


def check(text: str) -> None:
    """Check that an expression is POSIX extended.

    Raises:
        RegexError: it is not; the message goes on from the name of the key.
    """
    flags = re.match(r"\(\?([a-zA-Z-]+)\)", text)
    if flags:
        raise RegexError(f"has `{flags[0]}`, which is Perl's", _without_case(text[flags.end() :], flags[1]))
    _check(text, list(_tokens(text)))


def _tokens(text: str) -> Iterator[tuple[str, int]]:
    """Yield each token and where it starts: an escape, a bracket expression, a bound, or one character."""
    at = 0
    while at < len(text):
        end = at + 1
        if text[at] == "\\":
            end = _escape(text, at)
        elif text[at] == "[":
            end = _bracket(text, at)
        elif text[at] == "{" and (bound := _BOUND.match(text, at)):
            end = bound.end()
        yield text[at:end], at
        at = end


def _check(text: str, tokens: list[tuple[str, int]]) -> None:
    depth = 0
    before = "("  # what a repetition would repeat: nothing after `(`, `|`, an anchor, and at the start
    for token, at in tokens:
        if token == "(":  # noqa: S105 - a parenthesis
            _check_group(text, at)
            depth += 1
        elif token == ")" and depth:  # noqa: S105
            depth -= 1
        elif token in ("*", "+", "?") or (token[0] == "{" and len(token) > 1):
            _check_repeat(text, token, at, before)
        elif token == "{":  # noqa: S105
            raise RegexError("has a `{` that begins no number of times", "write `[{]` for a brace")
        before = token
    if depth:
        raise RegexError("has a `(` that is not closed", r"close it, or write `\\(` for a parenthesis (TOML: `'\(')`)")


def _escape(text: str, at: int) -> int:
    char = text[at + 1 : at + 2]
    if not char:
        raise RegexError(r"ends with a backslash", "write `[\\\\]` for a backslash")
    if char in _ESCAPES:
        raise RegexError(rf"has `\{char}`, which is Perl's", f"write `{_ESCAPES[char]}`")
    if char == "n":
        raise RegexError(r"has `\n`, which matches an `n`", _LINES)
    if char == "t":
        raise RegexError(r"has `\t`, which matches a `t`", "write `[[:blank:]]`")
    if char.isascii() and char.isalnum():
        raise RegexError(rf"has `\{char}`, which means nothing in a POSIX expression")
    return at + 2


def _check_group(text: str, at: int) -> None:
    if text[at + 1 : at + 2] != "?":
        return
    if text.startswith("(?:", at):
        raise RegexError("has `(?:`, which is Perl's", "write `(`")
    what = {"(?=": "a lookahead", "(?!": "a lookahead", "(?<": "a lookbehind or a named group"}
    raise RegexError(f"has {what.get(text[at : at + 3], '`(?`')}, which is Perl's", _HELP)


def _check_repeat(text: str, token: str, at: int, before: str) -> None:
    if before in ("(", "|", "^", "$"):
        raise RegexError(f"has a `{token}` with nothing before it to repeat", f"write `[{token[0]}]` for the character")
    if token == "?" and (before in ("*", "+", "?") or (before[0] == "{" and len(before) > 1)):  # noqa: S105
        fix = f"leave out the `?` of `{before}?`: whether a line matches is the same"
        raise RegexError(f"has `{before}?`, which is Perl's", fix)
    if token[0] == "{":
        bound = _BOUND.fullmatch(token)
        low, comma, high = bound.groups() if bound else ("", "", "")
        least, most = int(low or 0), int(high or _MOST) if comma else int(low or 0)
        if (not low and not high) or least > most or most > _MOST:
            raise RegexError(f"has `{token}`, which is no number of times", "write `{2}`, `{2,}` or `{2,5}`")


def _bracket(text: str, at: int) -> int:
    """Return where a bracket expression ends: `]` right after its start is a member, and so is a backslash."""
    start = at + 2 if text[at + 1 : at + 2] == "^" else at + 1
    index = start
    while index < len(text):
        char, two = text[index], text[index : index + 2]
        if char == "]" and index > start:
            _check_members(text[start:index])
            return index + 1
        if two in ("[:", "[.", "[="):
            end = text.find(two[1] + "]", index + 2)
            if end < 0 or (two == "[:" and text[index + 2 : end] not in _CLASSES):
                raise RegexError(
                    f"has a `{two}` that names no class of characters", "write `[[:digit:]]`, `[[:space:]]`"
                )
            index = end + 2
            continue
        if char == "\\" and two[1:] in (*_ESCAPES, "n", "t", "]"):
            raise RegexError(f"has `{two}` between brackets, where a backslash is a character", _in_brackets(two[1]))
        index += 1
    raise RegexError("has a `[` that is not closed", "close it, or write `[[]` for a bracket")


def _in_brackets(char: str) -> str:
    if char in _INSIDE:
        return f"write `{_INSIDE[char]}` there: `[{_INSIDE[char]}]`"
    return "write the `]` first: `[]abc]`" if char == "]" else _HELP


def _check_members(members: str) -> None:
    """Check the ranges between two brackets, `z-a` for example."""
    if len(members) > 2 and members[0] == members[-1] == ":":
        raise RegexError(f"has `[{members}]` outside of brackets", f"write `[[{members}]]`")
    plain = re.sub(r"\[([:.=]).*?\1\]", "", members)
    at = 0
    while at + 2 < len(plain):
        if plain[at + 1] == "-":
            if plain[at] > plain[at + 2]:
                raise RegexError(f"has `{plain[at : at + 3]}` between brackets, a range that is empty", _HELP)
            at += 3
        else:
            at += 1


def _without_case(rest: str, flags: str) -> str:
    """Return the help for `(?i)error`: each letter in both cases, where that says the same."""
    if flags != "i" or re.search(r"[\[\\]", rest) or len(rest) > 40:
        return "write each letter in both cases: `[Ee]rror`"
    folded = "".join(f"[{char.upper()}{char.lower()}]" if char.isascii() and char.isalpha() else char for char in rest)
    return f"write `{folded}`"
