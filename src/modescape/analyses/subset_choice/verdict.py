"""What the choice of a subset adds to the head of the page: which models to keep, and what that gains."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from modescape.analyses.subset_choice.reading import first_choice, kept_names
from modescape.covers import covers_of
from modescape.plain import shown
from modescape.wording import scores
from modescape.wording.head import Card, Part
from modescape.wording.judged import against, bounded
from modescape.wording.numbers import count, interval, listing
from modescape.wording.reading import holding, pick

if TYPE_CHECKING:
    import xarray as xr

NAMED = 6  # models, beyond which the sentence leaves their names to the section


def verdict(results: Mapping[str, xr.Dataset]) -> Part:
    """How many are kept, the score of the procedure, and its gain over all and over the best alone."""
    dataset = holding(results, "kept_score", "kept_over_best")
    if dataset is None or not (known := scores.known(dataset)):
        return Part()
    metric, score = next(iter(known.items()))
    where = first_choice(dataset)

    def ends(name: str) -> tuple[float, float, float]:
        low, value, high = (pick(dataset, f"{name}{end}", metric=metric, **where) for end in ("_low", "", "_high"))
        return low, value, high

    low, value, high = ends("kept_score")
    if not math.isfinite(value):
        return Part()
    size, folds = int(pick(dataset, "kept_size", **where)), int(dataset.attrs["folds"])
    over_all, over_best = (
        against(score, *ends(name), covers_of(dataset, name)) for name in ("kept_gain", "kept_over_best")
    )
    kept = bounded(metric, value, low, high, whom=covers_of(dataset, "kept_score"))
    names = f", {listing([shown(name, 60) for name in kept_names(dataset, where)])}" if size <= NAMED else ""
    sentence = (
        f"{count(size, 'model')} of them{names}, chosen by {scores.short(where['other_metric'])}: "
        f"{kept}, the score of the procedure, which chooses on {folds - 1} of {folds} "
        f"folds and is scored on the other. Compared with all together, this is {over_all.phrase}; compared with one "
        f"model chosen in the same way, {over_best.phrase}."
    )
    if holding(results, "covariance") is not None:  # of the advice
        sentence += " The advice may name another number: it weighs each gain against the price of its forward passes."
    decimals, whom = 1 if score.percent else 3, covers_of(dataset, "kept_score")
    own = interval(score.factor * low, score.factor * high, decimals, whom)
    note = (
        f"{own}; by {scores.short(where['other_metric'])} alone, at any price; chosen on {folds - 1} of {folds} folds, "
        "scored on the other"
    )
    limits = (
        "How good the kept models are by themselves: they are chosen on all images, where their score is too "
        "optimistic; the score given is that of the procedure."
    )
    return Part(
        sentences={29: sentence},
        limits={45: limits},
        cards={22: [Card(f"Best subset: {size} of {dataset.sizes['model']}", scores.written(metric, value), note)]},
    )
