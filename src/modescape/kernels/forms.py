"""The forms of the convolution of stacked members: each computes the same sums, in another order.

* ``each``: one convolution after another, as each member alone;
* ``grouped``: one grouped convolution, channels of all members side by side;
* ``patches``: patches are written out, then one batched matrix product;
* ``triton``: a batched matrix product that reads the patches straight from the images (`gpu.convolution`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

import torch
import torch.nn.functional as functional
from torch import Tensor

from modescape.kernels.geometry import Geometry
from modescape.kernels.implementation import has_triton
from modescape.kernels.layout import channels_last

Arithmetic: TypeAlias = Literal["float32", "tf32", "bf16"]
"""How products are computed: in full, with 10 bits of fraction (GPU only), or with 7, from 16-bit numbers in memory."""

Gradients: TypeAlias = tuple[Tensor, Tensor | None]


@dataclass(frozen=True)
class Form:
    """One way to compute the three passes.

    Images are [member, example, channel, height, width], kernels [member, filter, channel, height, width]; all of one
    dtype. Sums of the weights' gradient may come back in a wider dtype.
    """

    forward: Callable[[Tensor, Tensor, Tensor | None, Geometry, Arithmetic], Tensor]
    input: Callable[[Tensor, Tensor, torch.Size, Geometry, Arithmetic], Tensor]
    weight: Callable[[Tensor, Tensor, tuple[int, int], bool, Geometry, Arithmetic], Gradients]
    fits: Callable[[Geometry, torch.device], bool] = lambda geometry, device: True


# ---- each: one after another ----


def _each_forward(x: Tensor, weight: Tensor, bias: Tensor | None, geometry: Geometry, _: Arithmetic) -> Tensor:
    biases = [None] * len(x) if bias is None else bias
    settings = (geometry.stride, geometry.padding, geometry.dilation, geometry.groups)
    out = [functional.conv2d(*one, *settings) for one in zip(x, weight, biases, strict=True)]
    return channels_last(torch.stack(out), True)


def _each_input(grad: Tensor, weight: Tensor, shape: torch.Size, geometry: Geometry, _: Arithmetic) -> Tensor:
    gradients = [_transposed(*one, shape, geometry, geometry.groups) for one in zip(grad, weight, strict=True)]
    return channels_last(torch.stack(gradients), True)


def _each_weight(
    x: Tensor, grad: Tensor, kernel: tuple[int, int], has_bias: bool, geometry: Geometry, _: Arithmetic
) -> Gradients:
    like = _kernel_like(x, grad, kernel, geometry)
    gradients = [_torch_weight(*one, like, has_bias, geometry, geometry.groups) for one in zip(grad, x, strict=True)]
    return torch.stack([one[0] for one in gradients]), torch.stack([one[1] for one in gradients]) if has_bias else None


def _transposed(grad: Tensor, weight: Tensor, shape: torch.Size, geometry: Geometry, groups: int) -> Tensor:
    """The gradient of images by torch, [example, channel, height, width], which needs their size alone."""
    least = (
        (out - 1) * stride - 2 * padding + dilation * (taps - 1) + 1
        for out, taps, stride, padding, dilation in zip(
            grad.shape[-2:], weight.shape[-2:], geometry.stride, geometry.padding, geometry.dilation, strict=True
        )
    )
    rest = [size - there for size, there in zip(shape[-2:], least, strict=True)]
    return functional.conv_transpose2d(
        grad, weight, None, geometry.stride, geometry.padding, rest, groups, geometry.dilation
    )


def _torch_weight(
    grad: Tensor, x: Tensor, like: Tensor, has_bias: bool, geometry: Geometry, groups: int
) -> tuple[Tensor, Tensor]:
    """The gradients of kernels and biases by torch."""
    settings = (geometry.stride, geometry.padding, geometry.dilation, False, (0, 0), groups)
    wanted = (False, True, has_bias)
    _, *gradients = torch.ops.aten.convolution_backward(grad, x, like, [grad.shape[-3]], *settings, wanted)
    return gradients[0], gradients[1]


def _kernel_like(x: Tensor, grad: Tensor, kernel: tuple[int, int], geometry: Geometry) -> Tensor:
    """Something of the shape of one member's kernels, without memory of its own."""
    return x.new_empty(1).expand(grad.shape[2], x.shape[2] // geometry.groups, *kernel)


# ---- grouped: channels of all members side by side ----


def _side_by_side(x: Tensor) -> Tensor:
    """[member, example, channel, height, width] -> [example, member * channel, height, width], channels last."""
    members, examples, channels, height, width = x.shape
    rows = x.permute(1, 3, 4, 0, 2).reshape(examples, height, width, members * channels)
    return rows.movedim(-1, 1)


def _apart(x: Tensor, members: int) -> Tensor:
    """The inverse of `_side_by_side`."""
    return channels_last(x.unflatten(1, (members, -1)).movedim(1, 0), True)


def _grouped_forward(x: Tensor, weight: Tensor, bias: Tensor | None, geometry: Geometry, _: Arithmetic) -> Tensor:
    members = len(x)
    biases = None if bias is None else bias.flatten()
    settings = (geometry.stride, geometry.padding, geometry.dilation, members * geometry.groups)
    return _apart(functional.conv2d(_side_by_side(x), weight.flatten(0, 1), biases, *settings), members)


def _grouped_input(grad: Tensor, weight: Tensor, shape: torch.Size, geometry: Geometry, _: Arithmetic) -> Tensor:
    groups = len(grad) * geometry.groups
    return _apart(_transposed(_side_by_side(grad), weight.flatten(0, 1), shape, geometry, groups), len(grad))


def _grouped_weight(
    x: Tensor, grad: Tensor, kernel: tuple[int, int], has_bias: bool, geometry: Geometry, _: Arithmetic
) -> Gradients:
    members, filters = len(x), grad.shape[2]
    like = x.new_empty(1).expand(members * filters, x.shape[2] // geometry.groups, *kernel)
    sides = (_side_by_side(grad), _side_by_side(x))
    weight, bias = _torch_weight(*sides, like, has_bias, geometry, members * geometry.groups)
    return weight.unflatten(0, (members, filters)), bias.unflatten(0, (members, filters)) if has_bias else None


# ---- patches: written out, then a batched matrix product ----


def _patches(x: Tensor, kernel: tuple[int, ...], geometry: Geometry) -> Tensor:
    """[member, example * row * column, tap * channel]: what the kernel sees at every place."""
    (top, left), (down, across) = geometry.padding, geometry.stride
    rows, columns = geometry.output_size(x.shape[-2:], kernel)
    padded = functional.pad(x.movedim(2, -1), (0, 0, left, left, top, top)).contiguous()
    member, example, height, width, channel = padded.stride()
    seen = padded.as_strided(
        (*x.shape[:2], rows, columns, *kernel, x.shape[2]),
        (
            *(member, example, height * down, width * across),
            *(height * geometry.dilation[0], width * geometry.dilation[1], channel),
        ),
    )
    return seen.reshape(x.shape[0], -1, kernel[0] * kernel[1] * x.shape[2])


def _times(left: Tensor, right: Tensor, bias: Tensor | None, shape: tuple[int, ...]) -> Tensor:
    """A batched product as images [member, example, channel, height, width]; shape: example, height, width."""
    product = torch.bmm(left, right) if bias is None else torch.baddbmm(bias[:, None], left, right)
    return product.view(len(left), *shape, right.shape[-1]).movedim(-1, 2)


def _patches_forward(x: Tensor, weight: Tensor, bias: Tensor | None, geometry: Geometry, _: Arithmetic) -> Tensor:
    kernel = weight.shape[-2:]
    packed = weight.permute(0, 3, 4, 2, 1).flatten(1, 3)  # [member, tap * channel, filter]
    shape = (x.shape[1], *geometry.output_size(x.shape[-2:], kernel))
    return _times(_patches(x, kernel, geometry), packed, bias, shape)


def _patches_input(grad: Tensor, weight: Tensor, shape: torch.Size, geometry: Geometry, _: Arithmetic) -> Tensor:
    """A convolution too: of the gradient, with zeros between its pixels, with the kernels turned round."""
    members, examples, filters = grad.shape[:3]
    spread, pads = [], []
    for size, out, taps, stride, padding, dilation in zip(
        shape[-2:],
        grad.shape[-2:],
        weight.shape[-2:],
        geometry.stride,
        geometry.padding,
        geometry.dilation,
        strict=True,
    ):
        between, before = (out - 1) * stride + 1, dilation * (taps - 1) - padding
        spread.append(between)
        pads.append((before, size + dilation * (taps - 1) - before - between))
    rows = grad.movedim(2, -1)
    if geometry.stride != (1, 1):
        wide = grad.new_zeros(members, examples, *spread, filters)
        wide[:, :, :: geometry.stride[0], :: geometry.stride[1]] = rows
        rows = wide
    (top, bottom), (left, right) = pads
    around = functional.pad(rows, (0, 0, left, right, top, bottom)).movedim(-1, 2)
    turned = weight.flip(-2, -1).permute(0, 3, 4, 1, 2).flatten(1, 3)  # [member, tap * filter, channel]
    seen = _patches(around, weight.shape[-2:], Geometry(dilation=geometry.dilation))
    return _times(seen, turned, None, (examples, *shape[-2:]))


def _patches_weight(
    x: Tensor, grad: Tensor, kernel: tuple[int, int], has_bias: bool, geometry: Geometry, _: Arithmetic
) -> Gradients:
    gradients = grad.movedim(2, -1).flatten(1, 3)  # [member, row, filter]
    weight = torch.bmm(_patches(x, kernel, geometry).mT, gradients)
    weight = weight.unflatten(1, (*kernel, x.shape[2])).permute(0, 4, 3, 1, 2)
    total = torch.promote_types(grad.dtype, torch.float32)
    return weight.contiguous(), gradients.sum(1, dtype=total) if has_bias else None


# ---- triton: patches read straight from the images ----


def _precision(arithmetic: Arithmetic) -> str:
    return "tf32" if arithmetic == "tf32" else "ieee"


def _triton_forward(
    x: Tensor, weight: Tensor, bias: Tensor | None, geometry: Geometry, arithmetic: Arithmetic
) -> Tensor:
    from modescape.kernels.gpu import convolution as gpu

    return gpu.forward(x, weight, bias, geometry, _precision(arithmetic))


def _triton_input(
    grad: Tensor, weight: Tensor, shape: torch.Size, geometry: Geometry, arithmetic: Arithmetic
) -> Tensor:
    from modescape.kernels.gpu import convolution as gpu

    return gpu.input_gradient(grad, weight, shape, geometry, _precision(arithmetic))


def _triton_weight(
    x: Tensor, grad: Tensor, kernel: tuple[int, int], has_bias: bool, geometry: Geometry, arithmetic: Arithmetic
) -> Gradients:
    from modescape.kernels.gpu import convolution as gpu

    weight, bias = gpu.weight_gradient(x, grad, kernel, geometry, _precision(arithmetic))
    return weight, bias if has_bias else None


def _one_group(geometry: Geometry, device: torch.device) -> bool:
    return geometry.groups == 1


def _one_group_on_a_gpu(geometry: Geometry, device: torch.device) -> bool:
    return geometry.groups == 1 and device.type == "cuda" and has_triton()


FORMS: dict[str, Form] = {
    "each": Form(_each_forward, _each_input, _each_weight),
    "grouped": Form(_grouped_forward, _grouped_input, _grouped_weight),
    "patches": Form(_patches_forward, _patches_input, _patches_weight, _one_group),
    "triton": Form(_triton_forward, _triton_input, _triton_weight, _one_group_on_a_gpu),
}
"""Ways to compute the convolution of stacked members: name -> its three passes."""
