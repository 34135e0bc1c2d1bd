"""What the section says: its title, what is shown, how to read it, and its summary."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from modescape.wording import scores
from modescape.wording.numbers import count, p_text
from modescape.wording.reading import pick
from modescape.wording.summary import Summary
from modescape.wording.takeaways import sample
from modescape.wording.text import Text

if TYPE_CHECKING:
    import xarray as xr

_READING = (
    "Both models of a pair meet the same examples, so what makes an example hard for both cancels, and the interval of "
    "the difference is much narrower than those of the two scores suggest. There are many pairs, and of "
    "twenty that do not differ one looks as if it did: intervals of all pairs at once, and adjusted p-values, allow "
    "for that. Coloured cells are differences that remain; a grey one says that this test set does not tell the two "
    "apart, not that they are equal. All of it is about these models; what a method would give on another run is told "
    "by groups of runs."
)

TEXT = Text(
    "Which of two models is better",
    "The difference in every score between every two models on the same images, and how far both err on the same ones: "
    "share with different predicted classes, and overlap of errors (both wrong over either wrong).",
    f"{_READING} Models that err on the same images gain nothing from each other; the smaller the overlap, the more an "
    "average of the two can win.",
)

NUMBERS = Text(  # of a regression
    "Which of two models is better",
    "The difference in every score between every two models on the same examples; correlation of errors.",
    f"{_READING} Models whose errors go together gain nothing from each other; the smaller the correlation, the more "
    "an average of the two can win.",
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
        f"{scores.short(metrics[0])}, {apart} of {count(len(pairs[0]), 'pair')} are told apart after correction for "
        f"that many comparisons. In the table: {best}, the best on these images, minus each other model, with the 95 % "
        "interval of all pairs at once."
    )
    header = [f"{name}; all pairs at once" for name in scores.difference_header(metrics, dataset)]
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
        f"{'' if apart == pairs else '; the others cannot be told apart'}."
    )
