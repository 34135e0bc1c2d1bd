"""Initial weights as Keras and TensorFlow 1 draw them; all from torch's global generator, which the caller has seeded."""

from __future__ import annotations

import math

import torch
from torch import nn

TRUNCATED_SD = 0.87962566103423978  # standard deviation of a unit normal truncated at 2


def glorot_uniform(layer: nn.Conv2d | nn.Linear, *, bias: bool = False) -> None:
    """Glorot uniform kernels: U(-l, l), l = sqrt(6 / (fan_in + fan_out)); biases zero, or drawn too.

    For a vector of n biases TensorFlow 1's xavier initialiser takes fan_in = fan_out = n.

    Source: Glorot and Bengio 2010; biases: the paper's published notebook.
    """
    nn.init.xavier_uniform_(layer.weight)
    if layer.bias is None:
        return
    if bias:
        limit = math.sqrt(6 / (2 * layer.bias.numel()))
        nn.init.uniform_(layer.bias, -limit, limit)
    else:
        nn.init.zeros_(layer.bias)


def he_normal(layer: nn.Conv2d | nn.Linear) -> None:
    """Keras' he_normal: a normal truncated at two sd, with standard deviation sqrt(2 / fan_in); zero biases.

    Source: He et al. 2015, arXiv 1502.01852; keras.initializers.HeNormal.
    """
    fan_in = layer.weight[0].numel()
    sd = math.sqrt(2 / fan_in) / TRUNCATED_SD
    with torch.no_grad():
        nn.init.trunc_normal_(layer.weight, std=sd, a=-2 * sd, b=2 * sd)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
