"""What the section says: its title, what is shown, how to read it, and its summary."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from modescape.analyses import task_of
from modescape.analyses.connectivity.draw import KINDS, PATHS, error_unit, factor_of, kinds_of, mean_of, pairs_of
from modescape.covers import covers_of, short
from modescape.wording.numbers import ABSENT, SPACE, count, fixed, listing, significant
from modescape.wording.reading import pick
from modescape.wording.summary import Summary
from modescape.wording.takeaways import Ends, for_whom, sample
from modescape.wording.text import Text

if TYPE_CHECKING:
    import xarray as xr

SOURCES = ("garipov2018", "draxler2018", "ainsworth2023", "jordan2023")

TEXT = Text(
    "Barriers between solutions, and paths around them",
    "How far the test loss rises on the straight line between every two solutions: as they are, with the statistics "
    "of their units reset, with the units of one aligned to those of the other, and both. Then loss, accuracy, loss "
    "on corrupted images and similarity to solutions along a straight line, the line to the aligned end, a Bezier "
    "curve and a polychain between the first two.",
    "The loss half-way along a line is that of the two networks' averaged weights: a high barrier means that the "
    "weights cannot be averaged, not that the networks compute different functions, as hidden units can be permuted. "
    "What remains after alignment is an upper bound: the permutation found is a good one, not necessarily the best, "
    "and rescalings remain. Resetting the statistics undoes the shrinking of activations half-way. Curved paths were "
    "fitted: one of low loss shows that solutions can be joined, not that the function stays the same. Look at the "
    "similarity: where it falls for one end and rises for the other, the function changes although the loss does not. "
    "A middle that is as unlike both ends as unrelated solutions are is one more solution. These are straight lines "
    "and four paths out of many.",
)

NUMBERS = Text(  # of a regression
    TEXT.title,
    TEXT.shown.replace("accuracy", "error"),
    TEXT.reading,
)


def summarize(dataset: xr.Dataset) -> Summary:
    """What the figure shows, in a sentence and a table."""
    rows = [_row(dataset, KINDS[kind][0].lower(), kind) for kind in kinds_of(dataset)]
    rows += [_path_row(dataset, PATHS[path][0], path) for path in PATHS]
    heights = []
    for kind in kinds_of(dataset):
        heights.append(f"{significant(mean_of(dataset, kind, 'loss')[0])} nats {KINDS[kind][0].lower()}")
    bent = [pick(dataset, "path_barrier", other_approach=path, metric="loss") for path in ("bezier", "polychain")]
    before, after = pick(dataset, "cosine"), pick(dataset, "aligned_cosine")
    text = (
        "Heat maps of barriers over pairs of solutions, their means, and line charts along paths between the first "
        f"two. Mean barrier of the loss over {count(len(pairs_of(dataset)), 'pair')}: {listing(heights)}. Between the "
        f"first two it is {significant(bent[0])} nats on the Bezier curve and {significant(bent[1])} on the polychain."
    )
    if math.isfinite(after):
        text += f" Alignment takes the mean cosine of the weights from {significant(before)} to {significant(after)}."
    if refused := str(dataset.attrs["refused"]):
        text += f" Not aligned: {refused}."
    unit = error_unit(dataset)
    quality = "accuracy" if task_of(dataset) == "classification" else "RMSE"
    bounds = f"its 95{SPACE}% interval"
    header = (
        "barrier",
        "loss (nats)",
        bounds,
        f"{quality} ({unit})",
        bounds,
        "intervals for",
    )
    return Summary(text, header, tuple(rows), takeaway=_takeaway(dataset))


Row = tuple[str, ...]


def _row(dataset: xr.Dataset, name: str, kind: str) -> Row:
    loss, error = (mean_of(dataset, kind, metric) for metric in ("loss", "error"))
    return _cells(dataset, f"{name}, mean over pairs", loss, error, covers_of(dataset, "mean_barrier"))


def _path_row(dataset: xr.Dataset, name: str, path: str) -> Row:
    loss, error = (
        tuple(pick(dataset, f"path_barrier{end}", other_approach=path, metric=metric) for end in ("", "_low", "_high"))
        for metric in ("loss", "error")
    )
    return _cells(dataset, f"{name.lower()}, first pair", loss, error, covers_of(dataset, "path_barrier"))


def _cells(dataset: xr.Dataset, name: str, loss: tuple[float, ...], error: tuple[float, ...], whose: str) -> Row:
    error = tuple(factor_of(dataset) * value for value in error)
    cells = []
    for (value, low, high), decimals in ((loss, 3), (error, 1)):
        known = math.isfinite(low) and math.isfinite(high)
        cells += [fixed(value, decimals), f"{fixed(low, decimals)} to {fixed(high, decimals)}" if known else ABSENT]
    return (name, *cells, short(whose))


def _takeaway(dataset: xr.Dataset) -> str:
    """How high barriers are, and what alignment leaves of them."""
    found = {kind: _loss(dataset, kind) for kind in kinds_of(dataset)}
    raw = found.get("raw")
    if raw is None or not math.isfinite(raw.value):
        return ""
    pairs, whom = count(len(pairs_of(dataset)), "pair"), for_whom(covers_of(dataset, "mean_barrier"))
    if raw.known and raw.sign <= 0:
        return (
            f"Whether there is a barrier between two solutions is unclear: the mean over {pairs} is "
            f"{_nats(raw, whom)}, and the interval includes 0."
        )
    where = f"mean over {pairs}, {sample(dataset)}"
    text = f"The test loss rises by {_nats(raw, whom)} on the straight line between two solutions ({where})"
    aligned = {kind: one for kind, one in found.items() if kind.startswith("aligned") and math.isfinite(one.value)}
    if aligned:
        best = min(aligned, key=lambda kind: aligned[kind].value)
        text += f"; once they are {KINDS[best][0].lower()}, by {_nats(aligned[best], whom)}"
    return f"{text}."


def _loss(dataset: xr.Dataset, kind: str) -> Ends:
    value, low, high = mean_of(dataset, kind, "loss")
    return Ends(low, value, high)


def _nats(found: Ends, whom: str = "") -> str:
    bounds = (
        f" (95{SPACE}% interval {significant(found.low)} to {significant(found.high)}{whom})" if found.known else ""
    )
    return f"{significant(found.value)} nats{bounds}"
