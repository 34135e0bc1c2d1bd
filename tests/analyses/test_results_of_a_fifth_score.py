"""A fifth score, added by one entry for the tests, appears in every result that has scores."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from modescape import analyses
from modescape.metrics import SCORES, Score

from .conftest import SIZES

RESULTS = {  # analysis -> variables that hold every score
    "ensemble_size": ("score", "gain"),
    "ensemble_methods": ("score", "equal_distance_score", "stored_score"),
    "shift": ("score", "score_of_corruption"),
    "cyclic": ("score", "member_score"),
}


@pytest.fixture
def fifth() -> Iterator[None]:
    """The scores, and the error (1 - accuracy) as a fifth."""
    SCORES["error"] = Score(
        label="Error",
        short="error",
        higher_is_better=False,
        per_example=lambda log_prob, label: (log_prob.argmax(-1) != label).astype(np.float64),
        largest=1.0,
    )
    yield
    del SCORES["error"]


def held(study, name):
    found = analyses.measure(name, study, **SIZES.get(name, {}))
    assert [one for one in found["metric"].values.tolist() if one != "calibrated_nll"] == list(SCORES)
    for variable in RESULTS[name]:
        error, accuracy = (found[variable].sel(metric=metric).values for metric in ("error", "accuracy"))
        offset = 0 if variable == "gain" else 1
        np.testing.assert_allclose(error, offset - accuracy, atol=1e-12)
        assert found[variable].attrs["units"].startswith("1 (nats for nll")


@pytest.mark.usefixtures("fifth")
def test_the_score_against_size_has_it(study):
    held(study, "ensemble_size")


@pytest.mark.ci
@pytest.mark.usefixtures("fifth")
@pytest.mark.parametrize("name", ["ensemble_methods", "shift", "cyclic"])
def test_results_of_networks_have_it(networks, name):
    held(networks, name)
