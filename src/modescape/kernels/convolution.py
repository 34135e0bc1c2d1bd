"""Convolution of stacked members: one function, several forms, chosen layer by layer and pass by pass.

Every member has its own weights, so the convolution of a group is a batch of convolutions. Libraries offer grouped
convolutions for it, which are slow if groups have few channels; `modescape.kernels.forms` has others. Which form is
fastest depends on shape, precision and device: `modescape.train.measuring` measures it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

import torch
from torch import Tensor

from modescape.kernels.forms import FORMS, Arithmetic, Form
from modescape.kernels.geometry import Geometry
from modescape.kernels.layout import channels_last
from modescape.kernels.once import Once, differentiable_once
from modescape.kernels.under_vmap import under_vmap

Pass: TypeAlias = Literal["forward", "input", "weight"]
PASSES: tuple[Pass, ...] = ("forward", "input", "weight")


@dataclass(frozen=True)
class Layer:
    """The shapes and settings of one member's convolution."""

    image: tuple[int, ...]  # channels, height, width
    examples: int
    kernel: tuple[int, ...]  # filters, channels / groups, height, width
    geometry: Geometry
    has_bias: bool
    needs_input: bool  # the gradient of its images is asked for

    @property
    def key(self) -> str:
        """See `layer_key`."""
        return layer_key(torch.Size(self.image), torch.Size(self.kernel), self.geometry)


@dataclass(frozen=True)
class Choices:
    """Which form computes which layer: key of the layer -> form of each pass."""

    default: str = "patches"
    chosen: dict[str, dict[Pass, str]] = field(default_factory=dict)
    seen: list[Layer] | None = None  # records every convolution that runs

    def form(self, key: str, which: Pass, geometry: Geometry, device: torch.device) -> Form:
        """The form of one pass of a layer; "grouped" where the chosen one does not know the geometry."""
        name = self.chosen.get(key, {}).get(which, self.default)
        return FORMS[name] if FORMS[name].fits(geometry, device) else FORMS["grouped"]


def layer_key(image: torch.Size, kernel: torch.Size, geometry: Geometry) -> str:
    """What a choice depends on besides the study's arithmetic: "16x16x16 to 32, 3x3, stride 1x1, padding 1x1, ...".

    Args:
        image: [..., channel, height, width].
        kernel: [..., filter, channel, height, width].
        geometry: of the convolution.
    """
    pairs = {"stride": geometry.stride, "padding": geometry.padding, "dilation": geometry.dilation}
    settings = [f"{name} {pair[0]}x{pair[1]}" for name, pair in pairs.items()]
    groups = [f"groups {geometry.groups}"] if geometry.groups > 1 else []
    sizes = ["x".join(map(str, image[-3:])) + f" to {kernel[-4]}", "x".join(map(str, kernel[-2:]))]
    return ", ".join([*sizes, *settings, *groups])


class _Convolution(Once):
    @staticmethod
    def forward(  # type: ignore[override]
        ctx: Any,
        x: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        geometry: Geometry,
        arithmetic: Arithmetic,
        choices: Choices,
    ) -> Tensor:
        dtype = torch.bfloat16 if arithmetic == "bf16" else x.dtype
        ctx.dtypes = x.dtype, weight.dtype, None if bias is None else bias.dtype
        inputs = x, weight  # for `differentiable_once`
        shared = x.shape[0] > 1 and x.stride(0) == 0  # one batch for all members
        x = channels_last(x[:1].to(dtype), True).expand_as(x) if shared else channels_last(x.to(dtype), True)
        weight = weight.to(dtype)
        key = layer_key(x.shape, weight.shape, geometry)
        if choices.seen is not None:
            _, examples, *image = x.shape
            layer = (tuple(image), examples, tuple(weight.shape[1:]), geometry, bias is not None)
            choices.seen.append(Layer(*layer, ctx.needs_input_grad[0]))
        ctx.save_for_backward(x, weight, *inputs)
        ctx.key, ctx.settings = key, (geometry, arithmetic, choices)
        form = choices.form(key, "forward", geometry, x.device)
        return form.forward(x, weight, None if bias is None else bias.to(dtype), geometry, arithmetic)

    @staticmethod
    @differentiable_once
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        (x, weight, *_), (geometry, arithmetic, choices) = ctx.saved_tensors, ctx.settings
        grad = channels_last(grad.to(x.dtype), True)
        for_x = for_weight = for_bias = None
        x_type, weight_type, bias_type = ctx.dtypes
        if ctx.needs_input_grad[0]:
            form = choices.form(ctx.key, "input", geometry, x.device)
            for_x = form.input(grad, weight, x.shape, geometry, arithmetic).to(x_type)
        if ctx.needs_input_grad[1] or ctx.needs_input_grad[2]:
            form = choices.form(ctx.key, "weight", geometry, x.device)
            kernel = (weight.shape[-2], weight.shape[-1])
            for_weight, for_bias = form.weight(x, grad, kernel, bias_type is not None, geometry, arithmetic)
            for_weight = for_weight.to(weight_type)
            for_bias = None if for_bias is None or bias_type is None else for_bias.to(bias_type)
        return for_x, for_weight, for_bias, None, None, None


def stacked_conv2d(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    geometry: Geometry = Geometry(),
    arithmetic: Arithmetic = "float32",
    choices: Choices = Choices(),
) -> Tensor:
    """Convolution of every member's images with its own kernels, differentiable once.

    Args:
        x: [member, example, channel, height, width]; may be one batch expanded to all members.
        weight: [member, filter, channel / groups, height, width].
        bias: [member, filter] or None.
        geometry: stride, padding, dilation, groups.
        arithmetic: "bf16" rounds x, weight and the result to 16 bits; sums are float32.
        choices: which form computes what.

    Returns:
        [member, example, filter, height, width] with channels last in memory; bfloat16 for "bf16".
    """
    return _Convolution.apply(x, weight, bias, geometry, arithmetic, choices)  # type: ignore[return-value]


conv2d_under_vmap = under_vmap(stacked_conv2d, tensors=3)
"""`stacked_conv2d` from inside a network that is vmapped over members: the same arguments, without the member axis."""
