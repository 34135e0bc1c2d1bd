"""A realistic made-up result, in the schema of docs/results.md, for tests of the figure and of the words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from modescape import results
from modescape.analyses.examples import about, interval, stated
from modescape.covers import THESE

if TYPE_CHECKING:
    import xarray as xr

    from modescape.analyses.stating import Variables


BINS = 15


def example(members: int = 10, epochs: int = 10) -> xr.Dataset:
    """Reliability: single networks are overconfident, averages less, averages of calibrated ones underconfident."""
    methods = {
        "single": -0.11,
        "single, calibrated": -0.005,
        "independent": -0.02,
        "independent, calibrated members": 0.08,
        "independent, calibrated average": 0.004,
    }
    reliability = _reliability(np.array(list(methods.values()))[:, None])
    others = {"independent": 0.20, "trajectory": 0.045, "random": 0.05, "dropout": -0.02, "diagonal": 0.025}
    others |= {"low_rank": 0.035, "low_rank_scaled": 0.042, "pca_random": 0.02, "swag": 0.04}
    size = np.arange(1, min(members, 10) + 1)
    gain = np.array(list(others.values()))[:, None]
    calibrated = 0.83 - gain * (1 - 1 / size)
    equivalent = np.where(calibrated > 0.83, np.nan, 1 / np.clip(1 - (gain / 0.20) * (1 - 1 / size), 1e-3, None))
    behind = calibrated - 0.83
    low, high = equivalent * 0.93, equivalent * 1.07
    low = np.where(low < 1, np.nan, low)  # open ends
    high = np.where(high > size[-1], np.inf, high)
    sized = ("other_approach", "size")
    return results.make_result(
        {
            **reliability,
            "calibrated_nll": (sized, calibrated, "nats", "calibrated NLL"),
            **interval("calibrated_nll", sized, calibrated, 0.012, "nats"),
            "equivalent": (sized, equivalent, "1", "deep-ensemble equivalent"),
            **interval("equivalent", sized, equivalent, (low, high), "1"),
            "equivalent_below": (sized, np.isnan(equivalent), "1", "whether the method is worse than one network"),
            "behind": (sized, behind, "nats", "calibrated NLL minus that of the mean single network"),
            **interval("behind", sized, behind, 0.004, "nats"),
            "temperature": (("member",), 1.75 + 0.05 * np.sin(np.arange(members)), "1", "temperature"),
            **stated(list(others), "other_approach"),
        },
        {
            "approach": list(methods),
            "x": np.arange(BINS),
            "other_approach": list(others),
            "size": size,
            "member": np.arange(members),
        },
        title="Calibration, and what remains of an ensemble's gain after it",
        **about(members, intervals="95 %: bootstrap over test examples"),
        covers=THESE,
    )


def _reliability(off: np.ndarray) -> Variables:
    """Bins of methods whose accuracy is off by so much, [method, 1]."""
    bins = np.arange(BINS)
    middle = (bins + 0.5) / BINS
    there = middle > 0.12  # no top probability of ten classes is lower than 0.1
    confidence = np.where(there, np.tile(middle, (5, 1)), np.nan)
    accuracy = np.clip(confidence + off * 4 * middle * (1.1 - middle), 0, 1)
    share = np.where(there, middle**3, 0) / (middle[there] ** 3).sum() * np.ones((5, 1))
    ece = np.nansum(share * np.abs(accuracy - confidence), axis=1)
    return {
        "confidence": (("approach", "x"), confidence, "1", "mean top probability in the bin"),
        "accuracy": (("approach", "x"), accuracy, "1", "accuracy in the bin"),
        "share": (("approach", "x"), share, "1", "share of the images in the bin"),
        "ece": (("approach",), ece, "1", "expected calibration error"),
    }
