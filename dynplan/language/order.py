"""Names, each behind those that it needs; without recursion, so that a chain may be of any length."""

from collections.abc import Collection, Iterator, Mapping


def in_order(needs: Mapping[str, Collection[str]]) -> Iterator[str]:
    """Yield names, each behind what it needs; what needs itself, or something that does, is left out.

    Args:
        needs: by name the others that it needs; those that are no names of these do not matter.
    """
    waiting = {name: {other for other in others if other in needs} for name, others in needs.items()}
    users: dict[str, list[str]] = {}
    for name, others in waiting.items():
        for other in others:
            users.setdefault(other, []).append(name)
    ready = [name for name, others in waiting.items() if not others]
    for name in ready:  # which grows
        yield name
        for user in users.get(name, ()):
            waiting[user].discard(name)
            if not waiting[user]:
                ready.append(user)
