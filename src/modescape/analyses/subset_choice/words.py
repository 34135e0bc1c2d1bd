"""What the section says: its title, what is shown, how to read it, and its summary."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from modescape.analyses.subset_choice.reading import first_choice, kept_names
from modescape.covers import covers_of
from modescape.wording import scores
from modescape.wording.judged import bounded
from modescape.wording.numbers import ABSENT, count, listing
from modescape.wording.reading import pick
from modescape.wording.summary import Summary
from modescape.wording.takeaways import comparison, ends
from modescape.wording.text import Text

if TYPE_CHECKING:
    import xarray as xr

LISTED = 12  # names of models in a sentence

_SHOWN = (
    "The score of the best subset of each size, selected on all folds of the images but one and scored on that one; "
    "its score on the images it was selected on; all models averaged; and, for each model, how often it is kept and "
    "its weight."
)
_READING = (
    "The best subset on some images looks better there than on new ones: the gap between the two curves is the "
    "optimism of selection. The scores are those of the selection procedure, not of one particular subset: the models "
    "named as kept are selected on all images in the same way. Greedy selection starts with the best model and adds "
    "the one that helps most; exact selection tries every subset. Weights are non-negative and sum to 1; with many "
    "models or few images they are uncertain, and equal weights are hard to beat. "
)

TEXT = Text(
    "Which models to keep",
    _SHOWN,
    _READING + "Selection by NLL is more stable than by accuracy, which depends on few images.",
)

NUMBERS = Text(  # of a regression
    "Which models to keep",
    _SHOWN.replace("images", "examples"),
    _READING.replace("images", "examples").strip(),
)


def summarize(dataset: xr.Dataset) -> Summary:
    """What the figure shows, in a sentence and a table."""
    metrics = [str(name) for name in dataset["metric"].values]
    rows = [("all models", str(dataset.sizes["model"]), *_cells(dataset, "all_score", metrics), "")]
    if "weighted_score" in dataset:
        used = int((dataset["weight"].values > 0).sum())
        optimism = _points(dataset, "weighted_optimism", metrics[0], {})
        rows.append(("weighted average", str(used), *_cells(dataset, "weighted_score", metrics), optimism))
    for approach in dataset["approach"].values:
        for selector in dataset["other_metric"].values:
            where = {"approach": str(approach), "other_metric": str(selector)}
            size = f"{pick(dataset, 'kept_size', **where):.0f}"
            name = f"{approach}, by {scores.short(str(selector))}"
            optimism = _points(dataset, "kept_optimism", metrics[0], where)
            rows.append((name, size, *_cells(dataset, "kept_score", metrics, where), optimism))
    where = first_choice(dataset)
    for size in dataset["size"].values:
        at = {**where, "size": int(size)}
        optimism = _points(dataset, "optimism", metrics[0], at)
        rows.append(
            (f"best {count(int(size), 'model')}", str(int(size)), *_cells(dataset, "score", metrics, at), optimism)
        )
    names = kept_names(dataset, where)
    shown = listing(names[:LISTED]) + (f" and {len(names) - LISTED} more" if len(names) > LISTED else "")
    text = (
        "Line charts of scores against the number of models kept, and marks for how often each is kept. Kept "
        f"({where['approach']} selection by {scores.short(where['other_metric'])}, on all images): {shown or ABSENT}. "
        f"In the table: score of the procedure; optimism in {scores.short(metrics[0])}. "
        f"Cross-validated on {int(dataset.attrs['examples_looked_at']):,} images in "
        f"{int(dataset.attrs['folds'])} folds."
    )
    header = (
        "what is kept",
        "models",
        *scores.header(metrics, dataset, covers_of(dataset, "score")),
        f"optimism, {scores.short(metrics[0])}",
    )
    return Summary(text, header, tuple(rows), takeaway=_takeaway(dataset))


def _cells(dataset: xr.Dataset, name: str, metrics: list[str], where: Mapping[str, object] | None = None) -> list[str]:
    at = dict(where or {})
    return [
        bounded(metric, *(pick(dataset, f"{name}{end}", metric=metric, **at) for end in ("", "_low", "_high")))
        for metric in metrics
    ]


def _points(dataset: xr.Dataset, name: str, metric: str, where: Mapping[str, object]) -> str:
    """A difference without interval."""
    value = pick(dataset, name, metric=metric, **where)
    return scores.difference(metric, np.nan, value, np.nan)[0]


def _takeaway(dataset: xr.Dataset) -> str:
    """Whether a chosen subset is better than all models."""
    where, metric = first_choice(dataset), str(dataset["metric"].values[0])
    size, found = pick(dataset, "kept_size", **where), ends(dataset, "kept_gain", metric=metric, **where)
    kept = (
        f"The best subset ({size:.0f} models, {where['approach']} selection by {scores.short(where['other_metric'])})"
    )
    whom = covers_of(dataset, "kept_gain")
    return comparison(kept, f"all {dataset.sizes['model']} models averaged", metric, found, dataset, whom)
