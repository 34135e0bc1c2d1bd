"""Fused convolution, dropout, pooling and ReLU against torch's layers in float64."""

import pytest
import torch
import torch.nn.functional as functional

from modescape import rng
from modescape.kernels import block as module
from modescape.kernels import native
from modescape.kernels.block import Block, blocks
from modescape.kernels.dropout import keep_mask

pytestmark = pytest.mark.skipif(native.library() is None, reason=str(native.missing()))

KEY = torch.tensor(rng.key(0, "dropout", 3, 1))

CASES = [  # images, filters, kernel, padding, windows, ceil, relu, dropped levels, bias
    ((19, 3, 2, 3), 20, (3, 3), 1, 2, True, True, 6554, True),  # narrow images, which are processed together
    ((17, 16, 4, 4), 32, (3, 3), 1, 2, False, True, 6554, True),
    ((9, 2, 3, 3), 16, (2, 2), 3, 2, True, False, 6554, False),  # padding wider than the kernel
    ((3, 3, 32, 32), 16, (3, 3), 1, 2, False, True, 6554, True),  # the paper's first layer
    ((2, 16, 16, 16), 32, (3, 3), 1, 2, False, True, 6554, True),
    ((2, 32, 8, 8), 32, (3, 3), 1, 2, False, False, 6554, True),
    ((2, 16, 7, 9), 32, (3, 3), 1, 2, True, True, 6554, True),  # pooling windows that extend over the edge
    ((2, 20, 8, 8), 10, (3, 3), 0, 2, False, False, 0, True),  # not a multiple of any vector length
    ((2, 1, 9, 9), 5, (5, 5), 2, 3, True, True, 30_000, False),
    ((2, 6, 6, 5), 40, (1, 1), 0, 2, False, True, 100, True),
    ((2, 7, 11, 11), 33, (3, 3), 1, 1, False, True, 6554, True),  # pooling windows of one pixel: the gradient is dense
    ((1, 64, 5, 5), 48, (4, 2), 1, 2, True, True, 20_000, True),
    ((1, 100, 3, 3), 17, (2, 5), 2, 2, False, True, 6554, True),
]


@pytest.mark.parametrize(("shape", "filters", "kernel", "padding", "size", "ceil", "relu", "drop", "bias"), CASES)
def test_values_and_gradients(shape, filters, kernel, padding, size, ceil, relu, drop, bias):
    """Float32 against float64: sums of up to 800 products; 5e-6 of the largest is a few tens of rounding errors."""
    draw = rng.stream(0, "test images")
    x = torch.randn(*shape, generator=draw).contiguous(memory_format=torch.channels_last).requires_grad_()
    weight = (torch.randn(filters, shape[1], *kernel, generator=draw) / (shape[1] * kernel[0]) ** 0.5).requires_grad_()
    inputs = [x, weight, *([torch.randn(filters, generator=draw).requires_grad_()] if bias else [])]
    y = blocks(x, [Block(weight, inputs[2] if bias else None, padding, 3, drop, size, ceil, relu)], KEY)
    slope = torch.randn(y.shape, generator=draw)
    gradients = torch.autograd.grad(y, inputs, slope)

    exact = [tensor.detach().double().requires_grad_() for tensor in inputs]
    convolved = functional.conv2d(exact[0], exact[1], exact[2] if bias else None, padding=padding)
    pooled = functional.max_pool2d(
        convolved * keep_mask(KEY, 3, convolved.shape, drop, torch.float64), size, ceil_mode=ceil
    )
    expected = torch.relu(pooled) if relu else pooled
    assert y.shape == expected.shape
    for got, true in zip(
        [y, *gradients], [expected, *torch.autograd.grad(expected, exact, slope.double())], strict=True
    ):
        assert (got - true).abs().max().item() <= 5e-6 * true.abs().max().item()


@pytest.mark.parametrize(("shape", "filters", "kernel", "padding", "size", "ceil", "relu", "drop", "bias"), CASES)
@pytest.mark.parametrize("drops", [True, False])
def test_images_that_go_together_and_evaluation_have_the_bits_of_one_image_alone(
    shape, filters, kernel, padding, size, ceil, relu, drop, bias, drops
):
    """19 images: groups of 8 or 6, and some that are left over; a last NaN is the largest, as in torch."""
    draw = rng.stream(0, "test images")
    x = torch.randn(19, *shape[1:], generator=draw).contiguous(memory_format=torch.channels_last)
    x[4, 0, 1, 2] = float("nan")
    weight = torch.randn(filters, shape[1], *kernel, generator=draw).requires_grad_()
    bias = torch.randn(filters, generator=draw) if bias else None
    chain = [Block(weight, bias, padding, 3, drop if drops else 0, size, ceil, relu)]
    together = blocks(x, chain, KEY)
    with torch.no_grad():
        evaluated = blocks(x, chain, KEY)
    assert evaluated.grad_fn is None
    assert together.grad_fn is not None
    assert torch.equal(together.nan_to_num(7.0), evaluated.nan_to_num(7.0))
    assert evaluated.isnan().any()
    if not drops:  # dropout masks differ between examples
        alone = torch.cat([blocks(one[None], chain, KEY) for one in x])
        assert torch.equal(together.nan_to_num(7.0), alone.nan_to_num(7.0))


def test_a_gradient_of_the_images_that_nobody_asked_for_is_not_made(monkeypatch):
    x, weight = torch.randn(2, 3, 8, 8), torch.randn(4, 3, 3, 3, requires_grad=True)
    y = blocks(x, [Block(weight, None, 1)], None)
    (gradient,) = torch.autograd.grad(y.sum(), weight)
    assert gradient.abs().max() > 0
    assert not x.requires_grad


def test_weights_too_large_for_the_cache_go_another_way_to_the_same_numbers(monkeypatch):
    x, weight = torch.randn(2, 8, 8, 8), torch.randn(16, 8, 3, 3)
    chain = [Block(weight, None, 1, 0, 6554, 2, False, True)]
    ours = blocks(x, chain, KEY)
    monkeypatch.setattr(module, "LARGEST_KERNELS", 100)  # as if kernels took many megabytes
    monkeypatch.setattr(native.library(), "block_forward", None)  # must not be called
    assert torch.allclose(ours, blocks(x, chain, KEY), atol=1e-5)


def test_the_same_bits_twice():
    x, weight = torch.randn(4, 16, 8, 8, requires_grad=True), torch.randn(32, 16, 3, 3, requires_grad=True)
    runs = []
    for _ in range(2):
        y = blocks(x, [Block(weight, None, 1, 0, 6554, 2, False, True)], KEY)
        runs.append([y, *torch.autograd.grad(y.sum(), [x, weight])])
    assert all(torch.equal(a, b) for a, b in zip(*runs, strict=True))


@pytest.mark.parametrize("asked", [False, True])
def test_a_chain_is_its_blocks_one_after_another(asked):
    """Values and gradients, bit for bit; the second has no bias."""
    draw = rng.stream(0, "test images")
    x = torch.randn(3, 3, 16, 16, generator=draw).requires_grad_(asked)
    tensors = [torch.randn(*shape, generator=draw).requires_grad_() for shape in ((8, 3, 3, 3), (8,), (5, 8, 3, 3))]
    chain = [Block(tensors[0], tensors[1], 1, 0, 6554, 2, False, True), Block(tensors[2], None, 0, 1, 3000, 2, True)]
    wanted = [*([x] if asked else []), *tensors]
    together, apart = blocks(x, chain, KEY), blocks(blocks(x, chain[:1], KEY), chain[1:], KEY)
    assert torch.equal(together, apart)
    slope = torch.randn(together.shape, generator=draw)
    for one, other in zip(*(torch.autograd.grad(y, wanted, slope) for y in (together, apart)), strict=True):
        assert torch.equal(one, other)
