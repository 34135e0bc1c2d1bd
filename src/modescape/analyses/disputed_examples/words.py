"""What the section says: its title, what is shown, how to read it, and its summary."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from modescape.wording.numbers import count, fixed, listing, percent
from modescape.wording.summary import Summary
from modescape.wording.takeaways import sample
from modescape.wording.text import Text

if TYPE_CHECKING:
    import xarray as xr

TEXT = Text(
    "On which images models disagree most",
    "The images with the largest mutual information of prediction and model, with their labels and votes; and how many "
    "images are right in how many models.",
    "Mutual information is 0 where all models say the same, even if none is sure, and grows where each is sure of "
    "something else. Look at these images first: models that agree with each other against the label may be right, and "
    "the label wrong. Images that no model gets right are beyond any average of these models; those that some get "
    "right are what choosing and averaging can win or lose.",
)
VOTES = 3  # classes that are listed


def summarize(dataset: xr.Dataset) -> Summary:
    """The examples in a table; the figure in a sentence."""
    classes = [str(name) for name in dataset["class"].values]
    models = dataset.sizes["x"] - 1
    rows = []
    for at, name in enumerate(dataset["example"].values):
        votes = np.nan_to_num(dataset["votes"].transpose("example", "class").values[at].astype(float))
        best = [place for place in np.argsort(-votes, kind="stable")[:VOTES] if votes[place] > 0]
        said = ", ".join(f"{classes[place]} {votes[place]:.0f}" for place in best)
        label, predicted = (_class(classes, dataset[key].values[at]) for key in ("label", "predicted"))
        information = fixed(float(dataset["mutual_information"].values[at]), 3)
        rows.append(
            (str(name), label, predicted, said, f"{float(dataset['models_right'].values[at]):.0f}", information)
        )
    counts = np.nan_to_num(dataset["count"].values.astype(float))
    total = counts.sum() or 1.0
    shares = (counts[-1] / total, counts[0] / total, 1 - (counts[-1] + counts[0]) / total)
    names = ("every model", "no model", "some of them")
    text = (
        f"Bars of how many images how many of {count(models, 'model')} get right, and dots for the most disputed ones. "
        f"Right in {listing([f'{name} {percent(share)}' for name, share in zip(names, shares, strict=True)])} of the "
        f"images. Mean mutual information {fixed(float(dataset['mean_information']), 4)} nats."
    )
    header = ("image", "label", "all together", "votes", "models right", "mutual information (nats)")
    return Summary(text, header, tuple(rows), takeaway=_takeaway(dataset))


def _class(classes: list[str], number: float) -> str:
    return classes[int(number)] if np.isfinite(number) else ""


def _takeaway(dataset: xr.Dataset) -> str:
    """On how many examples averaging can change much."""
    counts = np.nan_to_num(dataset["count"].values.astype(float))
    if not counts.sum():
        return ""
    every, none = (float(counts[at] / counts.sum()) for at in (-1, 0))
    return (
        f"All {dataset.sizes['x'] - 1} models are right on {percent(every)} of the images and none on {percent(none)}; "
        f"on the other {percent(1 - every - none)} it matters which models are averaged ({sample(dataset)})."
    )
