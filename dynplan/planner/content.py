"""What lies on a node, and whether it goes together: slices of so many GPUs, and GPUs by index."""

from functools import cache

from attrs import frozen

from dynplan.planner.cutting import Slice, around


@frozen
class Content:
    """The GPUs of a node and what is on it.

    Attributes:
        gpus: how many it has.
        sizes: of the slices that may lie anywhere, each of GPUs side by side, ascending.
        pins: the GPUs that roles have by index, ascending.
    """

    gpus: int
    sizes: Slice = ()
    pins: Slice = ()

    @property
    def free(self) -> int:
        """How many GPUs nobody has, side by side or not."""
        return self.gpus - sum(self.sizes) - len(self.pins)

    def with_slices(self, sizes: Slice, pins: Slice = ()) -> "Content | None":
        """Return the node with more on it; None where that does not go together."""
        return _added(self, sizes, pins)

    def most(self, gpus: int) -> int:
        """Return how many more slices of so many GPUs it holds."""
        if not self.pins:
            return self.free // gpus
        count = self.free // gpus
        while count and self.with_slices((gpus,) * count) is None:
            count -= 1
        return count


@cache
def _added(content: Content, sizes: Slice, pins: Slice) -> Content | None:
    if not set(content.pins).isdisjoint(pins):
        return None
    found = Content(content.gpus, tuple(sorted((*content.sizes, *sizes))), tuple(sorted((*content.pins, *pins))))
    if found.free < 0:
        return None
    # The larger ones first: the lowest place in turn then mostly holds them all, and no search is needed.
    fits = not found.pins or around(found.sizes[::-1], found.gpus, (), found.pins) is not None
    return found if fits else None
