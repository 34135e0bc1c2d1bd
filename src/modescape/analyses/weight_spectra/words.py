"""What the section says: its title, what is shown, how to read it, and its summary."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from modescape.plain import shown
from modescape.wording.numbers import count, fixed, significant
from modescape.wording.summary import Summary
from modescape.wording.text import Text

if TYPE_CHECKING:
    import xarray as xr

TEXT = Text(
    "Spectra of weights",
    "The singular values of every weight matrix of every network, at its last checkpoint; a convolution kernel is a "
    "matrix of output units by inputs.",
    "A matrix of independent random entries has singular values below a sharp edge; those above it were learned. The "
    "stable rank, the sum of the squared singular values divided by the largest one squared, is small where few "
    "directions carry a layer. A layer whose line differs from that of the other networks was trained differently or "
    "started elsewhere.",
)
NUMBERS = TEXT


def summarize(dataset: xr.Dataset) -> Summary:
    """What the figure shows, in a sentence and a table: medians over networks."""
    middle = dataset[["spectral_norm", "stable_rank", "effective_rank", "above_random"]].median("model")
    rows = [
        (
            shown(name, 60),
            significant(float(middle["spectral_norm"][place]), 3),
            fixed(float(middle["stable_rank"][place]), 1),
            fixed(float(middle["effective_rank"][place]), 1),
            fixed(float(middle["above_random"][place]), 0),
        )
        for place, name in enumerate(dataset["layer"].values)
    ]
    text = (
        f"Lines of singular values of {count(dataset.sizes['layer'], 'matrix', 'matrices')} of "
        f"{count(dataset.sizes['model'], 'network')}; the table has medians over networks."
    )
    return Summary(
        text,
        ("layer", "largest", "stable rank", "effective rank", "above random"),
        tuple(rows),
        takeaway=_takeaway(dataset),
    )


def _takeaway(dataset: xr.Dataset) -> str:
    """Of how many matrices singular values lie above the edge of a random one."""
    above = dataset["above_random"].median("model").values
    if not above.size or not np.isfinite(above).any():
        return ""
    some = above[above > 0]
    matrices = count(dataset.sizes["layer"], "matrix", "matrices")
    networks = count(dataset.sizes["model"], "network")
    if not some.size:
        return f"No singular value of {matrices} lies above the edge of a random matrix (medians over {networks})."
    low, high = (f"{at(some):.0f}" for at in (np.min, np.max))
    number = low if low == high else f"{low} to {high}"
    return (
        f"{some.size} of {matrices} have singular values above the edge of a random matrix, {number} each "
        f"(medians over {networks})."
    )
