"""How Hypothesis draws here: thirty examples a test, or ``MODESCAPE_EXAMPLES`` of them, new ones at every run.

The thirty come from a fixed start, but Hypothesis mixes in constants of the modules that are loaded, so they are not
the same in a run of this folder and in one of a single test.
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
