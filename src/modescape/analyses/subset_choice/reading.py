"""The choice that a page shows first."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import xarray as xr


def first_choice(dataset: xr.Dataset) -> dict[str, str]:
    """The most thorough approach, and the score that chooses: labels of both dimensions."""
    return {"approach": str(dataset["approach"].values[-1]), "other_metric": str(dataset.attrs["chosen_by"])}


def kept_names(dataset: xr.Dataset, where: dict[str, str]) -> list[str]:
    """Names of the models to keep, chosen on all examples."""
    kept = dataset["kept"].sel(where).values > 0
    return [str(name) for name in dataset["model"].values[np.flatnonzero(kept)]]
