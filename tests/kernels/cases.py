"""Convolutions of stacked members that every form has to get right."""

import torch
import torch.nn.functional as functional

from modescape import rng
from modescape.kernels.convolution import Choices, stacked_conv2d
from modescape.kernels.geometry import Geometry

CONVOLUTIONS = {
    # members, examples, channels, height, width, filters, kernel, stride, padding, dilation, has bias
    "the paper's first layer": (2, 2, 3, 8, 8, 16, (3, 3), 1, 1, 1, True),
    "half the size": (3, 1, 16, 7, 5, 8, (3, 3), 2, 1, 1, False),
    "dilated": (2, 2, 32, 6, 6, 20, (3, 3), 1, 1, 2, True),
    "a projection": (2, 1, 64, 4, 4, 8, (1, 1), 2, 0, 1, True),
    "more padding than kernel": (2, 2, 6, 9, 9, 8, (3, 3), 1, 3, 1, True),
    "everything uneven": (2, 2, 5, 9, 8, 7, (2, 3), (3, 1), (2, 0), (1, 2), True),
}


def against_torch(
    choices: Choices, case: str, dtype: torch.dtype, groups: int = 1, shared: bool = False, arithmetic: str = "float32"
) -> float:
    """Values and gradients against torch's plain convolution, member by member, in float64.

    Returns the largest error in units of the tolerance, which is, for sums of some hundred products, 1e-12 of the
    largest value in float64, 5e-6 in float32, and 2e-2 for bfloat16 inputs.
    """
    members, examples, channels, height, width, filters, kernel, *settings, has_bias = CONVOLUTIONS[case]
    stream = rng.stream(0, "test images")

    def draw(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=stream).to(dtype).requires_grad_()

    x = draw(*([] if shared else [members]), examples, channels, height, width)
    weight = draw(members, filters, channels // groups, *kernel)
    inputs = [x, weight, *([draw(members, filters)] if has_bias else [])]
    geometry = Geometry.of(*settings, groups)
    everyone = x.expand(members, *x.shape) if shared else x
    bias = inputs[2] if has_bias else None
    y = stacked_conv2d(everyone, weight, bias, geometry, arithmetic, choices)
    slope = torch.randn(y.shape, generator=stream).to(y.dtype)
    gradients = torch.autograd.grad(y, inputs, slope)

    exact = [tensor.detach().double().requires_grad_() for tensor in inputs]
    each = exact[0].expand(members, *x.shape) if shared else exact[0]
    biases = exact[2] if has_bias else [None] * members
    true = torch.stack([
        functional.conv2d(*one, *settings, groups) for one in zip(each, exact[1], biases, strict=True)
    ])  # fmt: skip
    tolerance = {torch.float64: 1e-12, torch.float32: 5e-6}[dtype] if arithmetic == "float32" else 2e-2
    assert all(gradient.dtype == dtype for gradient in gradients)
    assert y.movedim(2, -1).is_contiguous()
    errors = []
    for got, expected in zip([y, *gradients], [true, *torch.autograd.grad(true, exact, slope.double())], strict=True):
        assert got.shape == expected.shape
        got, expected = got.detach(), expected.detach()
        errors.append(float((got - expected).abs().max() / (tolerance * expected.abs().max())))
    return max(errors)
