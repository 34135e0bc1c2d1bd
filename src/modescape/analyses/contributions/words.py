"""What the section says: its title, what is shown, how to read it, and its summary."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from modescape.covers import covers_of, headed
from modescape.wording import scores
from modescape.wording.numbers import listing
from modescape.wording.reading import pick
from modescape.wording.summary import Summary
from modescape.wording.takeaways import ends, for_whom, sample, tally
from modescape.wording.text import Text

if TYPE_CHECKING:
    import xarray as xr

_SHOWN = (
    "For every model, what the average of all would lose without it, and its Shapley value: the change in score when "
    "it is added, averaged over all orders of adding the models; 95 % intervals for these models on new examples."
)
_READING = (
    "With many models, leaving out any one of them costs almost nothing; that does not mean that all could be left "
    "out. Shapley values divide the gain of all models over predicting without any model, so interchangeable models "
    "share their contribution. A model with a value on the wrong side of 0 makes averages worse, on average over all "
    "subsets it could be added to. "
)

TEXT = Text(
    "What each model adds",
    _SHOWN,
    _READING
    + "Without any model all classes are equally probable. The values sum to the score of all minus that of none.",
)

NUMBERS = Text(  # of a regression
    "What each model adds",
    _SHOWN.replace("images", "examples"),
    _READING
    + "Without any model the prediction is the mean of the targets, with their variance. The values sum to the "
    "score of all minus that of none.",
)


def summarize(dataset: xr.Dataset) -> Summary:
    """What the figure shows, in a sentence and a table."""
    metrics = [str(name) for name in dataset["metric"].values]
    names = [str(name) for name in dataset["model"].values]
    rows = []
    for name in names:
        cells: list[str] = []
        for metric in metrics:
            for variable in ("shapley", "without"):
                low, value, high = (
                    pick(dataset, f"{variable}{end}", model=name, metric=metric) for end in ("_low", "", "_high")
                )
                number, bounds = scores.difference(metric, low, value, high)
                cells.append(f"{number}, {bounds}")
        rows.append((name, *cells))
    first = metrics[0]
    score = scores.known(dataset).get(first)
    values = dataset["shapley"].sel({"metric": first}).values
    order = np.argsort(-values if score is None or score.higher_is_better else values, kind="stable")[:3]
    ends = [scores.written(first, pick(dataset, name, metric=first)) for name in ("no_score", "all_score")]
    name = score.name if score else first
    text = (
        f"Dots with intervals for what {len(names)} models add. {name}: from {ends[0]} without any "
        f"model to {ends[1]} with all; the largest contributions are those of {listing([names[at] for at in order])}. "
        "In the table: Shapley value, and what is lost without the model."
    )
    words = [
        headed(f"{name}: {what}", covers_of(dataset, "shapley"))
        for name in scores.difference_header(metrics, dataset)
        for what in ("share", "without it")
    ]
    return Summary(
        text,
        ("model", *(name.removeprefix("difference: ") for name in words)),
        tuple(rows),
        takeaway=_takeaway(dataset),
    )


def _takeaway(dataset: xr.Dataset) -> str:
    """How many models the average would be worse or better without."""
    metric, models = str(dataset["metric"].values[0]), [str(name) for name in dataset["model"].values]
    signs = [ends(dataset, "without", model=name, metric=metric).sign for name in models]
    score = scores.known(dataset).get(metric)
    helps, harms, open_ = tally(signs if score is None or score.higher_is_better else [-sign for sign in signs])
    short = scores.short(metric)
    parts = [
        f"worse in {short} without any one of {helps} of them" if helps else "",
        f"better without any one of {harms} of them" if harms else "",
    ]
    said = f"The average of all {len(models)} models is {listing([*filter(None, parts)])}" if helps or harms else ""
    whom = for_whom(covers_of(dataset, "without"))
    rest = f"for {open_} of {len(models)} the 95 % interval{whom} of the change without that model includes 0"
    if not said:
        return f"Which models the average needs is unclear from its {short}: {rest} ({sample(dataset)})."
    return f"{said}{f'; {rest}' if open_ else ''} ({sample(dataset)})."
