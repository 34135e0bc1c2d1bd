"""What the section says: its title, what is shown, how to read it, and its summary."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from modescape.covers import covers_of
from modescape.wording.numbers import count, percent, significant
from modescape.wording.reading import pick
from modescape.wording.summary import Summary
from modescape.wording.tables import names_of
from modescape.wording.takeaways import ends, for_whom, sample
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
    "The grey line is the floor: two runs that share every choice and differ in the last bit of one weight. Training "
    "is chaotic, so that line may rise as well, and a choice matters only as far as its line is above the floor. "
    "Lines that end at the same height mean that it matters little which choice differs. A cosine near 0 between runs "
    "from different initialisations says little by itself: hidden units can be permuted.",
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
    return Summary(
        text, header if numbers else (*header, "Jensen-Shannon (nats)"), tuple(rows), takeaway=_takeaway(dataset)
    )


def _last_epoch(values: xr.DataArray) -> int:
    known = np.flatnonzero(np.isfinite(values.values))
    return int(values["epoch"].values[known[-1] if known.size else -1])


def _takeaway(dataset: xr.Dataset) -> str:
    """How far runs part that differ in a choice, against runs that differ in rounding alone."""
    numbers = "disagreement" not in dataset
    first = "prediction_distance" if numbers else "disagreement"
    found = {}
    for condition in names_of(dataset):
        last = _last_epoch(dataset.sel({"approach": condition})[first])
        found[condition] = ends(dataset, first, approach=condition, epoch=last)
    known = {name: one for name, one in found.items() if math.isfinite(one.value)}
    floor = [one for name, one in known.items() if "last bit" in name]
    others = [one.value for name, one in known.items() if "different" in name]  # twins that share all are the control
    if not others or not floor:
        return ""
    written = (lambda value: significant(value, 3)) if numbers else percent
    whom = for_whom(covers_of(dataset, first))
    ends_of = f" (95 % interval {written(floor[0].low)} to {written(floor[0].high)}{whom})"
    bounds = ends_of if floor[0].known else ""
    lowest, highest = written(min(others)), written(max(others))
    what = "differ in their predictions by" if numbers else "disagree on"
    of = "" if numbers else " of the test images"
    return (
        f"Runs that differ only in the last bit of one weight {what} {written(floor[0].value)}{bounds}{of} at the end, "
        f"runs that differ in a random choice {what} {lowest}{'' if lowest == highest else f' to {highest}'} "
        f"({sample(dataset)})."
    )
