"""Learning curves: loss and accuracy of every member on train and validation, and the learning rate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from modescape.plots import paper, style, web
from modescape.plots.sheet import Sheet, scatter

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TITLE = "Training"
MARKED_EPOCHS = 15  # up to this many epochs each is marked by a dot
SPLITS = {"train": ("Train", style.TRAIN_COLOUR), "validation": ("Validation", style.VALIDATION_COLOUR)}
QUANTITIES = {  # variable's ending: panel title, axis label, factor
    "loss": ("Loss: lower is better", "Mean loss (nats per example)", 1.0),
    "accuracy": ("Accuracy: higher is better", "Accuracy (%)", 100.0),
}


def caption(dataset: xr.Dataset) -> str:
    """What the lines are."""
    members = style.counted(dataset.sizes["member"], "member")
    return style.sentences(
        f"Thin lines: {members}, one line each; bold: their median.",
        "Train: running mean over the epoch, in training mode. Validation: after the epoch, in evaluation mode.",
        style.left_out(dataset),
    )


def draw(dataset: xr.Dataset) -> Figure:
    """Loss, accuracy and learning rate against the epoch, for papers."""
    with paper.looks():
        figure = paper.new_figure(7.2, 4.4)
        grid = figure.add_gridspec(2, 2, height_ratios=[3, 1])
        for column, quantity in enumerate(QUANTITIES):
            axes = figure.add_subplot(grid[0, column])
            title, label, factor = QUANTITIES[quantity]
            for split, (name, colour) in SPLITS.items():
                curves = factor * dataset[f"{split}_{quantity}"].transpose("member", "epoch").values
                _lines(axes, dataset.epoch.values, curves, colour, name)
            _finish_axes(axes, dataset, title, label, _is_wide(dataset, quantity))
            axes.legend(loc="best")
        axes = figure.add_subplot(grid[1, :])
        rates = dataset["learning_rate"].transpose("member", "epoch").values
        _lines(axes, dataset.epoch.values, rates, style.NEUTRAL, "")
        _finish_axes(axes, dataset, "Learning rate", "Rate (1)", _spans_decades(rates))
        if axes.get_yscale() == "linear":
            axes.set_ylim(bottom=0)
        return paper.finish(figure, TITLE, caption(dataset))


def _lines(axes: Axes, epoch: np.ndarray, curves: np.ndarray, colour: str, name: str) -> None:
    marker = "o" if len(epoch) <= MARKED_EPOCHS else None
    opacity = max(0.12, 0.5 / max(1, len(curves) / 5))
    axes.plot(epoch, curves.T, color=colour, linewidth=0.6, alpha=opacity)
    axes.plot(epoch, middle(curves), color=colour, linewidth=2, marker=marker, markersize=3, label=name)


def _finish_axes(axes: Axes, dataset: xr.Dataset, title: str, label: str, log: bool) -> None:
    from matplotlib.ticker import MaxNLocator

    if log:
        axes.set_yscale("log")
    paper.panel_title(axes, _title(title, log))
    axes.set_xlim(0, 1.02 * _last_epoch(dataset))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("Epoch (passes over the training split)")
    axes.set_ylabel(label)


def draw_interactive(dataset: xr.Dataset) -> Sheet:
    """Loss, accuracy and learning rate against the epoch, for the page."""
    titles = [_title(title, _is_wide(dataset, quantity)) for quantity, (title, _, _) in QUANTITIES.items()]
    titles.append(_title("Learning rate", _spans_decades(dataset["learning_rate"].values)))
    grid = [[1, 1], [2, 0]]
    figure = web.panels(2, 2, titles, 560, grid=grid, row_heights=[0.74, 0.26], vertical_spacing=0.2)
    for column, (quantity, (_, label, factor)) in enumerate(QUANTITIES.items(), start=1):
        for split, (name, colour) in SPLITS.items():
            curves = factor * dataset[f"{split}_{quantity}"].transpose("member", "epoch").values
            _traces(figure, (1, column), dataset, curves, colour, name)
        _axes(figure, (1, column), dataset, label, _is_wide(dataset, quantity))
    rates = dataset["learning_rate"].transpose("member", "epoch").values
    _traces(figure, (2, 1), dataset, rates, style.NEUTRAL, "Learning rate")
    _axes(figure, (2, 1), dataset, "Rate (1)", _spans_decades(rates))
    figure.update_yaxes(rangemode="tozero", row=2, col=1)  # no effect on a logarithmic axis
    return figure


def _traces(
    figure: Sheet, place: tuple[int, int], dataset: xr.Dataset, curves: np.ndarray, colour: str, name: str
) -> None:

    epoch, member = dataset.epoch.values, dataset.member.values
    shown = {"legendgroup": name, "hoverlabel": {"namelength": -1}}
    # all members in one trace, a gap between two: a page of 64 members stays quick
    gaps = np.full((len(member), 1), np.nan)
    thin = scatter(
        x=np.concatenate([np.broadcast_to(epoch, curves.shape), gaps], axis=1).ravel().astype(np.float32),
        y=np.concatenate([curves, gaps], axis=1).ravel(),
        customdata=np.repeat(member, len(epoch) + 1),
        mode="lines",
        line={"color": style.transparent(colour, max(0.15, 0.6 / max(1, len(member) / 5))), "width": 1},
        hovertemplate=f"{name}, member %{{customdata}}<br>epoch %{{x}}: %{{y:.4g}}<extra></extra>",
        name=name,
        showlegend=False,
        **shown,
    )
    bold = scatter(
        x=epoch,
        y=middle(curves),
        mode="lines+markers" if len(epoch) <= MARKED_EPOCHS else "lines",
        line={"color": colour, "width": 3},
        hovertemplate=f"{name}, median<br>epoch %{{x}}: %{{y:.4g}}<extra></extra>",
        name=f"{name} (bold: median of members)",
        showlegend=place == (1, 1),
        **shown,
    )
    figure.add_trace(thin, *place)
    figure.add_trace(bold, *place)


def _axes(figure: Sheet, place: tuple[int, int], dataset: xr.Dataset, label: str, log: bool) -> None:
    row, column = place
    last = _last_epoch(dataset)
    digits: dict[str, Any] = {"dtick": 1} if last <= 10 else {}
    figure.update_xaxes(title={"text": "Epoch (passes)"}, range=[0, 1.02 * last], row=row, col=column, **digits)
    scale = {"type": "log", "dtick": "D2" if label.startswith("Mean") else 1} if log else {}
    figure.update_yaxes(title={"text": label}, exponentformat="power", row=row, col=column, **scale)


def middle(curves: np.ndarray) -> np.ndarray:
    """Median over members, of those that have a value; [member, epoch] -> [epoch]."""
    there = np.isfinite(curves).any(axis=0)
    median = np.full(curves.shape[1], np.nan)
    if there.any():
        median[there] = np.nanmedian(curves[:, there], axis=0)
    return median


def _title(text: str, log: bool) -> str:
    return f"{text} (log scale)" if log else text


def _last_epoch(dataset: xr.Dataset) -> float:
    return float(max(dataset.epoch.values.max(initial=1), 1))


def _is_wide(dataset: xr.Dataset, quantity: str) -> bool:
    """Whether a loss needs a logarithmic axis; an accuracy never does."""
    return quantity == "loss" and _spans_decades(np.stack([dataset[f"{split}_loss"].values for split in SPLITS]))


def _spans_decades(values: np.ndarray) -> bool:
    finite = values[np.isfinite(values)]
    return bool(finite.size and finite.min() > 0 and finite.max() > 20 * finite.min())
