"""Trajectories in the space of predictions, drawn in the plane: t-SNE, and beside it PCA, which keeps distances."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from modescape.plots import paper, style, web
from modescape.plots.sheet import Sheet, scatter

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TITLE = "Trajectories in the space of predictions"
NAMED_MEMBERS = 12  # more are drawn without a name in the legend
MARKED_EPOCHS = 20  # a path carries about this many dots at most


def caption(dataset: xr.Dataset) -> str:
    """How to read the two maps, and what not to read into them."""
    return style.sentences(
        f"A point is a checkpoint's predicted probabilities on {style.tested_on(dataset)}; a path is",
        "one run, from its initialisation (star) to its last epoch (large dot), a small dot every",
        f"{_step_words(dataset)}. t-SNE keeps neighbours and draws arms of its own: distances in it mean nothing.",
        "PCA keeps distances as far as the shares of variance say.",
        style.left_out(dataset),
    )


def path(dataset: xr.Dataset, method: int, member: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Epochs and places of a member's checkpoints in order of the epoch; three arrays of shape [epoch]."""
    mine = np.flatnonzero(dataset["member"].values == member)
    mine = mine[np.argsort(dataset["epoch"].values[mine], kind="stable")]
    x, y = (dataset[axis].transpose("method", "model").values[method, mine] for axis in ("x", "y"))
    return dataset["epoch"].values[mine], x, y


def draw(dataset: xr.Dataset) -> Figure:
    """t-SNE and PCA side by side, for papers."""
    from matplotlib.lines import Line2D

    members = _members(dataset)
    with paper.looks():
        figure = paper.new_figure(7.6, 3.8)
        panels = figure.subplots(1, dataset.sizes["method"], squeeze=False)[0]
        for method, axes in enumerate(panels):
            for place, member in enumerate(members):
                _draw_path(axes, dataset, method, member, style.member_colour(place))
            paper.panel_title(axes, str(dataset["method"].values[method]))
            axes.set_xlabel(_axis_label(dataset, method, 0))
            axes.set_ylabel(_axis_label(dataset, method, 1))
            axes.set_aspect("equal", adjustable="datalim")
            axes.margins(0.08)
            axes.locator_params(nbins=6)
        keys = [
            Line2D([], [], color=style.member_colour(place), marker="o", markersize=6, label=f"Member {member}")
            for place, member in enumerate(members[:NAMED_MEMBERS])
        ]
        grey: dict[str, Any] = {"color": "0.4", "linestyle": "none"}
        keys.append(Line2D([], [], marker="*", markersize=9, markerfacecolor="white", label="Epoch 0", **grey))
        keys.append(Line2D([], [], marker="o", markersize=6, label="Last epoch", **grey))
        return paper.finish(figure, TITLE, caption(dataset), keys)


def _draw_path(axes: Axes, dataset: xr.Dataset, method: int, member: int, colour: str) -> None:
    epoch, x, y = path(dataset, method, member)
    dots = slice(None, None, _step(dataset))
    axes.plot(x, y, color=colour, linewidth=1, alpha=0.6)
    axes.plot(x[dots], y[dots], color=colour, marker="o", markersize=2.2, linestyle="none")
    axes.plot(x[-1:], y[-1:], color=colour, marker="o", markersize=7, linestyle="none")
    if epoch[0] == 0:
        axes.plot(x[:1], y[:1], color=colour, marker="*", markersize=10, markerfacecolor="white", linestyle="none")


def draw_interactive(dataset: xr.Dataset) -> Sheet:
    """t-SNE and PCA side by side, for the page; member and epoch are under the pointer."""
    methods = [style.escaped(method) for method in dataset["method"].values]
    figure = web.panels(1, len(methods), methods, 520)
    for method in range(len(methods)):
        for place, member in enumerate(_members(dataset)):
            _trace(figure, dataset, method, member, place)
        column = method + 1
        figure.update_xaxes(title={"text": _axis_label(dataset, method, 0)}, row=1, col=column)
        anchor = figure.anchor((1, column))
        # a range is widened until both axes have one scale; panels keep their size
        figure.update_yaxes(title={"text": _axis_label(dataset, method, 1)}, scaleanchor=anchor, row=1, col=column)
    _trace_keys(figure)
    web.legend_rows(figure, math.ceil((min(len(_members(dataset)), NAMED_MEMBERS) + 2) / 4))
    return figure


def _trace(figure: Sheet, dataset: xr.Dataset, method: int, member: int, place: int) -> None:

    epoch, x, y = path(dataset, method, member)
    colour, step = style.member_colour(place), _step(dataset)
    size = np.where(np.arange(len(epoch)) % step == 0, 5, 0)
    symbol = np.full(len(epoch), "circle", dtype=object)
    size[-1] = 12
    if epoch[0] == 0:
        size[0], symbol[0] = 13, "star-open"
    shared = {"x": x.astype(np.float32), "y": y.astype(np.float32), "legendgroup": str(member)}
    line = scatter(
        mode="lines",
        line={"color": style.transparent(colour, 0.6), "width": 2},
        name=f"Member {member}",
        showlegend=method == 0 and place < NAMED_MEMBERS,
        hoverinfo="skip",
        **shared,
    )
    dots = scatter(
        mode="markers",
        customdata=epoch,
        marker={"color": colour, "size": size, "symbol": symbol.tolist(), "opacity": 1, "line": {"width": 0}},
        hovertemplate=f"member {member}, epoch %{{customdata}}<extra></extra>",
        showlegend=False,
        **shared,
    )
    figure.add_trace(line, 1, method + 1)
    figure.add_trace(dots, 1, method + 1)


def _trace_keys(figure: Sheet) -> None:
    """Say in the legend what star and large dot are."""
    for name, symbol in (("Star: epoch 0", "star-open"), ("Large dot: last epoch", "circle")):
        marker = {"color": style.NEUTRAL, "size": 11, "symbol": symbol}
        figure.add_trace(scatter(x=[None], y=[None], mode="markers", marker=marker, name=name), 1, 1)


def _members(dataset: xr.Dataset) -> list[int]:
    return [int(member) for member in np.unique(dataset["member"].values)]


def _axis_label(dataset: xr.Dataset, method: int, axis: int) -> str:
    share = float(dataset["variance_share"].transpose("method", "draw").values[method, axis])
    name = "Horizontal" if axis == 0 else "Vertical"
    return f"Component {axis + 1} ({100 * share:.0f} % of variance)" if math.isfinite(share) else f"{name} (no unit)"


def _step(dataset: xr.Dataset) -> int:
    epochs = len(np.unique(dataset["epoch"].values))
    return max(1, math.ceil((epochs - 1) / MARKED_EPOCHS))


def _step_words(dataset: xr.Dataset) -> str:
    return "epoch" if _step(dataset) == 1 else f"{_step(dataset)} epochs"
