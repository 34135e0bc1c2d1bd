"""CKA of layers between networks and within one, of the same layer over pairs, and along a run."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from modescape.plots import charts, style
from modescape.plots.charts import Chart, HeatMap, Panel, Series

if TYPE_CHECKING:
    import xarray as xr

TITLE = "Similarity of layers"
LABELS = 12  # layers a side
LENGTH = 22  # characters of a layer's name
PAIRS = 300  # dots of a layer
READABLE = (0.3, 0.82)  # shares of the colour map that are read on black and on white
AFTER, BEFORE = style.BLUE, style.VERMILION


def caption(dataset: xr.Dataset) -> str:
    """What CKA measures here, and what it does not show."""
    members = dataset.sizes["member"]
    batches = style.counted(int(dataset.attrs["batches"]), "random batch", "random batches")
    pairs = style.counted(members * (members - 1) // 2, "pair")
    runs = len(runs_of(dataset))
    return style.sentences(
        "Linear centred kernel alignment (CKA, unbiased) of two layers' activations for the same",
        f"{style.tested_on(dataset)}, in {batches}. 1: the same features up to a rotation and a",
        "factor; about 0: unrelated. Layers are those that hold weights, or blocks of these, in the order in",
        f"which they run. Dots: {pairs} of {style.counted(members, 'member')}; bars: means over pairs with their",
        f"intervals. {style.intervals(dataset)}",
        f"Epochs: mean over {style.counted(runs, 'run')}, without intervals." if runs else "",
        "For a sentence, activations are averaged over its tokens." if dataset.attrs.get("tokens") else "",
        "Batch norm uses the statistics stored in each checkpoint." if dataset.attrs["batch_norm"] == "stored" else "",
        "CKA weights directions by their variance: small ones, which may decide a prediction, hardly count. "
        "It can be high",
        "between untrained networks.",
        style.left_out(dataset),
    )


def names(dataset: xr.Dataset) -> list[str]:
    """Layers as figures and tables name them: a number alone says nothing."""
    kinds = dataset["kind"].values if "kind" in dataset.coords else [""] * dataset.sizes["layer"]
    listed = [_with_kind(str(name), str(kind)) for name, kind in zip(dataset["layer"].values, kinds, strict=True)]
    return style.unique([_ending(name) for name in listed])


def _with_kind(name: str, kind: str) -> str:
    longer = f"{name} {kind}"
    return longer if name.rpartition(".")[2].isdigit() and len(longer) <= LENGTH else name


def _ending(name: str) -> str:
    """The end of a name, which tells layers apart."""
    line = style.one_line(name)
    return line if len(line) <= LENGTH else "…" + line[1 - LENGTH :]


def runs_of(dataset: xr.Dataset) -> np.ndarray:
    """Indices of the members with several stored epochs."""
    there = np.isfinite(dataset["along"].transpose("member", "epoch", "layer").values).any(2)
    return np.flatnonzero(there.sum(1) > 1)


def describe(dataset: xr.Dataset) -> Chart:
    """Two matrices, the same layer over pairs, and the epochs where they are there."""
    own = names(dataset)
    matrices = [dataset[name].transpose("layer", "other_layer").values for name in ("cka", "cka_within")]
    scale = dataclasses.replace(style.cosine_scale(*matrices), label="CKA")
    panels: list[HeatMap | Panel] = [
        _matrix(title, own, matrix, scale)
        for title, matrix in zip(("Two members, mean over pairs", "One member with itself"), matrices, strict=True)
    ]
    panels.append(_pairs(dataset, own))
    if len(runs_of(dataset)):
        panels.append(_epochs(dataset, own))
    return Chart(title=TITLE, panels=panels, columns=2, panel_size=(4.2, 3.6), panel_height=430)


def _matrix(title: str, own: list[str], matrix: np.ndarray, scale: style.Scale) -> HeatMap:
    found = charts.square(title, "Layer", own, matrix, scale, LABELS)
    return dataclasses.replace(found, label_length=LENGTH)


def _pairs(dataset: xr.Dataset, own: list[str]) -> Panel:
    """One row per layer: pairs as dots, means before and after training with their intervals."""
    row = np.arange(len(own), dtype=float)
    values = dataset["same_layer"].transpose("member", "other_member", "layer").values
    each = values[np.triu_indices(len(values), 1)]
    each = each[:: max(1, -(-len(each) // PAIRS))]  # of one member there are none
    places = np.tile(row, len(each))
    series = [
        Series(
            name="Pairs, after training",
            x=each.ravel(),
            y=places - 0.2,
            line=None,
            marker=("o", "circle"),
            size=2,
            silent=True,
        )
    ]
    looks = (("same_layer_start", "Before training", BEFORE, 0.1), ("same_layer_mean", "After training", AFTER, -0.1))
    for name, label, colour, shift in looks:
        value, low, high = (dataset[f"{name}{end}"].values for end in ("", "_low", "_high"))
        ends = {"low": low, "high": high, "intervals_along_x": True}
        series.append(
            Series(name=label, x=value, y=row + shift, line=None, marker=("o", "circle"), colour=colour, **ends)
        )
    low = min(0.0, charts.span(*(one.x for one in series))[0])
    return Panel(
        title="The same layer of two members",
        x_label="CKA",
        y_label="Layer",
        series=series,
        x_range=(low - 0.02, 1.02),
        rows=own,
    )


def _epochs(dataset: xr.Dataset, own: list[str]) -> Panel:
    """One line per layer: its features at each epoch against those at the end, mean over runs."""
    values = dataset["along"].transpose("member", "epoch", "layer").values[runs_of(dataset)].mean(0)
    places = np.linspace(*READABLE, max(len(own), 2))
    shades = style.colour_map("viridis")[(255 * places).astype(int)]
    colours = ["#" + "".join(f"{round(255 * part):02x}" for part in shade) for shade in shades]
    series = [
        Series(name=name, x=dataset["epoch"].values, y=values[:, place], colour=colours[place])
        for place, name in enumerate(own)
    ]
    low = min(0.0, charts.span(values)[0])
    return Panel(
        title="Epochs of a run against its last",
        x_label="Epoch",
        y_label="CKA",
        series=series,
        y_range=(low - 0.02, 1.02),
        whole_x=True,
    )
