"""What the ways to make an ensemble add to the head of the page: what each is worth, and at which price."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from modescape.analyses.ensemble_methods.purchases import equivalent_sentence, purchases
from modescape.plots import steps
from modescape.wording.head import Part
from modescape.wording.reading import holding

if TYPE_CHECKING:
    import xarray as xr


def verdict(results: Mapping[str, xr.Dataset]) -> Part:
    """One row per method, with what its networks are worth after calibration and whether its steps were enough."""
    methods = results.get("ensemble_methods")
    calibration, scales = holding(results, "calibrated_nll", "equivalent_below"), holding(results, "chosen", "edge")
    if methods is None:
        return Part()
    limit = (
        "The best that a subspace method can do: each was tried at a few scales, chosen on validation images, with as "
        "many networks as the others; more samples, or samples from other training, may gain more. "
        f"{steps.choices(scales)}"
    )
    return Part(
        limits={60: limit.strip()},
        purchases=purchases(methods, calibration, scales),
        equivalent=equivalent_sentence(methods, calibration),
    )
