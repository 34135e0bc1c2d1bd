"""Loss, accuracy and learning rate of every member, epoch by epoch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from modescape.analyses.requirements import left_out, trained, weights_of
from modescape.errors import NotEnough
from modescape.metrics.convergence import ending
from modescape.offered import Offered
from modescape.results import make_result

if TYPE_CHECKING:
    import xarray as xr


RMSE = {  # instead of the accuracies of a classification
    "train_rmse": ("train_rmse", "unit of the target", "training RMSE, running mean over the epoch"),
    "validation_rmse": ("validation_rmse", "unit of the target", "validation RMSE"),
}
VARIABLES = {  # name -> column of history.csv, units, long name
    "train_loss": ("train_loss", "nats", "training loss, running mean over the epoch"),
    "validation_loss": ("validation_loss", "nats", "validation loss"),
    "train_accuracy": ("train_accuracy", "1", "training accuracy, running mean over the epoch"),
    "validation_accuracy": ("validation_accuracy", "1", "validation accuracy"),
    "learning_rate": ("lr", "1", "learning rate at the start of the epoch"),
}

TREND = {"falling": -1.0, "flat": 0.0, "rising": 1.0, "unknown": np.nan}


def measure(offered: Offered) -> xr.Dataset:
    """Learning curves of the trained members, from their histories; NaN at epochs missing in a member's history.

    Args:
        offered: checkpoints. Numbers of training and validation examples are 0 where unknown.

    Raises:
        NotEnough: if no member is trained, or there are no histories.
    """
    members = trained(offered, 1, "the course of training")
    checkpoints = weights_of(offered, "the course of training")
    histories = [checkpoints.history(member) for member in members]
    if not any(len(history["epoch"]) for history in histories):
        raise NotEnough(f"the course of training needs histories; {offered.named} has none of its networks")
    epochs = np.unique(np.concatenate([history["epoch"] for history in histories]))
    variables = {name: about for name, about in VARIABLES.items() if "accuracy" not in name} | RMSE
    variables = VARIABLES if offered.task == "classification" else variables
    values = {name: np.full((len(members), len(epochs)), np.nan) for name in variables}
    for row, history in enumerate(histories):
        for name, (column, _, _) in variables.items():
            values[name][row, np.searchsorted(epochs, history["epoch"])] = history[column]
    found = ending(values["validation_loss"])
    return make_result(
        {
            **{
                name: (("member", "epoch"), values[name], units, long_name)
                for name, (_, units, long_name) in variables.items()
            },
            "end_change": (
                ("member",),
                found.change,
                "1",
                "change of the validation loss over the last quarter of the epochs, over the loss at the end",
            ),
            "trend": (
                ("member",),
                np.array([TREND[str(state)] for state in found.state]),
                "1",
                "whether that is one: -1 the loss still falls, 0 no, 1 it rises",
            ),
        },
        {"member": members, "epoch": epochs},
        title="Loss, accuracy and learning rate of every member",
        intervals="none",
        provenance=offered.provenance(examples=offered.examples.get("validation", 0), members=len(members), repeats=1),
        left_out=left_out(offered),
        split="validation",
        training_examples=offered.examples.get("train", 0),
    )
