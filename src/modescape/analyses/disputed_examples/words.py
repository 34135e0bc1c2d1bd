"""What the section says: its title, what is shown, how to read it, and its summary."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from modescape.wording.numbers import count, fixed, percent
from modescape.wording.summary import Summary
from modescape.wording.takeaways import sample
from modescape.wording.text import Text

if TYPE_CHECKING:
    import xarray as xr

TEXT = Text(
    "Images on which the models disagree most",
    "The images with the largest mutual information between prediction and model, with their labels and votes; and "
    "how many images are classified correctly by how many models.",
    "Mutual information is 0 where all models predict the same probabilities, even if they are uncertain, and grows "
    "where each is confident of a different class. Look at these images first: where the models agree with each other "
    "and not with the label, the label may be wrong. Images that all models get right stay right in their average, "
    "and those that none gets right rarely become so; on the others, selection and averaging can gain or lose.",
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
        said = ", ".join(f"{classes[place]}: {votes[place]:.0f}" for place in best)
        label, predicted = (_class(classes, dataset[key].values[at]) for key in ("label", "predicted"))
        information = fixed(float(dataset["mutual_information"].values[at]), 3)
        rows.append(
            (str(name), label, predicted, said, f"{float(dataset['models_right'].values[at]):.0f}", information)
        )
    counts = np.nan_to_num(dataset["count"].values.astype(float))
    total = counts.sum() or 1.0
    every, none, some = (
        percent(share) for share in (counts[-1] / total, counts[0] / total, 1 - (counts[-1] + counts[0]) / total)
    )
    text = (
        f"Bars of the number of images by how many of {count(models, 'model')} are right, and dots for the most "
        f"disputed. Every model is right on {every} of the images, no model on {none} and some of them on {some}. Mean "
        f"mutual information {fixed(float(dataset['mean_information']), 4)} nats."
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
