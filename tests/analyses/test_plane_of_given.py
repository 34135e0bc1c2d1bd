"""The plane of networks that others made: the best of them is what all are compared with."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from modescape import analyses
from modescape.analyses.diversity_plane.draw import baseline_of
from modescape.offered import arrays


@pytest.mark.parametrize("best", [0, 2])
def test_the_best_network_that_was_given_is_the_baseline(best):
    random = np.random.default_rng(0)
    label = random.integers(0, 3, 200)
    said = random.integers(0, 3, (4, 200))
    said[best, :150] = label[:150]
    values = np.log(np.where(np.eye(3)[said] > 0, 0.9, 0.05)).astype(np.float32)
    of = replace(arrays({"test": values}, {"test": label}), names=["a", "b", "c", "d"])
    found = analyses.measure("diversity_plane", of)
    assert (found.attrs["baseline_member"], baseline_of(found)) == (best, "the best network")
    assert found.attrs["baseline_accuracy"] == pytest.approx((said[best] == label).mean())
    others = [network for network in range(4) if network != best]
    right = [(said[network] == label).mean() for network in others]
    assert found["accuracy"].sel({"approach": "independent"}).values == pytest.approx(right)
    differ = [(said[network] != said[best]).mean() for network in others]
    assert found["disagreement"].sel({"approach": "independent"}).values == pytest.approx(differ)
    own = analyses.measure("diversity_plane", replace(of, names=[]))
    assert (own.attrs["baseline_member"], baseline_of(own)) == (0, "the first network")
