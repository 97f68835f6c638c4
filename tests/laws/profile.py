"""How many examples a law gets: a quick look that is the same everywhere, or as many as asked for."""

import os

from hypothesis import HealthCheck, settings

EXAMPLES = int(os.environ.get("DYNPLAN_EXAMPLES", "0"))

law = settings(
    max_examples=EXAMPLES or 80,
    derandomize=not EXAMPLES,
    database=None,
    deadline=None,  # the machine may be busy
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
    print_blob=True,
)


def some(share: float) -> settings:
    """Return the profile for a law whose examples cost more: in a quick look that share of them."""
    return settings(law, max_examples=EXAMPLES or max(10, int(80 * share)))
