"""Learning curves: loss and accuracy of every member on train and validation, and the learning rate."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np

from modescape.plots import style
from modescape.plots.charts import Chart, Panel, Series, span
from modescape.plots.scores import in_target_unit

if TYPE_CHECKING:
    import xarray as xr

TITLE = "Training"
MARKED_EPOCHS = 15  # up to this many epochs each is marked by a dot
SPLITS = {"train": ("Train", style.TRAIN_COLOUR), "validation": ("Validation", style.VALIDATION_COLOUR)}
QUANTITIES = {  # variable's ending: panel title, axis label, factor
    "loss": ("Loss: lower is better", "Mean loss (nats per example)", 1.0),
    "accuracy": ("Accuracy: higher is better", "Accuracy (%)", 100.0),
    "rmse": ("Root mean squared error: lower is better", "RMSE (unit of the target)", 1.0),
}


def caption(dataset: xr.Dataset) -> str:
    """The meaning of lines."""
    members = style.counted(dataset.sizes["member"], "member")
    return style.sentences(
        f"Thin lines: {members}, one line each; bold: their median.",
        "Train: running mean over the epoch, in training mode. Validation: after the epoch, in evaluation mode.",
        style.left_out(dataset),
    )


def describe(dataset: xr.Dataset) -> Chart:
    """Loss, accuracy and learning rate against the epoch."""
    panels = []
    for quantity, (title, label, factor) in QUANTITIES.items():
        if f"train_{quantity}" not in dataset:
            continue
        series = []
        for split, (name, colour) in SPLITS.items():
            curves = factor * dataset[f"{split}_{quantity}"].transpose("member", "epoch").values
            series += _lines(dataset, curves, colour, name)
        log = _is_wide(dataset, quantity)
        panels.append(_panel(dataset, _title(title, log), label, series, log_y=log))
    rates = dataset["learning_rate"].transpose("member", "epoch").values
    log = _spans_decades(rates)
    series = _lines(dataset, rates, style.NEUTRAL, "Learning rate", in_legend=False)
    most = span(rates)[1]
    limits: dict[str, Any] = {} if log or most <= 0 else {"y_range": (0.0, 1.05 * most)}
    rate = _panel(dataset, _title("Learning rate", log), "Learning rate", series, log_y=log, **limits)
    panels.append(dataclasses.replace(rate, wide=True, height=0.45))
    return Chart(title=TITLE, panels=panels, columns=2, panel_size=(3.6, 3.1), panel_height=390)


def _lines(dataset: xr.Dataset, curves: np.ndarray, colour: str, name: str, *, in_legend: bool = True) -> list[Series]:
    """A thin line for each member, and the median."""
    epoch, member = dataset.epoch.values, dataset.member.values
    marker: dict[str, Any] = {"marker": ("o", "circle")} if len(epoch) <= MARKED_EPOCHS else {}
    # all members in one series, a gap between two: a page of 64 members stays quick
    gaps = np.full((len(member), 1), np.nan)
    thin = Series(
        name=name,
        x=np.concatenate([np.broadcast_to(epoch, curves.shape), gaps], axis=1).ravel(),
        y=np.concatenate([curves, gaps], axis=1).ravel(),
        numbers=("member", np.repeat(member, len(epoch) + 1)),
        colour=colour,
        width=0.6,
        opacity=max(0.15, 0.6 / max(1, len(member) / 5)),
        in_legend=False,
    )
    bold = Series(
        name=f"{name} (bold: median)",
        x=epoch,
        y=middle(curves),
        colour=colour,
        width=2,
        size=3,
        in_legend=in_legend,
        **marker,
    )
    return [thin, bold]


def _panel(dataset: xr.Dataset, title: str, label: str, series: list[Series], **more: Any) -> Panel:
    epochs: dict[str, Any] = {"x_range": (0.0, 1.02 * _last_epoch(dataset)), "whole_x": True}
    label = in_target_unit(dataset, label)
    return Panel(title=title, x_label="Epoch", y_label=label, series=series, **epochs, **more)


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
    return quantity != "accuracy" and _spans_decades(
        np.stack([dataset[f"{split}_{quantity}"].values for split in SPLITS])
    )


def _spans_decades(values: np.ndarray) -> bool:
    finite = values[np.isfinite(values)]
    return bool(finite.size and finite.min() > 0 and finite.max() > 20 * finite.min())
