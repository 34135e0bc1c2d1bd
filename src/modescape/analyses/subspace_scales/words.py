"""What the section says: its title, what is shown, how to read it, and its summary."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from modescape.covers import covers_of, headed
from modescape.plots import steps
from modescape.wording.numbers import count, fixed, percent, significant
from modescape.wording.reading import pick
from modescape.wording.scores import short, written
from modescape.wording.summary import PLACED, Summary
from modescape.wording.tables import best_name, name_of, names_of
from modescape.wording.text import Text

if TYPE_CHECKING:
    import xarray as xr

SOURCES = ("fort2019", "maddox2019")

TEXT = Text(
    "How far to sample from a solution",
    "Each method that samples around a solution has a scale that sets how far from it samples lie. All methods are "
    "swept over the same distances: the validation loss of averaged samples and the mean validation accuracy of one, "
    "against the distance from the solution divided by the norm of the solution.",
    "Where a curve is below the dashed line, averaging samples helped on these images; the thick part shows how well "
    "the choice is determined. Far out the samples are no longer good networks. The scale of a method determines its "
    "rank in every other comparison, so a ranking at one scale each says little: here each method is compared at its "
    "own best scale, chosen by validation loss and never on the test images, and also with all of them at one "
    "distance. Gaussians are centred on the mean of the last checkpoints, so their lines start at its distance. The "
    "samples that choose a scale are not those that are tested.",
)

NUMBERS = Text(  # of a regression
    TEXT.title,
    TEXT.shown.replace("validation accuracy of one", "validation error of one"),
    TEXT.reading,
)


def summarize(dataset: xr.Dataset) -> Summary:
    """What the figure shows, in a sentence and a table."""
    rows, best = [], {}
    quality = "rmse" if "rmse" in dataset else "accuracy"
    for method in names_of(dataset):
        chosen, low, high = (pick(dataset, key, approach=method) for key in ("chosen", "chosen_low", "chosen_high"))

        def at(key: str, draw: float = chosen, method: str = method) -> float:
            return pick(dataset, key, approach=method, draw=draw)

        best[method] = at("nll")
        tried = int(np.isfinite(dataset["step"].sel({"approach": method}).values).sum())
        edge = pick(dataset, "edge", approach=method) == 1
        of = f"{int(chosen) + 1} of {tried}{' (the last)' if edge else ' (no step)' if at('step') == 0 else ''}"
        bounds = f"{significant(at('distance', low), 3)} to {significant(at('distance', high), 3)}"
        place = (significant(at("step"), 3), significant(at("scale"), 3), significant(at("distance"), 3), bounds)
        rows.append(
            (name_of(method), of, *place, fixed(at("nll"), 3), written(quality, at(quality)), percent(at("accepted")))
        )
    solution = fixed(float(dataset.attrs["solution_nll"]), 3)
    text = (
        f"Line charts of validation loss and {short(quality)} against the distance from the solution, for "
        f"{count(len(rows), 'method')}. The solution's validation loss is {solution} nats; the lowest of ensembles "
        f"of {count(int(dataset.attrs['samples']), 'sample')} is that of {best_name(best, highest=False)}, "
        f"{fixed(min((value for value in best.values() if math.isfinite(value)), default=math.nan), 3)}. "
        f"{steps.choices(dataset)}"
    )
    header = (
        "method",
        "chosen step",
        "step / length",
        *PLACED,
        headed("distance", covers_of(dataset, "chosen")),
        "NLL (nats)",
    )
    return Summary(
        text.strip(),
        (*header, f"{short(quality)} of a sample", "accepted"),
        tuple(rows),
        takeaway=_takeaway(best, dataset),
    )


def _takeaway(best: dict[str, float], dataset: xr.Dataset) -> str:
    """Whether averaging samples lowers the validation loss."""
    known = {method: value for method, value in best.items() if math.isfinite(value)}
    own = float(dataset.attrs["solution_nll"])
    if not known:
        return ""
    lower = sum(value < own for value in known.values())
    lowest = min(known, key=known.__getitem__)
    return (
        f"At its chosen step, the average of samples has a lower validation NLL than the solution ({fixed(own, 3)} "
        f"nats) for {lower} of {count(len(known), 'method')}; the lowest is {fixed(known[lowest], 3)} "
        f"({name_of(lowest)}). Steps were chosen on the same images, so these are no test results."
    )
