"""The planner: a `Job` in, an immutable `Plan` out, or an `InputError` that says why it does not fit.

`plan` goes through four stages: what roles ask for (`demand`), which nodes (`allocation`, `nodes`, `services`),
which GPUs (`slices`), which ports (`ports`). `advice.advised` adds to a refusal the changes that would fit.
"""

from dynplan.planner.placement import plan

__all__ = ["plan"]
