"""The network for tables: an MLP, with embeddings for categories that come as codes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from modescape.errors import InputError
from modescape.models.layers import initialize

ACTIVATIONS = {"relu": nn.ReLU, "gelu": nn.GELU, "silu": nn.SiLU, "tanh": nn.Tanh}
NORMS = {"batch": nn.BatchNorm1d, "layer": nn.LayerNorm}
MOST_EMBEDDED = 50  # largest embedding of a category; half its number of values, rounded up, if less


class Mlp(nn.Module):
    """Features concatenated with embeddings of categories, then `body`."""

    def __init__(self, embeddings: Sequence[nn.Module], body: nn.Module) -> None:
        super().__init__()
        self.embeddings, self.body = nn.ModuleList(embeddings), body

    def forward(self, features: Tensor, codes: Tensor | None = None) -> Tensor:
        """[example, feature] and codes [example, category] -> [example, class]."""
        if codes is not None:
            embedded = [layer(codes[:, place]) for place, layer in enumerate(self.embeddings)]
            features = torch.cat([features, *embedded], 1)
        return self.body(features)


def mlp(
    features: int,
    num_classes: int,
    widths: Sequence[int] = (64, 64),
    activation: Literal["relu", "gelu", "silu", "tanh"] = "relu",
    dropout: float = 0.0,
    norm: Literal["none", "batch", "layer"] = "none",
    categories: Sequence[int] = (),
) -> Mlp:
    """An MLP: linear layers, each with optional normalisation, an activation and optional dropout.

    Args:
        features: number of numeric features.
        num_classes: outputs.
        widths: units of each hidden layer; none: a linear model.
        activation: after each hidden layer.
        dropout: share of the activations dropped after each hidden layer.
        norm: before each activation.
        categories: values of each category, the unknown one included, where categories come as codes.

    Raises:
        InputError: on an unknown activation or normalisation.
    """
    if activation not in ACTIVATIONS or norm not in (*NORMS, "none"):
        raise InputError(
            f"mlp: activation is {activation!r} and norm {norm!r}, expected one of {', '.join(ACTIVATIONS)} and of "
            f"none, {', '.join(NORMS)}"
        )
    sizes = [min(MOST_EMBEDDED, -(-values // 2)) for values in categories]
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    inputs = features + sum(sizes)
    for number, width in enumerate(widths, start=1):
        layers[f"dense{number}"] = nn.Linear(inputs, width)
        if norm != "none":
            layers[f"norm{number}"] = NORMS[norm](width)
        layers[f"{activation}{number}"] = ACTIVATIONS[activation]()
        if dropout:
            layers[f"dropout{number}"] = nn.Dropout(dropout)
        inputs = width
    layers["output"] = nn.Linear(inputs, num_classes)
    embeddings = [nn.Embedding(values, size) for values, size in zip(categories, sizes, strict=True)]
    module = Mlp(embeddings, nn.Sequential(layers))
    initialize(module, kernel="he_normal")
    return module
