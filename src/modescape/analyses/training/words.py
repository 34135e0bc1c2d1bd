"""What the section says: its title, what is shown, how to read it, and its summary."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from modescape.analyses.training.convergence import nearly_flat, not_converged
from modescape.wording.numbers import accuracy, count, fixed, significant
from modescape.wording.summary import Summary
from modescape.wording.text import Text

if TYPE_CHECKING:
    import xarray as xr

TEXT = Text(
    "Training",
    "Loss, accuracy and learning rate of every member after each epoch, on the training images and on validation "
    "images that no member was trained on.",
    "Each line is one network; their spread is the variation between networks that differ only in their random "
    "numbers. Training curves are running means over an epoch, with dropout and other training noise active, so early "
    "on they can look worse than validation. Where the validation loss rises while the training loss still falls, the "
    "networks are becoming overconfident; where it is still falling at the end, they have not converged. A loss that "
    "is flat at the end does not prove convergence: a learning rate that decays to 0 flattens any loss.",
)

NUMBERS = Text(  # of a regression
    "Training",
    "Loss, root mean squared error and learning rate of every member after each epoch, on the training examples and "
    "on validation examples that no member was trained on. The loss is of standardised targets, the error is in the "
    "target's unit.",
    "Each line is one network; their spread is the variation between networks that differ only in their random "
    "numbers. Training curves are running means over an epoch, with dropout and other training noise active. Where "
    "the validation loss rises while the error stays level, the predicted variances are becoming too small; where "
    "both rise, the means are overfitting; where they are still falling at the end, the networks have not converged.",
)


def summarize(dataset: xr.Dataset) -> Summary:
    """What the figure shows, in a sentence and a table."""
    numbers = "train_rmse" in dataset  # a regression
    told, words = ("rmse", "RMSE") if numbers else ("accuracy", "accuracy")
    written = partial(significant, digits=3) if numbers else accuracy
    rows = []
    for member in dataset["member"].values:
        last = dataset.sel(member=member).dropna("epoch", subset=["train_loss"])
        if not last.sizes["epoch"]:
            continue
        last = last.isel(epoch=-1)
        shares = [written(float(last[key])) for key in (f"train_{told}", f"validation_{told}")]
        losses = [fixed(float(last[key]), 3) for key in ("train_loss", "validation_loss")]
        rows.append((str(member), str(int(last["epoch"])), losses[0], losses[1], *shares))
    start, end = (dataset[f"validation_{told}"].dropna("epoch", how="all") for _ in range(2))
    first, final = (float(values.isel(epoch=at).mean()) for values, at in ((start, 0), (end, -1)))
    text = (
        f"Line chart over epochs of loss, {words} and learning rate for {count(len(rows), 'member')}. "
        f"Mean validation {words} goes from {written(first)} after the first epoch to {written(final)} at the end."
        f"{_stopped(dataset)}"
    )
    header = ("member", "epoch", "train loss", "validation loss", f"train {words}", f"validation {words}")
    return Summary(text, header, tuple(rows), takeaway=_takeaway(dataset))


def _stopped(dataset: xr.Dataset) -> str:
    """How many members stopped early, in a sentence after a space; no schedule begins an epoch at a rate of 0."""
    still = dataset["learning_rate"] == 0
    if not still.any():
        return ""
    epochs = (dataset["learning_rate"] > 0).sum("epoch").where(still.any("epoch"), drop=True)
    return (
        f" {count(epochs.size, 'member')} stopped early, after {int(epochs.min())} to {int(epochs.max())} epochs: from "
        "then on the lines show the best epoch, whose weights are the solution."
    )


def _takeaway(dataset: xr.Dataset) -> str:
    """Whether members had converged, else how good they are at the end."""
    if found := not_converged(dataset):
        return found
    numbers = "train_rmse" in dataset
    told, words = ("rmse", "RMSE") if numbers else ("accuracy", "accuracy")
    values = dataset[f"validation_{told}"].dropna("epoch", how="all")
    if not values.sizes["epoch"]:
        return ""
    written = partial(significant, digits=3) if numbers else accuracy
    last = values.isel(epoch=-1)
    flat = "trend" in dataset and bool((dataset["trend"].values == 0).all())
    return (
        f"At the end the mean validation {words} of {count(dataset.sizes['member'], 'member')} is "
        f"{written(float(last.mean()))} (members: {written(float(last.min()))} to {written(float(last.max()))})"
        f"{f'; {nearly_flat(dataset)}' if flat else ''}."
    )
