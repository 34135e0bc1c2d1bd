"""What the built-in networks share: Keras' initialisers, its "same" padding, and the check of the image size."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from modescape.errors import InputError

ImageShape = tuple[int, int, int]
"""(channels, height, width)."""

TRUNCATED_STD = 0.87962566103423978  # of a standard normal cut at -2 and 2; Keras divides by it to keep the variance


class SameConv2d(nn.Conv2d):
    """A strided convolution padded as TensorFlow's "same": an odd pixel of padding goes to the bottom and the right.

    Torch's ``padding=1`` puts it to the top and the left, which shifts every second feature map by a pixel.
    """

    def forward(self, input: Tensor) -> Tensor:
        """[example, channel, height, width] -> [example, filter, ceil(height / stride), ceil(width / stride)]."""
        padding: list[int] = []
        for size, kernel, stride in zip(input.shape[:1:-1], self.kernel_size[::-1], self.stride[::-1], strict=True):
            missing = max((-(-size // stride) - 1) * stride + kernel - size, 0)
            padding += [missing // 2, missing - missing // 2]
        return super().forward(functional.pad(input, padding))


class GlobalAveragePool(nn.Module):
    """The mean of each feature map, [example, channel, height, width] -> [example, channel]."""

    def forward(self, input: Tensor) -> Tensor:
        """Mean over the last two dimensions."""
        return input.mean((-2, -1))


def batch_norm(channels: int) -> nn.BatchNorm2d:
    """Batch normalisation with Keras' defaults: epsilon 1e-3, momentum .99 (torch counts the new share, .01)."""
    return nn.BatchNorm2d(channels, eps=1e-3, momentum=0.01)


def fans(weight: Tensor) -> tuple[int, int]:
    """Inputs and outputs of one unit: kernels [out, in, ...]; a vector [c] counts c and c, as in TensorFlow."""
    if weight.dim() < 2:
        return weight.shape[0], weight.shape[0]
    field = weight[0, 0].numel()
    return weight.shape[1] * field, weight.shape[0] * field


@torch.no_grad()
def glorot_uniform(weight: Tensor) -> None:
    """Fill with U(-l, l), l = sqrt(6 / (fan_in + fan_out)).

    Source: Glorot and Bengio 2010; the default of Keras, `xavier_initializer` of TensorFlow 1.
    """
    limit = math.sqrt(6 / sum(fans(weight)))
    weight.uniform_(-limit, limit)


@torch.no_grad()
def he_normal(weight: Tensor) -> None:
    """Fill with a normal of variance 2 / fan_in, cut at two standard deviations of the normal before the cut.

    Source: He et al. 2015, arXiv 1502.01852; Keras' `he_normal`.
    """
    std = math.sqrt(2 / fans(weight)[0]) / TRUNCATED_STD
    nn.init.trunc_normal_(weight, std=std, a=-2 * std, b=2 * std)


def initialize(module: nn.Module, kernel: str, bias: str = "zeros") -> None:
    """Draw the weights of all convolutions and dense layers, in the order of the layers."""
    fill = {"glorot_uniform": glorot_uniform, "he_normal": he_normal, "zeros": nn.init.zeros_}
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            fill[kernel](layer.weight)
            if layer.bias is not None:
                fill[bias](layer.bias)


def require_size(name: str, image_shape: ImageShape, smallest: int) -> None:
    """Refuse images that leave nothing after the pooling layers.

    Raises:
        InputError: naming the smallest size.
    """
    _, height, width = image_shape
    if min(height, width) < smallest:
        raise InputError(
            f"{name} needs images of at least {smallest} x {smallest} pixels, these are {height} x {width}; "
            "choose another model, such as small_cnn"
        )
