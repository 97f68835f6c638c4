"""Colours of a terminal: they can be read on any ground, and change nothing but the colour."""

import re

import pytest

from dynplan.diagnostics.paint import ALARM, COLOURED, FOREGROUNDS, GROUNDS, PLAIN

LEVELS = (0, 95, 135, 175, 215, 255)


def rgb(number: int) -> tuple[int, int, int]:
    """Return a colour of xterm's 256: a cube of six levels, and greys behind it."""
    if number >= 232:
        grey = 8 + 10 * (number - 232)
        return grey, grey, grey
    number -= 16
    return LEVELS[number // 36], LEVELS[number // 6 % 6], LEVELS[number % 6]


def luminance(number: int) -> float:
    """Return the relative luminance of WCAG 2."""
    parts = [part / 255 for part in rgb(number)]
    red, green, blue = (part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("number", FOREGROUNDS.values())
def test_text_can_be_read_on_white_and_on_black(number: int) -> None:
    assert 1.05 / (luminance(number) + 0.05) >= 3.5
    assert (luminance(number) + 0.05) / 0.05 >= 3.5


@pytest.mark.parametrize("number", [*GROUNDS, ALARM])
def test_white_can_be_read_on_every_ground(number: int) -> None:
    assert 1.05 / (luminance(number) + 0.05) >= 4.5


def test_a_text_is_painted_by_its_kind_and_without_one_stays_as_it_is() -> None:
    assert COLOURED("good", "ready") == "\x1b[38;5;28mready\x1b[0m"
    assert COLOURED("", "ready") == COLOURED("unheard-of", "ready") == PLAIN("good", "ready") == "ready"
    assert COLOURED("good", "") == ""
    assert COLOURED.ground(len(GROUNDS), "a") == COLOURED.ground(0, "a") != COLOURED.ground(1, "a")


def test_no_two_grounds_are_the_same() -> None:
    assert len(set(GROUNDS)) == len(GROUNDS)
    assert not [text for text in COLOURED.codes.values() if not re.fullmatch(r"[0-9;]+", text)]
