"""The C kernels against torch's operations, bit for bit, and both against their definitions."""

import pytest
import torch
import torch.nn.functional as functional

from modescape import recipe, rng
from modescape.data.dataset import Split
from modescape.data.prepare import Preparation
from modescape.kernels import native
from modescape.kernels.dropout import LEVELS, dropout, keep_mask, keep_scale
from modescape.kernels.implementation import forced, implementation
from modescape.kernels.pooling import pool

needs_native = pytest.mark.skipif(native.library() is None, reason=str(native.missing()))

KEY = torch.tensor(rng.key(0, "dropout", 3, 1))
KEYS = rng.words(KEY, 3)


def images(*shape: int, last: bool = True, seed: int = 0) -> torch.Tensor:
    """Normal numbers, with ties, zeros, negative zeros and a NaN."""
    x = torch.randn(*shape, generator=rng.stream(seed, "test images"))
    flat = x.view(-1)
    flat[::7] = flat[0]
    flat[::11] = 0.0
    flat[::13] = -0.0
    flat[5:6] = float("nan")
    return x.contiguous(memory_format=torch.channels_last) if last and x.dim() == 4 else x


def both(run):
    """The results of the C and of the torch version."""
    with forced("native"):
        first = run()
    with forced("torch"):
        return first, run()


def same_bits(a: torch.Tensor, b: torch.Tensor) -> bool:
    """Equal numbers, NaN where the other has one; 0 and -0 count as equal."""
    return a.shape == b.shape and bool(((a == b) | (a.isnan() & b.isnan())).all())


@needs_native
@pytest.mark.parametrize("shape", [(2, 16, 5, 7), (3, 5, 4, 4), (1, 1, 1, 1), (4, 33), (6,), (2, 3, 4, 5, 6)])
@pytest.mark.parametrize("drop", [1, 6554, LEVELS // 2, LEVELS - 1])
def test_dropout_in_c_has_the_bits_of_torch(shape, drop):
    x = images(*shape)
    first, second = both(lambda: dropout(x, KEY, 3, drop))
    assert same_bits(first, second)
    assert first.shape == x.shape


@needs_native
def test_dropout_of_stacked_members_in_c():
    x = images(3, 2, 16, 5, 7)
    first, second = both(lambda: dropout(x, KEYS, 1, 6554))
    assert same_bits(first, second)
    for member in range(3):
        assert same_bits(first[member], dropout(x[member], KEYS[member], 1, 6554))


POOLS = [  # shape, windows
    ((2, 16, 8, 8), 2),
    ((2, 16, 7, 9), 2),
    ((3, 5, 6, 6), 3),
    ((1, 3, 5, 4), 2),
    ((2, 40, 1, 1), 2),
    ((2, 8, 4, 4), 1),
    ((1, 2, 31, 31), 15),
]


@needs_native
@pytest.mark.parametrize("relu", [False, True])
@pytest.mark.parametrize("drop", [0, 6554, LEVELS // 2])
@pytest.mark.parametrize("ceil", [False, True])
@pytest.mark.parametrize(("shape", "size"), POOLS)
def test_pooling_in_c_has_the_bits_of_torch(shape, size, ceil, drop, relu):
    if not ceil and min(shape[2:]) < size:
        return  # torch refuses an empty output
    x = images(*shape).requires_grad_()

    def run():
        y = pool(x, KEY if drop else None, 2, drop, size, ceil, relu)
        slope = torch.linspace(-1, 1, y.numel()).view(y.shape)
        return y.detach(), torch.autograd.grad(y, x, slope)[0]

    (value, gradient), (expected, expected_gradient) = both(run)
    assert same_bits(value, expected)
    assert same_bits(gradient, expected_gradient)


@pytest.mark.parametrize("version", ["torch", pytest.param("native", marks=needs_native)])
@pytest.mark.parametrize("order", ["dropout first", "relu first"])
@pytest.mark.parametrize("drop", [0, 20_000])
def test_pooling_is_the_three_layers_one_after_another(version, order, drop):
    """In any order of the layers: values and gradients of torch's own layers."""
    x = torch.randn(4, 16, 9, 9, generator=rng.stream(1, "test images")).requires_grad_()
    mask = keep_mask(KEY, 2, x.shape, drop, x.dtype)
    if order == "dropout first":
        expected = torch.relu(functional.max_pool2d(x * mask, 2, ceil_mode=True))
    else:
        expected = functional.max_pool2d(torch.relu(x) * mask, 2, ceil_mode=True)
    with forced(version):
        got = pool(x, KEY, 2, drop, 2, True, True)
        assert same_bits(got, expected)
        slope = torch.randn(got.shape, generator=rng.stream(2, "test images"))
        (gradient,) = torch.autograd.grad(got, x, slope)
    (expected_gradient,) = torch.autograd.grad(expected, x, slope)
    assert torch.allclose(gradient, expected_gradient, rtol=1e-6)


def test_pooling_of_stacked_members_is_that_of_each_alone():
    x = images(3, 2, 16, 8, 8)
    for version in ("torch", "native") if native.library() else ("torch",):
        with forced(version):
            together = pool(x, KEYS, 0, 6554, 2, False, True)
            for member in range(3):
                assert same_bits(together[member], pool(x[member], KEYS[member], 0, 6554, 2, False, True))


def test_the_scale_is_the_exact_inverse():
    assert keep_scale(LEVELS // 4) == 4 / 3
    assert keep_scale(LEVELS) == 0.0
    assert torch.equal(dropout(torch.ones(50), KEY, 0, LEVELS), torch.zeros(50))


def test_sixteen_bit_numbers_are_scaled_in_thirty_two():
    x = torch.ones(1000, dtype=torch.bfloat16)
    y = dropout(x, KEY, 0, 6554)
    assert y.dtype == torch.bfloat16
    assert set(y.unique().tolist()) == {0.0, torch.tensor(keep_scale(6554)).bfloat16().item()}


@needs_native
@pytest.mark.parametrize("scaling", ["raw", "unit", "centered", "standardized"])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(
    "augmentation",
    [
        {},
        {"crop_padding": 2},
        {"crop_padding": 5, "crop_fill": "nearest", "horizontal_flip": True},
        {"horizontal_flip": True, "brightness": 0.5},
    ],
)
def test_preparation_in_c_has_the_bits_of_torch(scaling, channels, augmentation):
    stored = torch.randint(0, 256, (40, 8, 6, channels), dtype=torch.uint8, generator=rng.stream(0, "test images"))
    train = Split(stored.movedim(-1, 1), torch.zeros(40, dtype=torch.int64))
    data = recipe.Data.model_validate({"scaling": scaling, "augmentation": augmentation})
    prepare = Preparation.of(data, train.images)
    index = torch.randint(0, 40, (3, 11), generator=rng.stream(1, "test images"))
    first, second = both(lambda: prepare.pick(train.inputs, index, KEYS))
    assert torch.equal(first, second)
    assert torch.equal(first, prepare(train.inputs[index], KEYS))
    assert first.movedim(2, -1).is_contiguous()
    plain, expected = both(lambda: prepare.pick(train.inputs, index))
    assert torch.equal(plain, expected)


def test_what_is_chosen():
    single, double = torch.ones(1), torch.ones(1, dtype=torch.float64)
    assert implementation(double) == "torch"
    assert implementation(single) == ("native" if native.library() else "torch")
    with forced("torch"):
        assert implementation(single) == "torch"
