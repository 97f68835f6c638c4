"""Text of anyone's, fit to be shown: what does not print stands as an escape, and nothing is longer than it is read.

An escape sequence in a name would paint the terminal, a change of direction would turn a line around, and XML
cannot hold control characters at all.
"""

import re

LONGEST_NAME = 256  # of what stands in backticks: a path, a value
LONGEST_TEXT = 1000  # of a message or a help
_CUT = "…"
_QUOTED = re.compile(rf"`([^`]{{{LONGEST_NAME + 1},}})`")


def visible(text: str, tab: str = "\\t") -> str:
    r"""Return the text with everything that does not print as an escape: `\x1b`, `\u202e`."""
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() else tab if char == "\t" else char.encode("unicode_escape").decode() for char in text
    )


def brief(text: str, most: int) -> str:
    """Return the text, and of a longer one its beginning."""
    return text if len(text) <= most else text[: most - 1] + _CUT


def told(text: str) -> str:
    """Return a message or a help as it is shown: its names cut where they are very long, and then all of it."""
    if len(text) > LONGEST_NAME:
        text = _QUOTED.sub(lambda match: f"`{brief(match[1], LONGEST_NAME)}`", text)
    return visible(brief(text, LONGEST_TEXT), tab="    ")
