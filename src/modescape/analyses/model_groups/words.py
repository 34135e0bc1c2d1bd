"""What the section says: its title, what is shown, how to read it, and its summary."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from modescape.covers import covers_of, short
from modescape.wording import scores
from modescape.wording.numbers import count, listing, p_text
from modescape.wording.reading import pick
from modescape.wording.summary import Summary
from modescape.wording.takeaways import sample
from modescape.wording.text import Text

if TYPE_CHECKING:
    import xarray as xr

TEXT = Text(
    "Which method is better",
    "Mean scores over the runs of each named group of models, and the differences between every two groups; 95 % "
    "intervals for new runs on new examples.",
    "A group stands for a training method: its interval covers the mean score that new runs of it would reach on "
    "other images. With two or three runs the variation between runs is poorly known, so intervals are wide; with one "
    "run it is unknown, and the interval is for that model alone. Two models can differ significantly because of "
    "their seeds alone: only a comparison of several runs a method, as here, shows whether the methods differ.",
)


def summarize(dataset: xr.Dataset) -> Summary:
    """What the figure shows, in a sentence and a table."""
    metrics = [str(name) for name in dataset["metric"].values]
    names = [str(name) for name in dataset["approach"].values]
    rows, covers = [], covers_of(dataset, "mean")
    for name in names:
        runs = pick(dataset, "runs", approach=name)
        whose = covers_of(dataset, "mean", name)
        apart = f" ({short(whose)})" if whose != covers else ""
        cells = []
        for metric in metrics:
            value, low, high = (
                scores.written(metric, pick(dataset, f"mean{end}", metric=metric, approach=name))
                for end in ("", "_low", "_high")
            )
            cells.append(f"{value}, {low} to {high}{apart}")
        rows.append((name, f"{runs:.0f}", *cells, ""))
    told = 0
    for first, name in enumerate(names):
        for other in names[first + 1 :]:
            where = {"approach": name, "other_approach": other}
            cells = []
            for metric in metrics:
                low, value, high = (
                    pick(dataset, f"difference{end}", metric=metric, **where) for end in ("_low", "", "_high")
                )
                number, bounds = scores.difference(metric, low, value, high)
                cells.append(f"{number}, {bounds}")
            p = pick(dataset, "p_adjusted", metric=metrics[0], **where)
            told += p < 0.05
            rows.append((f"{name} minus {other}", "", *cells, p_text(p)))
    means = [
        f"{name} {scores.written(metrics[0], pick(dataset, 'mean', metric=metrics[0], approach=name))}"
        for name in names
    ]
    text = (
        f"Dots with intervals for mean scores of {count(len(names), 'group')} of models and for their differences. "
        f"{scores.short(metrics[0])[:1].upper()}{scores.short(metrics[0])[1:]}: {listing(means)}. Different for new "
        f"runs after correction: {count(told, 'pair')} of {int(dataset.attrs['pairs'])}."
    )
    header = ("group", "runs", *scores.header(metrics, dataset, covers), f"adjusted p ({scores.short(metrics[0])})")
    return Summary(text, header, tuple(rows), takeaway=_takeaway(dataset))


def _takeaway(dataset: xr.Dataset) -> str:
    """How many pairs of groups differ."""
    metric, groups = str(dataset["metric"].values[0]), dataset.sizes["approach"]
    p = dataset["p_adjusted"].transpose("metric", "approach", "other_approach").values[0][np.triu_indices(groups, 1)]
    apart, pairs = int((p < 0.05).sum()), int(np.isfinite(p).sum())
    if not pairs:
        return "Whether groups differ is unknown: no pair of groups has more than one run each."
    return (
        f"For new runs on new examples, {apart} of {count(pairs, 'pair')} of groups differ in {scores.short(metric)} "
        f"after correction for multiple comparisons (adjusted p < 0.05; {sample(dataset)})"
        f"{'' if apart == pairs else '; the others cannot be told apart'}."
    )
