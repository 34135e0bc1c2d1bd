"""Scores of the best subset of each size, chosen on some examples and scored on others; which models are kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from modescape.analyses.subset_choice.reading import first_choice
from modescape.metrics.scores import score_of
from modescape.plots import charts, style
from modescape.plots.charts import Chart, Panel, Series
from modescape.plots.scores import better, marked, scores

if TYPE_CHECKING:
    import xarray as xr

    from modescape.metrics.scores import Score

TITLE = "Which models to keep"
NAME_LENGTH = 22
LOOKS = {"greedy": (style.BLUE, ("o", "circle")), "exact": (style.VERMILION, ("D", "diamond"))}


def caption(dataset: xr.Dataset) -> str:
    """The meaning of lines and marks."""
    where = first_choice(dataset)
    by = known.short if (known := score_of(where["other_metric"])) else where["other_metric"]
    return style.sentences(
        "Score of the best subset of each size, chosen by the score that is shown on all parts but one of",
        f"{style.counted(int(dataset.attrs['examples_looked_at']), 'test example')} and scored on that one; dashed: on",
        "those that it was chosen on. Lines across: all models with equal weights, and weighted. Last panel: share of",
        f"the choices that keep a model ({where['approach']} choice by {by}), and its weight.",
        style.intervals(dataset),
        style.left_out(dataset),
    )


def describe(dataset: xr.Dataset) -> Chart:
    """One panel per score, and one of the models."""
    panels = [_sizes(dataset, metric, score) for metric, score in scores(dataset).items()]
    return Chart(title=TITLE, panels=[*panels, _models(dataset)], columns=2, panel_size=(4.2, 2.8), panel_height=380)


def _sizes(dataset: xr.Dataset, metric: str, score: Score) -> Panel:
    size = dataset["size"].values.astype(float)
    ends = (0.5, float(size.max(initial=1.0)) + 0.5)
    everything = score.factor * float(dataset["all_score"].sel({"metric": metric}))
    series = [charts.level("All models, equal weights", everything, ends)]
    if "weighted_score" in dataset:
        value = score.factor * float(dataset["weighted_score"].sel({"metric": metric}))
        series.append(charts.level("All models, weighted", value, ends, colour=style.GREEN))
    for approach in dataset["approach"].values:
        colour, marker = LOOKS.get(str(approach), (style.NEUTRAL, ("o", "circle")))
        chosen = dataset.sel({"approach": approach, "other_metric": metric, "metric": metric})
        value, low, high = (score.factor * chosen[f"score{end}"].values for end in ("", "_low", "_high"))
        name = f"{str(approach).capitalize()} choice, scored elsewhere"
        looks = {"colour": colour, "marker": marker, "size": marked(len(size))}
        series.append(Series(name=name, x=size, y=value, low=low, high=high, **looks))
        seen = score.factor * chosen["chosen_score"].values
        name = f"{str(approach).capitalize()} choice, where it was chosen"
        series.append(Series(name=name, x=size, y=seen, colour=colour, line="dash", width=1))
    return Panel(
        title=better(score, score.label),
        x_label="Number of models kept",
        y_label=score.axis,
        series=series,
        x_range=ends,
        whole_x=True,
    )


def _models(dataset: xr.Dataset) -> Panel:
    where = first_choice(dataset)
    share = dataset["kept_share"].sel(where).values
    order = np.argsort(-share, kind="stable")
    place = np.arange(len(order))
    series = [
        Series(
            name="Share of choices that keep it",
            x=share[order],
            y=place,
            line=None,
            colour=style.PURPLE,
            marker=("s", "square"),
        )
    ]
    if "weight" in dataset:
        looks = {"colour": style.GREEN, "marker": ("^", "triangle-up"), "hollow": True, "line": None, "size": 6}
        series.append(Series(name="Weight", x=dataset["weight"].values[order], y=place, **looks))
    return Panel(
        title="Which models are kept",
        x_label="Share of choices, weight" if "weight" in dataset else "Share of choices",
        y_label="Model",
        series=series,
        rows=style.all_shortened(dataset["model"].values[order], NAME_LENGTH),
    )
