"""Networks that fail for some members, which a factory recognises by the seed of their initialisation."""

from __future__ import annotations

import os
from pathlib import Path

import torch
from torch import nn

from modescape import rng

SEED = 0  # the seed of the recipe digits


def is_one_of(members: list[int]) -> bool:
    """Whether the network being made belongs to one of these members."""
    seeds = {rng.key(SEED, "initialisation", member) & (1 << 63) - 1 for member in members}
    return torch.initial_seed() in seeds


def healthy(num_classes: int) -> nn.Module:
    """A tiny network with every layer that analyses treat specially: convolution, batch norm, dropout."""
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, stride=2), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout(0.1), nn.Flatten(),
        nn.Linear(36, num_classes),
    )  # fmt: skip


def exploding(num_classes: int, members: list[int]) -> nn.Module:
    """A factory that gives some members such large last weights that their loss overflows in the first epoch."""
    network = healthy(num_classes)
    if is_one_of(members):
        with torch.no_grad():
            network[-1].weight.mul_(1e38)
    return network


def refusing(num_classes: int, members: list[int]) -> nn.Module:
    """A factory that raises for some members."""
    if is_one_of(members):
        raise ValueError("no such network")
    return healthy(num_classes)


class Touchy(nn.Module):
    """Raises in training if the weights are marked, and in evaluation on more than 20 images while a file exists."""

    def __init__(self, num_classes: int, marked: bool) -> None:
        super().__init__()
        self.layers = healthy(num_classes)
        if marked:
            with torch.no_grad():
                self.layers[-1].bias[0] = 1000.0

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        if self.training and self.layers[-1].bias[0] > 900:
            raise ArithmeticError("a step went wrong")
        if not self.training and len(images) > 20 and Path(os.environ.get("MODESCAPE_TEST_RAISE") or "-").exists():
            raise ArithmeticError("a prediction went wrong")
        return self.layers(images)


def touchy(num_classes: int, members: list[int]) -> nn.Module:
    """Networks that raise in their forward pass."""
    return Touchy(num_classes, is_one_of(members))
