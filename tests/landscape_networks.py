"""Shared by the tests of landscapes and curvature: small networks, losses with closed forms, and data."""

from __future__ import annotations

import torch
from torch import nn

from modescape import rng

CLASSES = 3


def numbers(*shape, name="numbers", number=0):
    return torch.randn(*shape, generator=rng.stream(0, f"test {name}", number), dtype=torch.float64)


def seeded(network, number=0):
    """A float64 network whose parameters are drawn from a seeded stream."""
    network = network.double()
    with torch.no_grad():
        for place, tensor in enumerate(network.parameters()):
            tensor.copy_(
                numbers(*tensor.shape, name=f"weights {number}", number=place) / max(1, tensor[0].numel()) ** 0.5
            )
    return network


def data(examples=24, features=4, batches=2):
    inputs = numbers(examples, features, name="inputs")
    labels = torch.arange(examples) % CLASSES
    return list(zip(inputs.chunk(batches), labels.chunk(batches), strict=True))


def mlp(norm=False, number=0):
    layers = [nn.Linear(4, 6), *([nn.BatchNorm1d(6)] if norm else []), nn.ReLU(), nn.Linear(6, CLASSES)]
    network = seeded(nn.Sequential(*layers), number)
    if norm:
        with torch.no_grad():
            network[1].weight.add_(1)
            network.train()(numbers(30, 4, name="statistics", number=number))
    return network.eval()


class Quadratic(nn.Module):
    """Outputs 1/2 w A w + b w for every example, whatever the input."""

    def __init__(self, size=5):
        super().__init__()
        root = numbers(size, size, name="root")
        self.register_buffer("matrix", root @ root.T / size - 0.5 * torch.eye(size, dtype=torch.float64))
        self.register_buffer("slope", numbers(size, name="slope"))
        self.weight = nn.Parameter(numbers(size, name="place"))

    def forward(self, inputs):
        value = 0.5 * self.weight @ self.matrix @ self.weight + self.slope @ self.weight
        return value.expand(len(inputs))


def as_said(output, target):
    """The loss of `Quadratic`: the mean of its output."""
    return output.mean()


BLANK = [(torch.zeros(3, 1, dtype=torch.float64), torch.zeros(3, dtype=torch.float64))]
