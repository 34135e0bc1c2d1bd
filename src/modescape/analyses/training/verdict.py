"""What the course of training adds to the head of the page: whether members had been trained to the end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from modescape.analyses.training.convergence import not_converged, trained_out
from modescape.wording.head import Part
from modescape.wording.reading import holding

if TYPE_CHECKING:
    import xarray as xr


def verdict(results: Mapping[str, xr.Dataset]) -> Part:
    """Whether members had converged, and what one longer run says of those that seem to have."""
    training = results.get("training")
    longer = holding(results, "member_score", "training_epochs")
    return Part(answer={10: not_converged(training)}, limits={30: trained_out(training, longer)})
