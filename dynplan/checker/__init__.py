"""The checker: a plan's tree in, the promises that it breaks out.

It shares nothing with the language, the planner and the emitter, so that a mistake there cannot hide here.
"""

from dynplan.checker.promises import check

__all__ = ["check"]
