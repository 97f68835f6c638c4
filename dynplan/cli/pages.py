"""The page of `dynplan show --format html`: what stands beside it in files, and what a plan says of commands."""

from pathlib import Path as File

from dynplan.checker import check
from dynplan.diagnostics import Document
from dynplan.emitter import lower, plan_digest
from dynplan.language.plan_file import from_tree
from dynplan.model import GPU_VARIABLES, Outline, Plan
from dynplan.views.plan_data import Told
from dynplan.views.plan_page import as_html

_FOLDER = File(__file__).parents[1] / "views"


def page_of(found: Outline, plan: Plan | None) -> str:
    """Return the page of a placement, with what its workers run where that is known.

    Raises:
        InputError: the script of the plan is more than Slurm or Linux take (D601, D602).
    """
    told = Told(found)
    if plan:
        script = lower(plan)
        told = Told(found, script, plan_digest(script), GPU_VARIABLES[plan.job.cluster.gpu_vendor])
    style, *programs = ((_FOLDER / name).read_text("utf-8") for name in ("plan.css", "plan-tasks.js", "plan-page.js"))
    return as_html(told, style, "".join(programs))


def plan_in(document: Document) -> Plan | None:
    """Return the plan that a document holds; None for one without commands, or that breaks its promises."""
    if "roles" not in document.data or check(document.data):
        return None
    return from_tree(document.data)
