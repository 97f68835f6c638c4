"""Integer expressions over a role's sizes: `tensor-parallel-size * pipeline-parallel-size`.

`+ - * / %` (whole-number division), parentheses, numbers and names; comparisons, `and`, `or`, `not`, which are
1 or 0; `if(CONDITION, A, B)`, of which only one side is computed, `min(...)` and `max(...)`. A name may hold
dashes, so a minus stands between spaces.
"""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

_TOKEN = re.compile(r"\s*(?:([0-9]{1,18})|([A-Za-z_][A-Za-z0-9_.-]*)|(<=|>=|==|!=|[-+*/%()<>,]))")
_COMPARISONS: dict[str, Callable[[int, int], bool]] = {
    "<=": int.__le__,
    ">=": int.__ge__,
    "==": int.__eq__,
    "!=": int.__ne__,
    "<": int.__lt__,
    ">": int.__gt__,
}
_DIGITS = "0123456789"
_LIMIT = 2**62
_LONGEST = 400
_DEEPEST = 30  # parentheses in one another, each of which takes nine calls
_FUNCTIONS = {"if": (3, 3), "min": (1, 20), "max": (1, 20)}  # name -> how many arguments, at least and at most
_WORDS = frozenset({"and", "or", "not"})

Lookup = Callable[[str], int]
Tree = tuple[Any, ...]  # an operator and what it is applied to: trees, a number or a name


class ExprError(Exception):
    """An expression that cannot be read or has no value: the message says why, and `fix` what to do if known.

    `at` is where in its role's table the value stands that is at fault, `lacks` a name that has none.
    """

    def __init__(self, message: str, fix: str = "", *, at: tuple[str | int, ...] = (), lacks: str = "") -> None:
        super().__init__(message)
        self.fix = fix
        self.at = at
        self.lacks = lacks


def evaluate(text: str, lookup: Lookup) -> int:
    """Return the value of an expression.

    `lookup` gives a name's value and raises `ExprError` for one that has none.

    Raises:
        ExprError: the text is no expression, divides by zero or grows past 2**62.
    """
    return _value(_parse(text), lookup)


def check(text: str) -> None:
    """Raise ExprError for a text that is no expression, whatever its names stand for."""
    _parse(text)


def names(text: str) -> tuple[str, ...]:
    """Return the names in an expression, each once; none where it is no expression."""
    try:
        tokens = _tokens(text)[::-1]
    except ExprError:
        return ()
    called = {at for at, token in enumerate(tokens) if token in _FUNCTIONS and tokens[at + 1 : at + 2] == ["("]}
    words = (token for at, token in enumerate(tokens) if at not in called and token not in _WORDS)
    return tuple(dict.fromkeys(token for token in words if _is_name(token)))


def compare(text: str, lookup: Lookup) -> tuple[bool, int, int]:
    """Return whether a comparison holds, and the value of either side.

    Raises:
        ExprError: there is not exactly one comparison, or a side is no expression.
    """
    tokens, depth, outside = _tokens(text)[::-1], 0, 0
    for token in tokens:
        depth += {"(": 1, ")": -1}.get(token, 0)
        outside += depth == 0 and (token in _COMPARISONS or token in _WORDS)
    tree = _parse(text) if outside == 1 else ()
    if not tree or tree[0] not in _COMPARISONS:
        raise ExprError(f"`{text}` is not a comparison of two expressions")
    left, right = _value(tree[1], lookup), _value(tree[2], lookup)
    return _COMPARISONS[tree[0]](left, right), left, right


def _tokens(text: str) -> list[str]:
    """Split into tokens, last one first, so that the next one is popped off the end."""
    if len(text) > _LONGEST:
        raise ExprError(f"an expression has at most {_LONGEST} characters, this one has {len(text)}")
    found: list[str] = []
    at, end = 0, len(text.rstrip())
    while at < end:
        match = _TOKEN.match(text, at)
        if match is None:
            raise ExprError(f"`{text[at:].strip()[:20]}` was not expected in `{text}`")
        found.append(match.group().strip())
        at = match.end()
    return found[::-1]


def _is_name(token: str) -> bool:
    return token[0].isalpha() or token[0] == "_"


# From text to a tree: each function takes the tokens that are left, last one first, and takes its own off.


@lru_cache(maxsize=100)  # one is computed for every task of a role
def _parse(text: str) -> Tree:
    tokens = _tokens(text)
    tree = _any(tokens, 0)
    if tokens:
        raise ExprError(f"`{tokens[-1]}` was not expected in `{text}`")
    return tree


def _any(tokens: list[str], depth: int) -> Tree:
    tree = _all(tokens, depth)
    while tokens and tokens[-1] == "or":
        tokens.pop()
        tree = ("or", tree, _all(tokens, depth))
    return tree


def _all(tokens: list[str], depth: int) -> Tree:
    tree = _comparison(tokens, depth)
    while tokens and tokens[-1] == "and":
        tokens.pop()
        tree = ("and", tree, _comparison(tokens, depth))
    return tree


def _comparison(tokens: list[str], depth: int) -> Tree:
    negated = 0
    while tokens and tokens[-1] == "not":
        tokens.pop()
        negated += 1
    tree = _sum(tokens, depth)
    if tokens and tokens[-1] in _COMPARISONS:
        tree = (tokens.pop(), tree, _sum(tokens, depth))
    if negated:
        tree = ("==" if negated % 2 else "!=", tree, ("number", 0))
    return tree


def _sum(tokens: list[str], depth: int) -> Tree:
    tree = _product(tokens, depth)
    while tokens and tokens[-1] in ("+", "-"):
        tree = (tokens.pop(), tree, _product(tokens, depth))
    return tree


def _product(tokens: list[str], depth: int) -> Tree:
    tree = _atom(tokens, depth)
    while tokens and tokens[-1] in ("*", "/", "%"):
        tree = (tokens.pop(), tree, _atom(tokens, depth))
    return tree


def _atom(tokens: list[str], depth: int) -> Tree:
    if not tokens:
        raise ExprError("the expression ends where a number or a name should stand")
    if depth > _DEEPEST:
        raise ExprError(f"more than {_DEEPEST} parentheses stand in one another")
    token = tokens.pop()
    if token == "(":  # noqa: S105 - a parenthesis, not a password
        tree = _any(tokens, depth + 1)
        _close(tokens)
        return tree
    if token[0] in _DIGITS:
        return ("number", int(token))
    if token in _FUNCTIONS and tokens and tokens[-1] == "(":
        return _call(token, tokens, depth)
    if _is_name(token) and token not in _WORDS:
        return ("name", token)
    raise ExprError(f"`{token}` was not expected in the expression")


def _call(name: str, tokens: list[str], depth: int) -> Tree:
    found: list[Tree] = []
    while not found or (tokens and tokens[-1] == ","):
        tokens.pop()
        found.append(_any(tokens, depth + 1))
    _close(tokens)
    least, most = _FUNCTIONS[name]
    if not least <= len(found) <= most:
        how = "a condition and two values" if name == "if" else f"{least} to {most} values"
        raise ExprError(f"`{name}` takes {how}, not {len(found)}")
    return (name, *found)


def _close(tokens: list[str]) -> None:
    if not tokens or tokens.pop() != ")":
        raise ExprError("a parenthesis is not closed")


# From a tree to its value


def _value(tree: Tree, lookup: Lookup) -> int:
    match tree:
        case ("number", int(number)):
            return number
        case ("name", str(name)):
            return lookup(name)
        case ("if", condition, yes, no):
            return _value(yes if _value(condition, lookup) else no, lookup)
        case ("and", left, right):
            return int(_value(left, lookup) != 0 and _value(right, lookup) != 0)
        case ("or", left, right):
            return int(_value(left, lookup) != 0 or _value(right, lookup) != 0)
        case ("min", *values):
            return min(_value(value, lookup) for value in values)
        case ("max", *values):
            return max(_value(value, lookup) for value in values)
        case _:
            return _computed(tree[0], _value(tree[1], lookup), _value(tree[2], lookup))


def _computed(operator: str, left: int, right: int) -> int:
    match operator:
        case "+":
            return _bounded(left + right)
        case "-":
            return _bounded(left - right)
        case "*":
            return _bounded(left * right)
        case "/" | "%" if right == 0:
            raise ExprError("the expression divides by zero")
        case "/":
            return left // right
        case "%":
            return left % right
        case _:
            return int(_COMPARISONS[operator](left, right))


def _bounded(value: int) -> int:
    if abs(value) > _LIMIT:
        raise ExprError("the expression grows past 2**62")
    return value
