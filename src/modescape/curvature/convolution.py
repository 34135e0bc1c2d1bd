"""Convolutions whose gradients are themselves cheap to differentiate.

A Hessian-vector product differentiates the graph of a gradient. Torch's formula for that copies images and kernels into
another layout for every convolution, and differentiates batch norm in evaluation mode with two dozen passes over the
images. Here the gradient of a convolution has the six products that it needs, in the layout of the images, and a batch
norm with fixed statistics, which scales and shifts each channel, is folded into the convolution before it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias

import torch
import torch._C._functorch as functorch
import torch.nn.functional as functional
from torch import Tensor
from torch.overrides import TorchFunctionMode


class Sliding(NamedTuple):
    """Stride, padding, dilation and groups, in torch's order."""

    stride: list[int]
    padding: list[int]
    dilation: list[int]
    transposed: bool
    output_padding: list[int]
    groups: int

    @classmethod
    def of(cls, axes: int, stride: Any, padding: Any, dilation: Any, groups: int) -> Sliding:
        """For a convolution over ``axes`` axes; a single number applies to all of them."""
        each = [[value] * axes if isinstance(value, int) else list(value) for value in (stride, padding, dilation)]
        stride, padding, dilation = ([*value] * (axes // len(value)) for value in each)
        return cls(stride, padding, dilation, False, [0] * axes, groups)


class _Before(NamedTuple):
    """A convolution whose output may next be scaled and shifted per channel, by a batch norm."""

    output: Tensor
    version: int  # of the output tensor; differs once that was changed in place
    input: Tensor
    weight: Tensor
    bias: Tensor | None
    sliding: Sliding


_Ready: TypeAlias = "tuple[Tensor, Tensor, Tensor] | None"


class _Convolution(torch.autograd.Function):
    """Torch's convolution; its gradient is `_Slopes`, which is differentiable."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, sliding: Sliding, ready: _Ready) -> Tensor:
        """``ready``: the output before the scale and shift of each channel that weight and bias already include."""
        ctx.save_for_backward(x, weight)
        ctx.set_materialize_grads(False)
        ctx.sliding = sliding
        if ready is None:
            return torch.convolution(x, weight, bias, *sliding)
        output, scale, shift = ready
        return torch.addcmul(shift, output, scale)

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor | None) -> Any:
        """Gradients of input, weight and bias."""
        (slope,) = slopes
        if slope is None:
            return None, None, None, None, None
        return *_Slopes.apply(slope, *ctx.saved_tensors, ctx.sliding, list(ctx.needs_input_grad[:3])), None, None


class _Slopes(torch.autograd.Function):
    """Gradients of a convolution: bilinear in any two of the output's gradient, the input and the weight."""

    @staticmethod
    def forward(ctx: Any, slope: Tensor, x: Tensor, weight: Tensor, sliding: Sliding, wanted: list[bool]) -> Any:
        """Gradients of the input, the weight and the bias, those that are wanted."""
        ctx.save_for_backward(slope, x, weight)
        ctx.set_materialize_grads(False)
        ctx.sliding = sliding
        return _gradients(slope, x, weight, sliding, wanted)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, along_x: Tensor | None, along_weight: Tensor | None, along_bias: Tensor | None) -> Any:
        """Gradients of the output's gradient, the input and the weight."""
        slope, x, weight = ctx.saved_tensors
        needs, own = ctx.needs_input_grad, ctx.sliding
        for_slope, for_x, for_weight = None, None, None
        if along_x is not None:
            if needs[0]:
                for_slope = torch.convolution(along_x, weight, along_bias, *own)
                along_bias = None
            if needs[2]:
                for_weight = _gradients(slope, along_x, weight, own, [False, True, False])[1]
        if along_weight is not None:
            if needs[0]:
                term = torch.convolution(x, along_weight, along_bias, *own)
                for_slope = term if for_slope is None else for_slope.add_(term)
                along_bias = None
            if needs[1]:
                for_x = _gradients(slope, x, along_weight, own, [True, False, False])[0]
        if along_bias is not None and needs[0]:
            spread = along_bias.view(-1, *[1] * (slope.dim() - 2)).expand_as(slope)
            for_slope = spread if for_slope is None else for_slope + spread
        return for_slope, for_x, for_weight, None, None


def _gradients(slope: Tensor, x: Tensor, weight: Tensor, sliding: Sliding, wanted: list[bool]) -> Any:
    return torch.ops.aten.convolution_backward.default(slope, x, weight, [len(weight)], *sliding, wanted)


class TwiceDifferentiable(TorchFunctionMode):
    """Within this block, convolutions and batch norm in evaluation mode have gradients that are cheap to differentiate.

    The functions are the same up to rounding. Gradients are torch's, and can be differentiated once more.
    """

    def __init__(self) -> None:
        super().__init__()
        self.before: _Before | None = None

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """One call of a function of torch."""
        kwargs = kwargs or {}
        if func in _AXES:
            return self._convolution(func, *args, **kwargs)
        if func is functional.batch_norm:
            return self._batch_norm(*args, **kwargs)
        return func(*args, **kwargs)

    def _convolution(
        self,
        function: Any,
        input: Tensor,
        weight: Tensor,
        bias: Tensor | None = None,
        stride: int | Sequence[int] = 1,
        padding: int | Sequence[int] | str = 0,
        dilation: int | Sequence[int] = 1,
        groups: int = 1,
    ) -> Tensor:
        axes = _AXES[function]
        if input.dim() != axes + 2 or isinstance(padding, str) or weight.is_complex() or _transformed():
            return function(input, weight, bias, stride, padding, dilation, groups)
        sliding = Sliding.of(axes, stride, padding, dilation, groups)
        output: Tensor = _Convolution.apply(input, weight, bias, sliding, None)  # type: ignore[assignment]
        self.before = _Before(output, output._version, input, weight, bias, sliding)
        return output

    def _batch_norm(
        self,
        input: Tensor,
        running_mean: Tensor | None,
        running_var: Tensor | None,
        weight: Tensor | None = None,
        bias: Tensor | None = None,
        training: bool = False,
        momentum: float = 0.1,
        eps: float = 1e-5,
    ) -> Tensor:
        if training or running_mean is None or running_var is None:
            return functional.batch_norm(input, running_mean, running_var, weight, bias, training, momentum, eps)
        scale = (running_var + eps).rsqrt()
        scale = scale if weight is None else scale * weight
        shift = -running_mean * scale if bias is None else bias - running_mean * scale
        along = (-1, *[1] * (input.dim() - 2))
        before, self.before = self.before, None
        if before is None or input is not before.output or input._version != before.version:
            return input * scale.view(along) + shift.view(along)
        kernel = before.weight * scale.view(-1, *[1] * (before.weight.dim() - 1))
        level = shift if before.bias is None else torch.addcmul(shift, before.bias, scale)
        ready = tuple(one.detach() for one in (input, scale.view(along), shift.view(along)))
        return _Convolution.apply(before.input, kernel, level, before.sliding, ready)  # type: ignore[return-value]


def _transformed() -> bool:
    """Whether a `torch.func` transform is active, which has its own rules for convolutions."""
    return functorch.maybe_current_level() is not None


_AXES = {torch.conv1d: 1, torch.conv2d: 2, torch.conv3d: 3}
"""Convolution -> number of axes that it slides over."""
