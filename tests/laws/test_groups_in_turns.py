"""Laws of jobs on nodes of several kinds whose tasks give back what they held: a role waits across groups."""

from hypothesis import given
from hypothesis import strategies as st

from dynplan.checker import check
from dynplan.emitter import lower, write
from dynplan.language.plan_file import from_tree, to_tree
from tests.laws.jobs import NEVER, Tables, jobs, with_tasks
from tests.laws.profile import law, some
from tests.laws.test_domains import small_jobs as wide_jobs
from tests.laws.test_groups import parts, together
from tests.laws.test_plans import TEXTS
from tests.laws.test_turns import at_once, check_holders, plan_of

IN_GROUPS = parts(jobs(tasks=NEVER)).map(together).flatmap(with_tasks)
IN_DOMAINS = parts(wide_jobs()).map(together).flatmap(with_tasks)


@given(IN_GROUPS)
@law
def test_two_workers_hold_one_thing_only_where_one_has_ended_before_the_other_starts(tables: Tables) -> None:
    check_holders(tables)


@given(st.one_of(IN_GROUPS, IN_DOMAINS))
@law
def test_the_checker_accepts_every_plan_and_it_comes_back_from_its_file(tables: Tables) -> None:
    plan = plan_of(tables)
    tree = to_tree(plan)
    assert check(tree) == ()
    assert to_tree(from_tree(tree)) == tree


@given(IN_GROUPS)
@law
def test_who_fits_at_once_gives_nothing_back(tables: Tables) -> None:
    without = plan_of(at_once(tables))
    plan = plan_of(tables)
    assert len(plan.nodes) <= len(without.nodes)
    if len(plan.nodes) == len(without.nodes):
        assert plan.workers == without.workers
        assert not plan.placement.in_turns


@given(IN_GROUPS)
@some(0.3)
def test_every_plan_is_a_script(tables: Tables) -> None:
    plan = plan_of(tables)
    text = write(lower(plan), "law", TEXTS)
    assert text.count("#SBATCH hetjob") == len({node.group for node in plan.nodes}) - 1
