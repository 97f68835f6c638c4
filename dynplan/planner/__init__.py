"""The planner: a `Job` in, an immutable `Plan` out, or an `InputError` that says why it does not fit.

`plan` goes through four stages: what roles ask for (`demand`), which nodes (`allocation`, `nodes`, `services`),
which GPUs (`slices`), which ports (`ports`, `ledger`). What seldom comes up is imported where it does: the search for
nodes (`search`, on the packer in `packing`), why there is no room or no port (`no_room`, `no_port`), and the changes
that would fit (`advice.advised`).
"""

from dynplan.planner.placement import plan

__all__ = ["plan"]
