"""The checker: a plan's tree in, the promises that it breaks out, and what it does beside its roles.

It shares nothing with the language, the planner and the emitter, so that a mistake there cannot hide here.
"""

from dynplan.checker.promises import check
from dynplan.checker.unnamed import beside_roles

__all__ = ["beside_roles", "check"]
