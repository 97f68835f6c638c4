"""Integer expressions over sizes, and the sizes they find."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dynplan.language.expressions import ExprError, compare, evaluate, names
from dynplan.language.lookups import lookup_of

SIZES = lookup_of(
    {
        "args": {
            "tensor-parallel-size": 4,
            "pp_size": 2,
            "text": "x",
            "digits": "3",
            "on": True,
            "half": 0.5,
            "off": False,
        }
    }
)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("8", 8),
        ("tensor-parallel-size", 4),
        ("tensor-parallel-size * data-parallel-size", 4),  # one not set is the engine's 1
        ("tensor-parallel-size * pipeline-parallel-size", 8),  # and a size has several spellings
        ("tensor-parallel-size * pp-size", 8),  # either spelling
        ("tensor_parallel_size*pp_size", 8),
        ("digits", 3),
        ("1 + 2 * 3", 7),
        ("(1 + 2) * 3", 9),
        ("7 - 2 - 1", 4),
        ("7 / 2", 3),
        ("7 % 4", 3),
        ("12 / 2 / 3", 2),
        ("tensor-parallel-size - 1", 3),  # a minus stands between spaces: names hold dashes
        ("0", 0),
        (" ( 2 ) ", 2),
        ("on + off", 1),  # `true` counts 1, `false` 0
        ("if(on, 1, tensor-parallel-size)", 1),
        ("if(off, 1 / 0, pp-size)", 2),  # the side that is not taken needs no value
        ("if(tensor-parallel-size > 2 and not off, 5, 6)", 5),
        ("if(digits == 4 or pp-size >= 3, 5, 6)", 6),
        ("min(4, digits, 7) * max(1, 2)", 6),
        ("(2 < 3) + (2 <= 2) + (3 != 3)", 2),
        ("not not 7", 1),
        ("(" * 30 + "1" + ")" * 30, 1),
        ("1+" * 199 + "1", 200),
        ("not " * 98 + "1", 1),
    ],
)
def test_an_expression_has_a_value(text: str, value: int) -> None:
    assert evaluate(text, SIZES) == value


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "the expression ends where a number or a name should stand"),
        ("2 +", "the expression ends where a number or a name should stand"),
        ("(2", "a parenthesis is not closed"),
        ("2)", "`)` was not expected in `2)`"),
        ("2 3", "`3` was not expected in `2 3`"),
        ("* 2", "`*` was not expected in the expression"),
        ("2 ** 3", "`*` was not expected in the expression"),
        ("2 $ 3", "`$ 3` was not expected in `2 $ 3`"),
        ("1 / 0", "the expression divides by zero"),
        ("1 % (2 - 2)", "the expression divides by zero"),
        ("text", "`text` is no whole number"),
        ("not", "the expression ends where a number or a name should stand"),
        ("1 < 2 < 3", "`<` was not expected in `1 < 2 < 3`"),
        ("if(1, 2)", "`if` takes a condition and two values, not 2"),
        ("if(1, 2, 3", "a parenthesis is not closed"),
        ("min()", "`)` was not expected in the expression"),
        ("(" * 31 + "1" + ")" * 31, "more than 30 parentheses stand in one another"),
        ("half", "`half` is no whole number"),
        ("zebra", "`zebra` is not set in `args`"),
        ("999999999999999999 * 999999999999999999", "the expression grows past 2**62"),
        ("1 +" * 200 + "1", "an expression has at most 400 characters, this one has 601"),
    ],
)
def test_what_has_no_value_says_why(text: str, reason: str) -> None:
    with pytest.raises(ExprError) as caught:
        evaluate(text, SIZES)
    assert str(caught.value) == reason


def test_a_name_that_is_not_set_comes_with_the_nearest_that_is() -> None:
    with pytest.raises(ExprError, match=r"^`tensor-paralel-size` is not set in `args`$") as caught:
        evaluate("tensor-paralel-size", SIZES)
    assert caught.value.fix == "did you mean `tensor-parallel-size`?"


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("2 <= 2", True),
        ("3 <= 2", False),
        ("2 < 2", False),
        ("3 > 2", True),
        ("2 >= 3", False),
        ("2 == 1 + 1", True),
        ("2 != 2", False),
    ],
)
def test_a_comparison_holds_or_not(text: str, holds: bool) -> None:
    assert compare(text, SIZES)[0] is holds


def test_a_comparison_gives_both_sides() -> None:
    assert compare("tensor-parallel-size * 2 <= digits", SIZES) == (False, 8, 3)


@pytest.mark.parametrize("text", ["2", "1 < 2 < 3", ""])
def test_a_constraint_is_one_comparison(text: str) -> None:
    with pytest.raises(ExprError, match="is not a comparison of two expressions"):
        compare(text, SIZES)


def test_the_names_of_an_expression_each_once_in_order() -> None:
    assert names("b * (a + b) * 2 - c-d") == ("b", "a", "c-d")
    assert names("7 * $") == ()


@st.composite
def trees(draw: st.DrawFn, depth: int = 3) -> tuple[str, int]:
    """Return an expression with every operation in parentheses, and its value."""
    if depth == 0 or draw(st.booleans()):
        number = draw(st.integers(0, 99))
        return str(number), number
    (left, a), (right, b) = draw(trees(depth=depth - 1)), draw(trees(depth=depth - 1))
    operator = draw(st.sampled_from("+-*/%" if b else "+-*"))
    value = {"+": a + b, "-": a - b, "*": a * b, "/": a // b if b else 0, "%": a % b if b else 0}[operator]
    return f"({left} {operator} {right})", value


@given(trees())
def test_the_value_is_pythons(tree: tuple[str, int]) -> None:
    text, value = tree
    assert evaluate(text, SIZES) == value


@given(st.lists(st.sampled_from(["1", "2", "+", "-", "*", "(", ")", "tp", " "]), max_size=12))
def test_any_tokens_have_a_value_or_say_why(tokens: list[str]) -> None:
    try:
        assert isinstance(evaluate("".join(tokens), SIZES), int)
    except ExprError as problem:
        assert str(problem)
