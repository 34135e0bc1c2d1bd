"""Batch normalisation of stacked members in training, with the ReLU that may follow it."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function

from modescape.kernels.implementation import implementation
from modescape.kernels.layout import channels_last
from modescape.kernels.once import differentiable_once
from modescape.kernels.under_vmap import under_vmap


class _BatchNorm(Function):
    @staticmethod
    def forward(  # type: ignore[override]
        ctx: Any,
        x: Tensor,
        weight: Tensor | None,
        bias: Tensor | None,
        running_mean: Tensor | None,
        running_variance: Tensor | None,
        momentum: float,
        epsilon: float,
        relu: bool,
    ) -> Tensor:
        shape, inputs = x.shape, (x, weight, bias)  # the latter for `differentiable_once`
        x = _rows(x)
        dtype = torch.promote_types(x.dtype, torch.float32)
        ctx.has = weight is not None, bias is not None
        weight = x.new_ones(x.shape[0], x.shape[2], dtype=dtype) if weight is None else weight.contiguous()
        bias = x.new_zeros(x.shape[0], x.shape[2], dtype=dtype) if bias is None else bias.contiguous()
        ctx.version = "triton" if implementation(x) == "triton" else "torch"
        mean, scale = STATISTICS[ctx.version](x, running_mean, running_variance, momentum, epsilon)
        out = NORMALIZE[ctx.version](x, mean, scale, weight, bias, relu)
        ctx.save_for_backward(x, mean, scale, weight, bias, *inputs)
        ctx.relu, ctx.shape = relu, shape
        return _images(out, shape)

    @staticmethod
    @differentiable_once
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        x, mean, scale, weight, bias, *_ = ctx.saved_tensors
        gradients = BACKWARD[ctx.version]
        for_x, for_weight, for_bias = gradients(x, _rows(grad), mean, scale, weight, bias, ctx.relu)
        has_weight, has_bias = ctx.has
        parts = (for_weight if has_weight else None, for_bias if has_bias else None)
        return _images(for_x, ctx.shape), *parts, *[None] * 5


def batch_norm(
    x: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    running_mean: Tensor | None,
    running_variance: Tensor | None,
    momentum: float,
    epsilon: float,
    relu: bool = False,
) -> Tensor:
    """Normalise each member's channels over its batch, differentiable once; running statistics are updated in place.

    (x - mean) / sqrt(variance + epsilon) * weight + bias with the batch's own mean and biased variance; the running
    variance takes up the unbiased one, as torch's does.

    Args:
        x: [member, example, channel, height, width].
        weight: [member, channel] or None, for 1.
        bias: [member, channel] or None, for 0.
        running_mean: [member, channel] or None.
        running_variance: [member, channel] or None.
        momentum: weight of this batch in the running statistics.
        epsilon: added to the variance.
        relu: whether negative results become 0.
    """
    return _BatchNorm.apply(x, weight, bias, running_mean, running_variance, momentum, epsilon, relu)  # type: ignore[return-value]


batch_norm_under_vmap = under_vmap(batch_norm, tensors=5)
"""`batch_norm` from inside a network that is vmapped over members: the same arguments, without the member axis."""


def _rows(x: Tensor) -> Tensor:
    """Images [member, example, channel, height, width] as [member, row, channel] without gaps."""
    return channels_last(x, True).movedim(2, -1).flatten(1, 3)


def _images(rows: Tensor, shape: torch.Size) -> Tensor:
    members, examples, channels, height, width = shape
    return rows.view(members, examples, height, width, channels).movedim(-1, 2)


def _statistics_by_torch(
    x: Tensor, running_mean: Tensor | None, running_variance: Tensor | None, momentum: float, epsilon: float
) -> tuple[Tensor, Tensor]:
    dtype, rows = torch.promote_types(x.dtype, torch.float32), x.shape[1]
    variance, mean = torch.var_mean(x.to(dtype), 1, correction=0)
    if running_mean is not None and running_variance is not None:
        running_mean.lerp_(mean.to(running_mean.dtype), momentum)
        running_variance.lerp_((variance * (rows / max(rows - 1, 1))).to(running_variance.dtype), momentum)
    return mean, (variance + epsilon).rsqrt()


def _normalize_by_torch(x: Tensor, mean: Tensor, scale: Tensor, weight: Tensor, bias: Tensor, relu: bool) -> Tensor:
    out = (x.to(mean.dtype) - mean[:, None]) * (scale * weight)[:, None] + bias[:, None]
    return (torch.relu(out) if relu else out).to(x.dtype)


def _backward_by_torch(
    x: Tensor, grad: Tensor, mean: Tensor, scale: Tensor, weight: Tensor, bias: Tensor, relu: bool
) -> tuple[Tensor, Tensor, Tensor]:
    given, off = grad.to(mean.dtype), x.to(mean.dtype) - mean[:, None]
    if relu:
        given = given.masked_fill(off * (scale * weight)[:, None] + bias[:, None] <= 0, 0.0)
    normal = off * scale[:, None]
    plain, times = given.sum(1), (given * normal).sum(1)
    rows = x.shape[1]
    out = (scale * weight)[:, None] * (given - plain[:, None] / rows - normal * (times[:, None] / rows))
    return out.to(grad.dtype), times, plain


def _statistics_by_triton(*arguments: Any) -> tuple[Tensor, Tensor]:
    from modescape.kernels.gpu import batch_norm as gpu

    return gpu.statistics(*arguments)


def _normalize_by_triton(*arguments: Any) -> Tensor:
    from modescape.kernels.gpu import batch_norm as gpu

    return gpu.normalize(*arguments)


def _backward_by_triton(*arguments: Any) -> tuple[Tensor, Tensor, Tensor]:
    from modescape.kernels.gpu import batch_norm as gpu

    return gpu.backward(*arguments)


STATISTICS = {"torch": _statistics_by_torch, "triton": _statistics_by_triton}
NORMALIZE = {"torch": _normalize_by_torch, "triton": _normalize_by_triton}
BACKWARD = {"torch": _backward_by_torch, "triton": _backward_by_triton}
