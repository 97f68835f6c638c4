"""Laws of differences: nothing differs from itself, nothing is left out, and both ways round it is the same."""

import copy
import json
import re
from typing import Any

from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from dynplan.diagnostics.visible import visible
from dynplan.language import parse
from dynplan.language.plan_file import from_tree, to_toml, to_tree, without_none
from dynplan.model import Plan
from dynplan.views.difference import Difference, difference
from dynplan.views.difference.data import as_data
from dynplan.views.difference.markdown import as_markdown
from dynplan.views.difference.records import Part, State, Words
from dynplan.views.difference.sequences import hunks, in_order
from dynplan.views.difference.text import as_text
from tests.laws.jobs import Tables, outcome
from tests.laws.profile import law, some
from tests.laws.test_plans import plan_of
from tests.laws.whole import whole_jobs

OTHERS: list[Any] = [0, 1, 2, 4, 8, "x", "30m", "{port.system}", "{= worker + 1}", True, False, 1.5, [], ["a", "b"], {}]
KEYS = ["num-nodes", "workers", "env", "stagger", "after", "timeout", "sbatch", "dedicated", "A", "model"]


@st.composite
def _edited(draw: st.DrawFn, tables: Tables) -> Tables:
    """Change a few values of a job file, take some away, turn the order of a table around."""
    edited = copy.deepcopy(tables)
    for _ in range(draw(st.integers(1, 3))):
        table = edited
        for _ in range(draw(st.integers(0, 4))):
            below = [key for key in table if isinstance(table[key], dict)]
            table = table[draw(st.sampled_from(below))] if below else table
        key = str(draw(st.sampled_from([*table, *KEYS] if table is not edited else list(edited))))
        match draw(st.integers(0, 3)):
            case 0:
                table.pop(key, None)
            case 1:
                items = list(table.items())[::-1]
                table.clear()
                table.update(items)
            case _ if table is not edited:
                table[key] = draw(st.sampled_from(OTHERS))
    return edited


@st.composite
def pairs(draw: st.DrawFn) -> tuple[Plan, Plan]:
    """Two plans: mostly of a job and the same job edited, sometimes of two jobs."""
    tables = draw(whole_jobs())
    plan = plan_of(tables)
    other = draw(whole_jobs()) if not draw(st.integers(0, 5)) else draw(_edited(tables))
    found = outcome(other)
    return plan, found if isinstance(found, Plan) else plan_of(draw(whole_jobs()))


@given(whole_jobs())
@some(0.3)
def test_nothing_differs_from_itself(tables: Tables) -> None:
    plan = plan_of(tables)
    again = from_tree(parse("plan.toml", to_toml(plan).encode()).data)
    found = difference(plan, again)
    assert not found.changed, found.changed
    assert as_data(found)["parts"] == []


@given(pairs())
@some(0.3)
def test_where_nothing_is_told_the_plans_are_the_same(plans: tuple[Plan, Plan]) -> None:
    before, after = plans
    trees = [json.dumps(without_none({**to_tree(plan), "warnings": []}), sort_keys=True) for plan in plans]
    assert bool(difference(before, after).changed) == (trees[0] != trees[1] or _orders(before) != _orders(after))


def _orders(plan: Plan) -> tuple[list[str], ...]:
    """Return the orders that mean something and that sorted keys do not show."""
    ports = [list(plan.job.tables["roles"][role.name].get("ports", ())) for role in plan.job.roles]
    args = [str((role.launch.command, dict(role.launch.env))) for role in sorted(plan.job.roles, key=lambda r: r.name)]
    phases = [str(phase.launch.command) for phase in sorted(plan.job.phases, key=lambda p: p.name)]
    names = [role.name for role in plan.job.roles], [phase.name for phase in plan.job.phases]
    return (*names, *sorted(ports), args, phases)


@given(pairs())
@some(0.3)
def test_both_ways_round_it_is_the_same(plans: tuple[Plan, Plan]) -> None:
    before, after = plans
    assert mirrored(difference(before, after)) == difference(after, before)


def mirrored(found: Difference) -> Difference:
    return Difference(found.after, found.before, tuple(map(_mirrored_part, found.parts)))


def _mirrored_part(part: Part) -> Part:
    states: dict[State, State] = {"added": "removed", "removed": "added", "changed": "changed", "same": "same"}
    lists: dict[str, Any] = {
        name: tuple(map(_mirrored_change, getattr(part, name)))
        for name in ("numbers", "moves", "ports", "env", "directives", "settings")
    }
    return Part(
        kind=part.kind,
        name=part.was or part.name,
        was=part.name if part.was else "",
        state=states[part.state],
        before=part.after,
        after=part.before,
        words=tuple(map(_mirrored_words, part.words)),
        **lists,
    )


def _mirrored_change(change: Any) -> Any:
    return evolve(change, before=change.after, after=change.before)


def _mirrored_words(change: Words) -> Words:
    return evolve(change, removed=change.added, added=change.removed)


@given(pairs())
@some(0.3)
def test_every_form_holds_what_differs_and_nothing_that_paints_a_terminal(plans: tuple[Plan, Plan]) -> None:
    found = difference(*plans)
    text, markdown, data = as_text(found), as_markdown(found), json.loads(json.dumps(as_data(found)))
    assert [part["kind"] for part in data["parts"]] == [part.kind for part in found.changed]
    assert data["differs"] == bool(found.changed)
    for told in (text, markdown):
        assert told.endswith("\n")
        assert all(line.isprintable() for line in told.split("\n"))
    assert len(markdown) <= 65_536
    assert markdown.count("<details>") == markdown.count("</details>") == len(re.findall("^`{3,}diff$", markdown, re.M))
    assert all(part.name in text for part in found.changed)
    for part in (part for part in found.changed if part.state != "removed"):
        for value in (*part.env, *part.directives, *part.settings):
            assert value.follows or visible(value.what) in text
        for words in part.words:
            assert words.follows or all(visible(word) in text for word in (*words.removed, *words.added))


WORDS = st.lists(st.sampled_from("abcd"), max_size=9)


@given(WORDS, WORDS)
@settings(law, max_examples=500)
def test_hunks_turn_one_sequence_into_the_other(before: list[str], after: list[str]) -> None:
    found, same = hunks(before, after)
    made = list(before)
    for gone, come in reversed(found):
        made[gone.start : gone.stop] = [after[at] for at in come]
    assert made == after
    assert all(before[a] == after[b] for a, b in same)
    assert len(same) + sum(len(gone) for gone, _ in found) == len(before)
    assert ([(b, a) for a, b in found], [(b, a) for a, b in same]) == hunks(after, before)


@given(st.lists(st.sampled_from("abcdef"), unique=True), st.lists(st.sampled_from("abcdef"), unique=True))
@law
def test_names_of_both_sides_stand_in_one_order(before: list[str], after: list[str]) -> None:
    assert in_order(before, after) == in_order(after, before)
    assert sorted(in_order(before, after)) == sorted({*before, *after})
