"""Laws of refusals: what is suggested works, and there is something to suggest."""

import copy
import re
import tomllib
from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st

from dynplan.diagnostics import Finding
from dynplan.model import Plan
from tests.laws.jobs import Tables, jobs, outcome
from tests.laws.profile import law, some

SET = re.compile(r"set `([^`=]+) = ([^`]+)`")


def suggestions(finding: Finding) -> list[list[tuple[str, Any]]]:
    """Return the alternatives of a help text, each as the keys to set and their values."""
    alternatives = [SET.findall(part) for part in finding.help.split(", or ")]
    return [[(path, tomllib.loads(f"x = {value}")["x"]) for path, value in pairs] for pairs in alternatives if pairs]


def applied(tables: Tables, changes: list[tuple[str, Any]]) -> Tables:
    """Return the tables with keys set, the way `--set` does."""
    out = copy.deepcopy(tables)
    for path, value in changes:
        *above, key = path.split(".")
        table = out
        for name in above:
            if not isinstance(table.get(name), dict):
                table[name] = {}
            table = table[name]
        table[key] = value
    return out


def kinds(findings: tuple[Finding, ...]) -> set[tuple[str, Any]]:
    return {(finding.code, finding.path) for finding in findings}


@given(jobs())
@law
def test_every_suggested_change_does_away_with_its_finding(tables: Tables) -> None:
    found = outcome(tables)
    assume(not isinstance(found, Plan))
    assert not isinstance(found, Plan)
    for finding in (finding for finding in found if finding.code[:2] in ("D2", "D3")):
        assert finding.help
        for changes in suggestions(finding):
            after = outcome(applied(tables, changes))
            others = kinds(found) - kinds((finding,))
            assert isinstance(after, Plan) or kinds(after) <= others, (finding.help, changes)


PLACEMENT = {"D201", "D202", "D203", "D204", "D207", "D208", "D209", "D210"}


@st.composite
def _one_number_more(draw: st.DrawFn) -> tuple[Tables, Tables]:
    """Return a job, and the same job with one of its numbers larger (the job's nodes: fewer)."""
    tables = draw(jobs(hosts=False, ports=False))
    more = copy.deepcopy(tables)
    numbers = [
        (role, key)
        for role in more["roles"].values()
        for key in ("gpus-per-worker", "workers-per-node", "num-nodes", "workers")
        if isinstance(role.get(key), int) and role[key] > 0
    ]
    if isinstance(more["job"].get("num-nodes"), int):
        numbers.append((more["job"], "num-nodes"))
    assume(numbers)
    table, key = draw(st.sampled_from(numbers))
    table[key] = draw(
        st.integers(1, table[key]) if table is more["job"] else st.integers(table[key] + 1, table[key] + 12)
    )
    return tables, more


@given(_one_number_more())
@some(0.4)
def test_one_number_too_large_has_a_remedy(pair: tuple[Tables, Tables]) -> None:
    assume(isinstance(outcome(pair[0]), Plan))
    found = outcome(pair[1])
    assume(not isinstance(found, Plan))
    assert not isinstance(found, Plan)
    for finding in found:
        assert finding.code not in PLACEMENT or suggestions(finding), finding
