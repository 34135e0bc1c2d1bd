"""A realistic made-up result, in the schema of docs/results.md, for tests of the figure and of the words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from modescape import results
from modescape.analyses.examples import about

if TYPE_CHECKING:
    import xarray as xr


def example(members: int = 10, epochs: int = 10) -> xr.Dataset:
    """Learning curves: fast at first, then a growing gap between train and validation."""
    random = np.random.default_rng(0)
    epoch = np.arange(1, epochs + 1)
    progress = epoch / epochs
    noise = random.normal(0, 0.012, (4, members, epochs)) + random.normal(0, 0.008, (4, members, 1))
    train_loss = (0.55 + 1.3 * np.exp(-4 * progress)) * np.exp(noise[0])
    validation_loss = (0.92 + 0.9 * np.exp(-5 * progress) + 0.1 * progress**2) * np.exp(noise[1])
    train_accuracy = np.clip(0.81 - 0.5 * np.exp(-4 * progress) + noise[2] / 2, 0, 1)
    validation_accuracy = np.clip(0.69 - 0.35 * np.exp(-5 * progress) + noise[3], 0, 1)
    rate = np.broadcast_to(1.6e-3 * 0.5 ** ((epoch - 1) // 10), (members, epochs))
    dims = ("member", "epoch")
    return results.make_result(
        {
            "train_loss": (dims, train_loss, "nats", "training loss, running mean over the epoch"),
            "validation_loss": (dims, validation_loss, "nats", "validation loss"),
            "train_accuracy": (dims, train_accuracy, "1", "training accuracy, running mean over the epoch"),
            "validation_accuracy": (dims, validation_accuracy, "1", "validation accuracy"),
            "learning_rate": (dims, rate, "1", "learning rate at the start of the epoch"),
        },
        {"member": np.arange(members), "epoch": epoch},
        title="Loss, accuracy and learning rate of every member",
        **about(members),
    )
