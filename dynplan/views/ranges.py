"""Many numbers in few words, as people write them."""

from collections.abc import Iterator, Sequence

_MOST_RUNS = 5  # of numbers in a row, before the middle is left out


def runs(numbers: Sequence[int]) -> str:
    """Write ascending numbers in few words: `0-3, 8`, or `1, 3 .. 9999` for equal steps."""
    parts = [_run(run) for run in _in_steps(numbers)]
    if len(parts) > _MOST_RUNS:
        parts = [*parts[: _MOST_RUNS - 2], "...", parts[-1]]
    return ", ".join(parts)


def _in_steps(numbers: Sequence[int]) -> Iterator[Sequence[int]]:
    """Split into the longest runs of equal steps, from the left; a step other than 1 needs four numbers."""
    at = 0
    while at < len(numbers):
        step = numbers[at + 1] - numbers[at] if at + 1 < len(numbers) else 1
        end = at + 1
        while end < len(numbers) and numbers[end] - numbers[end - 1] == step:
            end += 1
        if step != 1 and end - at < 4:
            end = at + 1
        yield numbers[at:end]
        at = end


def _run(run: Sequence[int]) -> str:
    if len(run) == 1:
        return str(run[0])
    return f"{run[0]}-{run[-1]}" if run[1] - run[0] == 1 else f"{run[0]}, {run[1]} .. {run[-1]}"
