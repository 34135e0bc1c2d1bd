"""What the section says: its title, what is shown, how to read it, and its summary."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from modescape.covers import covers_of, headed
from modescape.wording import scores
from modescape.wording.numbers import count, p_text
from modescape.wording.reading import pick
from modescape.wording.summary import Summary
from modescape.wording.takeaways import sample
from modescape.wording.text import Text

if TYPE_CHECKING:
    import xarray as xr

_READING = (
    "Both models of a pair are tested on the same examples, so the difficulty of an example cancels, and the interval "
    "of the difference is much narrower than those of the two scores suggest. Of twenty pairs that do not differ, one "
    "is expected to look as if it did: simultaneous intervals and adjusted p-values correct for the number of pairs. "
    "Coloured cells are differences that remain after correction; a grey cell means that this test set cannot tell the "
    "two apart, not that they are equal. The differences are between these models; how methods differ over runs is "
    "shown by groups of runs."
)

TEXT = Text(
    "Which of two models is better",
    "The difference in every score between every two models on the same images, and how far their errors overlap: the "
    "share of images with different predicted classes, and the overlap of errors (both wrong / either wrong).",
    f"{_READING} Averaging models that are wrong on the same images gains nothing; the smaller the overlap, the more "
    "an average of the two can gain.",
)

NUMBERS = Text(  # of a regression
    "Which of two models is better",
    "The difference in every score between every two models on the same examples, and the correlation of their errors.",
    f"{_READING} Averaging models whose errors are fully correlated gains nothing; the smaller the correlation, the "
    "more an average of the two can gain.",
)


def ranked(dataset: xr.Dataset) -> np.ndarray:
    """Places of the models, the best in the first score first."""
    metric = str(dataset["metric"].values[0])
    own = dataset["difference"].transpose("metric", "model", "other_model").values[0].mean(1)
    score = scores.known(dataset).get(metric)
    return np.argsort(-own if score is None or score.higher_is_better else own, kind="stable")


def summarize(dataset: xr.Dataset) -> Summary:
    """The best model in the first score against every other; the figure in a sentence."""
    names = [str(name) for name in dataset["model"].values]
    metrics = [str(name) for name in dataset["metric"].values]
    order = ranked(dataset)
    best = names[order[0]]
    rows = []
    for place in order[1:]:
        cells: list[str] = []
        for metric in metrics:
            cells += _cells(dataset, metric, best, names[place])
        rows.append((names[place], *cells))
    adjusted = dataset["p_adjusted"].transpose("metric", "model", "other_model").values[0]
    pairs = np.triu_indices(len(names), 1)
    apart = int((adjusted[pairs] < 0.05).sum())
    text = (
        f"Matrices of differences and of shared errors between {count(len(names), 'model')}. In "
        f"{scores.short(metrics[0])}, {apart} of {count(len(pairs[0]), 'pair')} differ after correction for multiple "
        f"comparisons. In the table: {best}, the best on these images, minus each other model, with "
        "simultaneous 95 % intervals over all pairs."
    )
    every = headed("all pairs at once", covers_of(dataset, "difference", which="_all"))
    header = [f"{name}; {every}" for name in scores.difference_header(metrics, dataset)]
    return Summary(
        text,
        ("model", *(part for one in header for part in (*one.split("; "), "adjusted p"))),
        tuple(rows),
        takeaway=_takeaway(dataset),
    )


def _cells(dataset: xr.Dataset, metric: str, best: str, other: str) -> tuple[str, str, str]:
    """A difference, its interval among all pairs, its adjusted p-value."""
    low, value, high, p = (
        pick(dataset, name, metric=metric, model=best, other_model=other)
        for name in ("difference_low_all", "difference", "difference_high_all", "p_adjusted")
    )
    difference, bounds = scores.difference(metric, low, value, high)
    return difference, bounds, p_text(p)


def _takeaway(dataset: xr.Dataset) -> str:
    """How many pairs of models differ."""
    metric, models = str(dataset["metric"].values[0]), dataset.sizes["model"]
    p = dataset["p_adjusted"].transpose("metric", "model", "other_model").values[0][np.triu_indices(models, 1)]
    apart, pairs = int((p < 0.05).sum()), len(p)
    return (
        f"On new images, {apart} of {count(pairs, 'pair')} of these models differ in {scores.short(metric)} after "
        f"correction for multiple comparisons (adjusted p < 0.05; {sample(dataset)})"
        f"{'' if apart == pairs else '; the others, grey in the figure, cannot be told apart'}."
    )
