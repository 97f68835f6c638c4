"""Integer expressions over a role's sizes: `tensor-parallel-size * pipeline-parallel-size`.

`+ - * / %` (whole-number division), parentheses, numbers and names. A name may hold dashes,
so a minus stands between spaces.
"""

import re
from collections.abc import Callable

_TOKEN = re.compile(r"\s*(?:([0-9]{1,18})|([A-Za-z_][A-Za-z0-9_.-]*)|([-+*/%()]))")
_COMPARE = re.compile(r"(<=|>=|==|!=|<|>)")
_DIGITS = "0123456789"
_LIMIT = 2**62
_LONGEST = 400

Lookup = Callable[[str], int]


class ExprError(Exception):
    """An expression that cannot be read or has no value: the message says why, and `fix` what to do if known.

    `key` is the name whose value is at fault, `lacks` one that has none.
    """

    def __init__(self, message: str, fix: str = "", *, key: str = "", lacks: str = "") -> None:
        super().__init__(message)
        self.fix = fix
        self.key = key
        self.lacks = lacks


def evaluate(text: str, lookup: Lookup) -> int:
    """Return the value of an expression.

    `lookup` gives a name's value and raises `ExprError` for one that has none.

    Raises:
        ExprError: the text is no expression, divides by zero or grows past 2**62.
    """
    if len(text) > _LONGEST:
        raise ExprError(f"an expression has at most {_LONGEST} characters, this one has {len(text)}")
    tokens = _tokens(text)
    value = _sum(tokens, lookup)
    if tokens:
        raise ExprError(f"`{tokens[-1]}` was not expected in `{text}`")
    return value


def names(text: str) -> tuple[str, ...]:
    """Return the names in an expression, each once; none where it is no expression."""
    try:
        tokens = _tokens(text)[::-1]
    except ExprError:
        return ()
    return tuple(dict.fromkeys(token for token in tokens if token[0].isalpha() or token[0] == "_"))


def compare(text: str, lookup: Lookup) -> tuple[bool, int, int]:
    """Return whether a comparison holds, and the value of either side.

    Raises:
        ExprError: there is not exactly one comparison, or a side is no expression.
    """
    parts = _COMPARE.split(text)
    if len(parts) != 3:
        raise ExprError(f"`{text}` is not a comparison of two expressions")
    left, right = evaluate(parts[0], lookup), evaluate(parts[2], lookup)
    holds = {
        "<=": left <= right,
        ">=": left >= right,
        "==": left == right,
        "!=": left != right,
        "<": left < right,
        ">": left > right,
    }
    return holds[parts[1]], left, right


def _tokens(text: str) -> list[str]:
    """Split into tokens, last one first, so that the next one is popped off the end."""
    found: list[str] = []
    at, end = 0, len(text.rstrip())
    while at < end:
        match = _TOKEN.match(text, at)
        if match is None:
            raise ExprError(f"`{text[at:].strip()[:20]}` was not expected in `{text}`")
        found.append(match.group().strip())
        at = match.end()
    return found[::-1]


def _sum(tokens: list[str], lookup: Lookup) -> int:
    value = _product(tokens, lookup)
    while tokens and tokens[-1] in "+-":
        sign = 1 if tokens.pop() == "+" else -1
        value = _bounded(value + sign * _product(tokens, lookup))
    return value


def _product(tokens: list[str], lookup: Lookup) -> int:
    value = _atom(tokens, lookup)
    while tokens and tokens[-1] in "*/%":
        operator, right = tokens.pop(), _atom(tokens, lookup)
        if operator == "*":
            value = _bounded(value * right)
        elif right == 0:
            raise ExprError("the expression divides by zero")
        else:
            value = value // right if operator == "/" else value % right
    return value


def _atom(tokens: list[str], lookup: Lookup) -> int:
    if not tokens:
        raise ExprError("the expression ends where a number or a name should stand")
    token = tokens.pop()
    if token == "(":  # noqa: S105 - a parenthesis, not a password
        value = _sum(tokens, lookup)
        if not tokens or tokens.pop() != ")":
            raise ExprError("a parenthesis is not closed")
        return value
    if token[0] in _DIGITS:
        return int(token)
    if token[0].isalpha() or token[0] == "_":
        return lookup(token)
    raise ExprError(f"`{token}` was not expected in the expression")


def _bounded(value: int) -> int:
    if abs(value) > _LIMIT:
        raise ExprError("the expression grows past 2**62")
    return value
