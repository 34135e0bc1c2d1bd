"""Where an ensemble's gain comes from: the mean network's score minus a diversity term, exactly."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from modescape.covers import covers_of
from modescape.plots import steps, style
from modescape.plots.charts import Chart, Panel, Series
from modescape.plots.scores import methods

if TYPE_CHECKING:
    import xarray as xr

TITLE = "Where the gain comes from"
PANELS = {  # metric: panel title, axis label
    "brier": ("Brier score of the mean probability", "Brier score (0 to 2)"),
    "nll": ("NLL of the mean probability", "NLL (nats per example)"),
    "brier_geometric": ("Brier score of the geometric mean", "Brier score (0 to 2)"),
    "nll_geometric": ("NLL of the geometric mean", "NLL (nats per example)"),
}


TERM = "The line between is the diversity term: ensemble = mean network - diversity, exactly."
BAR = (
    "Bar: 95 % interval of the diversity term. Geometric mean: of the probabilities, normalised to add up to 1. Two "
    "terms do not depend on the labels: that of the Brier score of the mean probability and that of the NLL of the "
    "geometric mean."
)


def caption(dataset: xr.Dataset) -> str:
    """The meaning of the two ends of a line, and of their distance."""
    return style.sentences(
        f"Grey ring: mean score of {_networks(dataset)} networks of a method, one at a time; coloured mark: score of",
        f"their average; lower is better. {TERM} On {style.tested_on(dataset)}. {BAR}",
        style.intervals(dataset),
        style.from_members(dataset),
        steps.endings(dataset),
    )


def panels(dataset: xr.Dataset) -> list[Panel]:
    """One panel per score, one row per method, the most diverse on top."""
    return panels_of(dataset, PANELS)


def panels_of(dataset: xr.Dataset, scores: Mapping[str, tuple[str, str]]) -> list[Panel]:
    """`panels` for any scores, metric -> title and axis label."""
    order = _order(dataset)
    names = [style.method_look(method).name for method in order]
    return [
        Panel(
            title=title,
            x_label=label,
            y_label="Method",
            series=_rows(dataset.sel({"metric": metric}), order),
            rows=names,
        )
        for metric, (title, label) in scores.items()
        if metric in dataset["metric"].values
    ]


def _order(dataset: xr.Dataset) -> list[str]:
    """Methods by their diversity term of the first score, the largest first, unknown ones last."""
    diversity = dataset["diversity"].transpose("approach", "metric").values[:, 0]
    places = np.argsort(np.where(np.isfinite(diversity), -diversity, np.inf), kind="stable")
    return [methods(dataset)[place] for place in places]


@np.errstate(invalid="ignore")  # an infinite NLL minus another
def _rows(dataset: xr.Dataset, order: list[str]) -> list[Series]:
    chosen = dataset.sel({"approach": order})
    mean, together, low, high = (
        chosen[name].values for name in ("mean_score", "ensemble_score", "diversity_low", "diversity_high")
    )
    row = np.arange(len(order), dtype=float)
    gap = np.full(len(order), np.nan)
    between = Series(
        name="Diversity term",
        x=np.stack([mean, together, gap], axis=1).ravel(),
        y=np.stack([row, row, gap], axis=1).ravel(),
        width=2,
    )
    single = Series(name="Mean network", x=mean, y=row, marker=("o", "circle"), line=None, size=5, hollow=True)
    nothing = np.empty(0)
    key = Series(name="Ensemble", x=nothing, y=nothing, marker=("o", "circle"), line=None, size=5)
    ensembles = []
    for place, method in enumerate(order):
        look, here = style.method_look(method), slice(place, place + 1)
        ensemble = Series(
            name=f"Ensemble: {look.name}",
            x=together[here],
            y=row[here],
            low=(mean - high)[here],
            high=(mean - low)[here],
            intervals_along_x=True,
            covers=covers_of(dataset, "diversity", method),
            colour=look.colour,
            marker=look.marker,
            line=None,
            size=5,
            in_legend=False,
            hover=[_hover(chosen.isel({"approach": place}), (mean - together)[place])],
        )
        ensembles.append(ensemble)
    return [between, single, *ensembles, key]


def _hover(chosen: xr.Dataset, term: float) -> str:
    place = steps.place(float(chosen["scale"]), float(chosen["distance"]))
    return f"diversity term {term:.4g}" + (f", {place}" if place else "")


def _networks(dataset: xr.Dataset) -> int:
    return int(dataset.attrs["networks"])


def describe(dataset: xr.Dataset) -> Chart:
    """Mean network and ensemble in four scores."""
    return Chart(title=TITLE, panels=panels(dataset), columns=2, covers=covers_of(dataset, "diversity"))
