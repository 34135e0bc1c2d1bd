"""Checkpoints of one run against each other: cosine of the weights, disagreement of the predicted labels."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from modescape.plots import paper, style, web
from modescape.plots.sheet import Sheet

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.figure import Figure

TITLE = "Checkpoints of one run"
TRAJECTORIES = 6  # drawn; the result holds all
EPOCHS = 101  # a side on the page; of longer runs every second, third, ... epoch is drawn, which keeps the page small
LABELS = 11  # epochs a side
NAMES = {
    "cosine": "Cosine of weights",
    "cosine_without_batch_norm": "Cosine without normalisation",
    "disagreement": "Disagreement",
}
BARS = {"cosine": "Cosine (1)", "disagreement": "Disagreement (share of test examples)"}


def caption(dataset: xr.Dataset) -> str:
    """How to read the matrices."""
    drawn, there = min(dataset.sizes["member"], TRAJECTORIES), dataset.sizes["member"]
    without = (
        "Without normalisation: the weights of batch-norm layers left out." if len(quantities(dataset)) > 2 else ""
    )
    return style.sentences(
        "Every epoch of a run against every other; epoch 0 is the initialisation. Disagreement: share of",
        f"{style.tested_on(dataset)} that two checkpoints label differently. Its colours go by the square root and are",
        "the same as for independent solutions.",
        without,
        f"The first {drawn} of {there} kept runs are drawn." if drawn < there else "",
        f"On the page every {style.ordinal(_step(dataset))} epoch is drawn." if _step(dataset) > 1 else "",
        style.left_out(dataset),
    )


def quantities(dataset: xr.Dataset) -> list[str]:
    """The variables to draw: the cosine without normalisation layers only where it differs."""
    same = np.allclose(dataset["cosine"], dataset["cosine_without_batch_norm"], atol=5e-4, equal_nan=True)
    return [name for name in NAMES if not (same and name == "cosine_without_batch_norm")]


def draw(dataset: xr.Dataset) -> Figure:
    """A row of matrices for every kept run, for papers."""
    dataset = dataset.isel(member=slice(TRAJECTORIES))
    names, scales = quantities(dataset), _scales(dataset)
    members = dataset.member.values
    epochs = [str(epoch) for epoch in dataset.epoch.values]
    with paper.looks():
        figure = paper.new_figure(0.6 + 3.3 * len(names), 0.2 + 2.9 * len(members), "compressed")
        panels = figure.subplots(len(members), len(names), squeeze=False)
        images = {}
        for (row, column), axes in np.ndenumerate(panels):
            name = names[column]
            images[name] = paper.heat_map(axes, _matrix(dataset, name, row), scales[name])
            paper.matrix_axes(axes, (epochs, epochs), ("Epoch (passes)", "Epoch (passes)"), LABELS)
            paper.panel_title(axes, f"{NAMES[name]}\nmember {members[row]}")
        # both cosines, with and without normalisation, share the key on the left
        paper.colour_bar(images["cosine"], panels[:, :-1], scales["cosine"], BARS["cosine"])
        paper.colour_bar(images["disagreement"], panels[:, -1:], scales["disagreement"], BARS["disagreement"])
        return paper.finish(figure, TITLE, caption(dataset))


def draw_interactive(dataset: xr.Dataset) -> Sheet:
    """A row of matrices for every kept run, for the page."""
    every = slice(None, None, _step(dataset))
    thinned = dataset.isel(member=slice(TRAJECTORIES), epoch=every, other_epoch=every)
    names, scales = quantities(dataset), _scales(dataset)
    members, epoch = thinned.member.values, thinned.epoch.values
    titles = [f"{NAMES[name]}<br>member {member}" for member in members for name in names]
    figure = web.panels(
        len(members), len(names), titles, 120 + 375 * len(members), title_lines=2, horizontal_spacing=0.16
    )
    for row, member in enumerate(members, start=1):
        for column, name in enumerate(names, start=1):
            hover = f"{NAMES[name]}, member {member}<br>epochs %{{y}} and %{{x}}: %{{z:.3f}}"
            matrix = _matrix(thinned, name, row - 1)
            web.heat_map(figure, (row, column), matrix, (epoch, epoch), key=_key(name), scale=scales[name], hover=hover)
    axes: dict[str, Any] = {"title": {"text": "Epoch (passes)"}}
    axes["tickvals"] = epoch[style.spread(len(epoch), LABELS)]
    figure.update_xaxes(**axes)
    figure.update_yaxes(**axes)
    web.first_column_titles(figure)
    web.colour_axis(figure, "coloraxis", scales["cosine"], len(names) - 1, len(members))
    web.colour_axis(figure, "coloraxis2", scales["disagreement"], len(names), len(members))
    return figure


def _scales(dataset: xr.Dataset) -> dict[str, style.Scale]:
    cosine = style.cosine_scale(dataset["cosine"].values, dataset["cosine_without_batch_norm"].values)
    return {"cosine": cosine, "cosine_without_batch_norm": cosine, "disagreement": style.SHARE}


def _key(name: str) -> str:
    return "coloraxis2" if name == "disagreement" else "coloraxis"


def _matrix(dataset: xr.Dataset, name: str, place: int) -> np.ndarray:
    return dataset[name].transpose("member", "epoch", "other_epoch").values[place]


def _step(dataset: xr.Dataset) -> int:
    return max(1, math.ceil(dataset.sizes["epoch"] / EPOCHS))
