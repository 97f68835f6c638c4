"""Who has places in turns: a task gives back what it held, and roles that come after it may have that.

Where the plan carries the job's tables, `after` and `kind` say who comes after whom; without them `until` does.
"""

from collections.abc import Iterator, Mapping, Sequence

from attrs import frozen

from dynplan.checker.stated import Request, RequestedPort, StatedPlan, StatedWorker
from dynplan.diagnostics import Findings


@frozen(eq=False)
class Order:
    """By role the tasks that have ended when it starts, and the role whose GPUs its workers have."""

    done: Mapping[str, frozenset[str]]
    groups: Mapping[str, tuple[str, ...]]

    @property
    def there(self) -> bool:
        """Whether anything is given back at all."""
        return any(self.done.values())

    def in_turns(self, one: str, other: str) -> bool:
        """Tell whether one of two roles has ended when the other one starts."""
        return one in self.done.get(other, ()) or other in self.done.get(one, ())

    def meet(self, one: str, other: str) -> bool:
        """Tell whether two roles, or roles beside them, may have their GPUs at the same time."""
        if one == other:
            return True
        mine, theirs = (self.groups.get(role, (role,)) for role in (one, other))
        return not all(self.in_turns(first, second) for first in mine for second in theirs)

    def parts(self, roles: Sequence[str]) -> list[list[str]]:
        """Split roles into parts of which no two meet, in the order of their first ones."""
        left, found = list(dict.fromkeys(roles)), []
        while left:
            part = [left.pop(0)]
            for role in part:  # which grows
                near = [other for other in left if self.meet(role, other)]
                part += near
                left = [other for other in left if other not in near]
            found.append(part)
        return found

    def all_meet(self, roles: Sequence[str]) -> bool:
        """Tell whether any two of these meet."""
        return all(self.meet(one, other) for one in roles for other in roles)

    def heaviest(self, weights: Mapping[str, int]) -> tuple[str, ...]:
        """Return roles that all meet and weigh the most together."""

        def best(held: tuple[str, ...], left: tuple[str, ...]) -> tuple[str, ...]:
            if not left:
                return held
            role, *others = left
            near = tuple(other for other in others if self.meet(role, other))
            with_it = best((*held, role), near)
            if len(near) == len(others):
                return with_it
            without = best(held, tuple(others))
            return max(with_it, without, key=lambda crowd: sum(weights[other] for other in crowd))

        return best((), tuple(weights))


def order_of(plan: StatedPlan) -> Order:
    """Return who has places in turns, by the job's tables or, where there are none, by what the workers say."""
    owner = {role: workers[0].shares for role, workers in plan.by_role.items()}
    groups: dict[str, list[str]] = {}
    for role in plan.by_role:
        groups.setdefault(_end(owner, role), []).append(role)
    by_role = {role: tuple(groups[_end(owner, role)]) for role in plan.by_role}
    if plan.request:
        return Order(dict(_asked(plan.request)), by_role)
    done: dict[str, set[str]] = {}
    for worker in plan.workers:
        for other in worker.until:
            done.setdefault(other, set()).add(worker.role)
    return Order({role: frozenset(tasks) for role, tasks in done.items()}, by_role)


def _end(owner: Mapping[str, str], role: str) -> str:
    """Follow a chain of roles beside others to its end; a ring, which is reported elsewhere, ends anywhere."""
    seen = {role}
    while (other := owner.get(role, "")) and other not in seen:
        seen.add(other)
        role = other
    return role


def _asked(request: Request) -> Iterator[tuple[str, frozenset[str]]]:
    """Yield for each role the tasks that it is after, directly or through others."""
    roles = {role.name: role for role in request.roles}
    for name, before in all_before(request).items():
        yield name, frozenset(other for other in before if other in roles and roles[other].task)


def all_before(request: Request) -> dict[str, tuple[str, ...]]:
    """Return for each role all that it is after, directly or through others."""
    roles = {role.name: role for role in request.roles}
    found = {}
    for role in request.roles:
        before = list(role.after)
        for name in before:  # which grows
            before += [other for other in (roles[name].after if name in roles else ()) if other not in before]
        found[role.name] = tuple(before)
    return found


# What the workers say of it


def check_turns(plan: StatedPlan, findings: Findings) -> None:
    """Report places that are given back to roles that do not wait, or of which nobody says that they are (D416)."""
    before = len(findings.found)
    _check_said(plan, findings)
    if len(findings.found) > before or not (order := order_of(plan)).there:
        return
    held = {role: _Held(plan, role) for role in plan.by_role}
    _check_mode(plan, order, held, findings)
    for role, workers in plan.by_role.items():
        later = [
            other
            for other in plan.by_role
            if role in order.done.get(other, ()) and held[role].meets(held[other], partners=other in order.groups[role])
        ]
        for other in later:
            if other not in workers[0].until:
                message = (
                    f"`{other}` has GPUs or ports of `{role}`, and its workers do not say that they give them back"
                )
                fix = f"`until` names `{other}`: whoever reads the plan must know"
                findings.error("D416", message, workers[0].path, help=fix)
        for other in workers[0].until:
            if other not in later and plan.request:
                message = f"{workers[0].name} gives its place back to `{other}`, which has nothing of it"
                findings.error("D416", message, (*workers[0].path, "until"))


def _check_mode(plan: StatedPlan, order: Order, held: "Mapping[str, _Held]", findings: Findings) -> None:
    """Where roles have GPUs in turns the plan says that they were placed so."""
    if not plan.request or plan.in_turns:
        return
    for role, tasks in order.done.items():
        for task in tasks if role in held else ():
            if task in held and role not in order.groups[task] and held[task].gpus & held[role].gpus:
                message = f"`{role}` has GPUs of `{task}`, and the plan does not say that it places roles in turns"
                findings.error("D416", message, ("placement",), help="set `in-turns = true`")
                return


def _check_said(plan: StatedPlan, findings: Findings) -> None:
    """What workers say goes with each other, and with the job's tables where the plan carries them."""
    roles = {role.name: role for role in plan.request.roles} if plan.request else {}
    order = order_of(plan)
    for worker in plan.workers:
        path, first = (*worker.path, "until"), plan.of_role(worker.role)[0]
        if set(worker.until) != set(first.until):
            message = f"{worker.name} gives its place back to {_listed(worker)}, and worker 0 to {_listed(first)}"
            findings.error(
                "D416", message, path if worker.until else worker.path, help="the workers of a role are alike"
            )
            continue
        for other in worker.until if worker is first else ():
            what = ""
            if not plan.of_role(other):
                what = "of which the plan has no worker"
            elif worker.role in roles and not roles[worker.role].task:
                what = f"and `{worker.role}` is no task: it does not end before the job"
            elif other in order.done.get(worker.role, ()):
                what = "which ends before it starts"
            elif worker.role not in order.done.get(other, ()):
                what = f"which does not come after it: its `after` leads to no `{worker.role}`"
            if what:
                findings.error("D416", f"{worker.name} gives its place back to `{other}`, {what}", path)


def _listed(worker: StatedWorker) -> str:
    return ", ".join(f"`{role}`" for role in worker.until) or "nobody"


class _Held:
    """The GPUs of a role by node, its port numbers by node, and those that are to stand once in the whole job."""

    def __init__(self, plan: StatedPlan, role: str) -> None:
        asked = next((other for other in plan.request.roles if other.name == role), None) if plan.request else None
        ports = {port.name: port for port in asked.ports} if asked else {}
        self.gpus: set[tuple[int, int]] = set()
        self.numbers: set[tuple[int, int]] = set()
        self.anywhere: set[int] = set()
        self.job_wide: set[int] = set()
        for task in (task for worker in plan.of_role(role) for task in worker.tasks):
            self.gpus |= {(task.node, gpu) for gpu in task.gpus}
            for port in task.ports:
                numbers = set(_numbers(port.first, port.count, ports.get(port.name)))
                self.numbers |= {(task.node, number) for number in numbers}
                self.anywhere |= numbers
                self.job_wide |= numbers if port.name in ports and ports[port.name].job_wide else set()

    def meets(self, other: "_Held", *, partners: bool) -> bool:
        """Tell whether two roles could not have what they hold at the same time; partners are to have the same GPUs."""
        return bool(
            (self.gpus & other.gpus and not partners)
            or self.numbers & other.numbers
            or self.job_wide & other.anywhere
            or self.anywhere & other.job_wide
        )


def _numbers(first: int, count: int, port: RequestedPort | None) -> Iterator[int]:
    for low, end in port.pieces if port else ((0, count),):
        yield from range(first + low, first + end)
