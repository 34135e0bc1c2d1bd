"""How Hypothesis draws here: thirty examples per test, or ``MODESCAPE_EXAMPLES`` of them, new ones in every run.

The thirty are derandomised, but Hypothesis mixes in constants of the loaded modules, so they differ between a run of
this folder and one of a single test.
"""

import os

from hypothesis import HealthCheck, settings

MANY = os.environ.get("MODESCAPE_EXAMPLES")
EXAMPLES = int(MANY or 30)

steady = settings(
    deadline=None,
    derandomize=MANY is None,
    max_examples=EXAMPLES,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
