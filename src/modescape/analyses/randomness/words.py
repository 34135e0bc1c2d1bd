"""What the section says: its title, what is shown, how to read it, and its summary."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from modescape.wording.numbers import count, percent, significant
from modescape.wording.reading import pick
from modescape.wording.summary import Summary
from modescape.wording.tables import names_of
from modescape.wording.text import Text

if TYPE_CHECKING:
    import xarray as xr

PAPER = "B"  # its figures there
SOURCES = ("fort2019",)

TEXT = Text(
    "What makes two runs differ",
    "Pairs of runs that share some of their random choices and differ in others: initialisation, order of the "
    "training images, dropout. For each epoch, how far apart the two networks are in labels, weights and "
    "probabilities.",
    "The grey line is the floor: two runs that share every choice and differ in the last bit of one weight. "
    "Training is chaotic, so that line may climb as well, and a choice matters only as far as its line lies above "
    "the floor. Lines that end at one height say that it matters little which choice differs. A cosine near 0 "
    "between runs from different initialisations says little by itself: hidden units can be permuted.",
)

NUMBERS = Text(  # of a regression
    TEXT.title,
    TEXT.shown.replace("in labels, weights and probabilities", "in predictions and weights"),
    TEXT.reading,
)


def summarize(dataset: xr.Dataset) -> Summary:
    """What the figure shows, in a sentence and a table."""
    numbers = "disagreement" not in dataset
    first = "prediction_distance" if numbers else "disagreement"
    keys = (first, "normalized_distance" if numbers else "normalized_disagreement", "distance", "cosine")
    keys += () if numbers else ("jensen_shannon",)
    rows, parts = [], []
    for condition in names_of(dataset):
        last = _last_epoch(dataset.sel({"approach": condition})[first])
        values = [pick(dataset, key, approach=condition, epoch=last) for key in keys]
        differ = significant(values[0], 3) if numbers else percent(values[0])
        rows.append((condition, str(last), differ, *(significant(value, 3) for value in values[1:])))
        parts.append(f"{condition}: {differ}")
    text = (
        f"Line charts over epochs of the difference between two runs, under {count(len(rows), 'condition')}. "
        f"{'Distance of predictions' if numbers else 'Disagreement'} at the end: {'; '.join(parts)}."
    )
    difference = "distance of predictions" if numbers else "disagreement"
    header = ("condition", "epoch", difference, "by error", "distance / length", "cosine")
    return Summary(text, header if numbers else (*header, "Jensen-Shannon (nats)"), tuple(rows))


def _last_epoch(values: xr.DataArray) -> int:
    known = np.flatnonzero(np.isfinite(values.values))
    return int(values["epoch"].values[known[-1] if known.size else -1])
