"""Colours of a terminal: text is painted by what it is, and without colours it stays as it is."""

from collections.abc import Mapping

from attrs import field, frozen

# Of the 256 colours of xterm: each stands out on white and on black by 3.5 to 1 or more, so that nobody is asked which
# ground a terminal has (WCAG 2, 1.4.3; a test computes it).
FOREGROUNDS = {"error": 196, "warning": 130, "good": 28, "bad": 196, "changed": 130, "note": 32, "quiet": 243}
# White stands out on each of these by 4.5 to 1 or more. They are near those of the picture, in its order.
GROUNDS = (25, 130, 29, 97, 23, 125, 58, 59)
ALARM = 160
_BOLD = {"error", "warning"}
_END = "\x1b[0m"


@frozen
class Paint:
    """What paints a text as what it is, one of the names in `codes`, which are those of SGR (ECMA-48, 8.3.117)."""

    codes: Mapping[str, str] = field(factory=dict)

    def __call__(self, kind: str, text: str) -> str:
        """Return the text in the colour of its kind; as it is where that has none."""
        code = self.codes.get(kind)
        return f"\x1b[{code}m{text}{_END}" if code and text else text

    def ground(self, index: int, text: str) -> str:
        """Return the text on the ground that is the colour of the role of that index."""
        return self(f"ground {index % len(GROUNDS)}", text)


def _codes() -> dict[str, str]:
    codes = {kind: f"{'1;' if kind in _BOLD else ''}38;5;{number}" for kind, number in FOREGROUNDS.items()}
    codes |= {f"ground {at}": f"38;5;231;48;5;{number}" for at, number in enumerate(GROUNDS)}
    return codes | {"strong": "1", "alarm": f"1;38;5;231;48;5;{ALARM}"}


PLAIN = Paint()
COLOURED = Paint(_codes())
