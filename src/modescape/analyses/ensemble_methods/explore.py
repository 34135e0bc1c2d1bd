"""What the ways to make an ensemble add to the explorer: a row each, at equally many networks."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from modescape.analyses.forest import Row, forest, takeaway
from modescape.covers import covers_of
from modescape.plots import style
from modescape.plots.explored import Choice, Explored, View, explored_scores
from modescape.plots.scores import methods, scores
from modescape.wording.reading import pick

if TYPE_CHECKING:
    import xarray as xr


ENDINGS = {"new": "", "these": "_these"}  # value of the choice -> ending of the variables


def explore(results: Mapping[str, xr.Dataset]) -> Explored:
    """Gains of all methods by score and kind of interval."""
    dataset = results["ensemble_methods"]
    known = scores(dataset)
    if not known:
        return Explored()
    networks = int(dataset.attrs["samples"])
    options = [(kind, covers_of(dataset, "gain", which=ending)) for kind, ending in ENDINGS.items()]
    covers = Choice(name="interval", label="95 % interval for", options=options)
    charts, sentences = {}, {}
    for name, score in known.items():
        for kind, words in options:
            rows = _rows(dataset, name, kind)
            charts[name, kind] = forest(f"{score.label}: gain over one network", score, rows, "one network", words)
            sentences[name, kind] = takeaway(name, dataset, rows, "one network", words)
    view = View(
        tab="methods",
        title="Methods within one run against independent networks",
        choices=[explored_scores(known), covers],
        charts=charts,
        sentences=sentences,
        about=f"Methods within one run average {networks} of its networks; independent networks are shown with "
        "their number. Press a row to highlight the method in every figure of the page.",
        place=20,
    )
    return Explored(views=[view])


def _rows(dataset: xr.Dataset, metric: str, kind: str) -> list[Row]:
    ending, networks = ENDINGS[kind], int(dataset.attrs["samples"])
    rows = []
    for method in methods(dataset):
        size = min(networks, int(dataset["size"].values.max())) if method == "independent" else 1
        where = {"approach": method, "metric": metric, "size": size}
        value, low, high = (
            pick(dataset, name, **where) for name in ("gain", f"gain_low{ending}", f"gain_high{ending}")
        )
        if math.isnan(value):
            continue
        look = style.method_look(method)
        name = f"{look.name} ({size})" if method == "independent" else look.name
        whose = covers_of(dataset, "gain", method, which=ending)
        looks = {"colour": look.colour, "marker": look.marker}
        rows.append(Row(name=name, group=method, value=value, low=low, high=high, covers=whose, **looks))
    return rows
