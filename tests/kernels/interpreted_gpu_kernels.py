"""GPU kernels, interpreted on the CPU, against their definitions in torch.

`test_gpu_kernels` runs these in a process of its own, with TRITON_INTERPRET=1 set before anything imports Triton.
"""

import pytest
import torch
from torch import nn

from modescape import recipe, rng
from modescape.data.dataset import as_split
from modescape.data.prepare import Preparation
from modescape.kernels import batch_norm, convolution, dropout, forms, pooling
from modescape.kernels.convolution import Choices
from modescape.kernels.dropout import LEVELS, keep_scale
from modescape.kernels.implementation import forced
from modescape.network.member_ops import ComputePolicy
from modescape.train.loop import Trainer

from .cases import CONVOLUTIONS, against_torch

KEYS = rng.words(torch.tensor(7), 3)


def draw(*shape: int, seed: int = 0, dtype=torch.float32) -> torch.Tensor:
    """Images in channels-last layout, with ties, zeros and a NaN."""
    x = torch.randn(*shape[:-3], *shape[-2:], shape[-3], generator=rng.stream(seed, "test images"))
    flat = x.view(-1)
    flat[::7], flat[::11], flat[4:5] = flat[0].item(), 0.0, float("nan")
    return x.to(dtype).movedim(-1, -3)


def same_bits(a: torch.Tensor, b: torch.Tensor) -> bool:
    return a.shape == b.shape and a.dtype == b.dtype and bool(((a == b) | (a.isnan() & b.isnan())).all())


@pytest.mark.parametrize("drop", [1, 6554, LEVELS - 1])
@pytest.mark.parametrize("shape", [(3, 2, 8, 5, 7), (3, 2, 3, 5, 5), (3, 1, 1, 1, 1)])
def test_dropout_has_the_bits_of_its_definition(shape, drop):
    x = draw(*shape)
    with forced("triton"):
        got = dropout.dropout(x, KEYS, 1, drop, False)
    with forced("torch"):
        assert same_bits(got, dropout.dropout(x, KEYS, 1, drop, False))


def test_sixteen_bit_numbers_are_dropped_alike():
    """Scaled in 32 bits; the interpreter truncates where a GPU rounds, so the last bit may differ."""
    x = draw(3, 2, 8, 5, 7, dtype=torch.bfloat16).nan_to_num()
    with forced("triton"):
        got = dropout.dropout(x, KEYS, 1, 6554, False)
    with forced("torch"):
        expected = dropout.dropout(x, KEYS, 1, 6554, False)
    assert got.dtype == torch.bfloat16
    assert torch.equal(got == 0, expected == 0)
    assert torch.allclose(got.float(), expected.float(), rtol=2**-7)


@pytest.mark.parametrize("relu", [False, True])
@pytest.mark.parametrize("drop", [0, 6554])
@pytest.mark.parametrize(("ceil", "size"), [(False, 2), (True, 2), (True, 3), (False, 1)])
@pytest.mark.parametrize("shape", [(3, 2, 8, 5, 7), (3, 1, 3, 4, 4), (2, 16, 6, 6)])
def test_pooling_has_the_bits_of_its_definition(shape, ceil, size, drop, relu):
    x, keys = draw(*shape), KEYS if len(shape) == 5 else KEYS[0]
    settings = (x, keys if drop else None, 2, drop, size, ceil, relu)
    (got, place), (expected, true) = (pooling.FORWARD[version](*settings) for version in ("triton", "torch"))
    assert same_bits(got, expected)
    assert torch.equal(place, true)
    slope = torch.randn(got.shape, generator=rng.stream(1, "test images"))
    slope = torch.empty_like(got).copy_(slope)
    gradients = [pooling.BACKWARD[name](slope, place, x.shape, size, keep_scale(drop)) for name in ("triton", "torch")]
    assert same_bits(*gradients)


SWITCHES = [(affine, relu) for affine in (False, True) for relu in (False, True)]
LARGE = (2, 40, 70, 6, 6)  # more rows than one part, more channels than one tile: ten seconds each


@pytest.mark.parametrize(
    ("shape", "dtype", "affine", "relu"),
    [
        *(((3, 2, 16, 9, 7), torch.float32, *switches) for switches in SWITCHES),
        *(((2, 3, 5, 4, 4), torch.bfloat16, *switches) for switches in SWITCHES),
        ((1, 29, 70, 6, 6), torch.float32, True, True),
        *(pytest.param(LARGE, torch.float32, *switches, marks=pytest.mark.long) for switches in SWITCHES),
    ],
)
def test_batch_norm_is_its_definition_in_float64(shape, dtype, affine, relu):
    """Far from 0 (mean 5, deviation 2), where a one-pass variance would cancel."""
    stream = rng.stream(0, "test images")
    members, channels = shape[0], shape[2]
    x = (torch.randn(*shape, generator=stream) * 2 + 5).to(dtype)
    weight, bias = torch.randn(2, members, channels, generator=stream) if affine else (None, None)
    slope = torch.randn(*shape, generator=stream).to(dtype)
    results = []
    for version, kind in (("triton", None), ("torch", torch.float64)):
        own = x.to(kind or dtype).requires_grad_()
        inputs = [own, *(tensor.to(kind or tensor.dtype).requires_grad_() for tensor in (weight, bias) if affine)]
        running = [torch.zeros(members, channels, dtype=kind), torch.ones(members, channels, dtype=kind)]
        with forced(version):
            y = batch_norm.batch_norm(own, *(inputs[1:] or (None, None)), *running, 0.1, 1e-3, relu)
            results.append([y, *running, *torch.autograd.grad(y, inputs, slope.to(kind or dtype))])
    tolerance = 2e-6 if dtype == torch.float32 else 1e-2
    for got, true in zip(*results, strict=True):
        assert (got - true).abs().max() <= tolerance * true.abs().max().clamp_min(1.0)


@pytest.fixture
def on_the_cpu(monkeypatch):
    """The form of the convolution that otherwise requires a GPU."""
    triton = forms.FORMS["triton"]
    # the form checks for a GPU
    monkeypatch.setitem(forms.FORMS, "triton", forms.Form(triton.forward, triton.input, triton.weight))


@pytest.mark.parametrize("case", CONVOLUTIONS)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_convolution_is_torchs(case, dtype, on_the_cpu):
    assert against_torch(Choices(default="triton"), case, dtype) <= 1


def normalized_cnn() -> nn.Module:
    """The parts of a residual network, small because interpreting is slow."""
    first = (nn.Conv2d(3, 4, 3, stride=2, padding=1), nn.BatchNorm2d(4), nn.ReLU())
    return nn.Sequential(*first, nn.Conv2d(4, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(16, 10))


@pytest.mark.parametrize("factory", ["small_cnn", f"{__name__}:normalized_cnn"])
def test_a_step_of_stacked_members_is_each_members_own(factory, on_the_cpu):
    """All kernels of the GPU path together, in float64, against a single member with torch's operations."""
    made = recipe.Recipe(model=recipe.Model(factory=factory))
    stream = rng.stream(0, "test images")
    images = torch.randint(0, 256, (4, 3, 8, 8), dtype=torch.uint8, generator=stream).numpy()
    data = as_split(images, torch.arange(4).numpy())
    steps = {}
    for version, form in (("triton", "triton"), ("torch", "each")):
        work = Trainer(
            made,
            data,
            10,
            Preparation.of(made.data, data.images),
            dtype=torch.float64,
            policy=ComputePolicy("float32", Choices(default=form)),
        )
        places = [0, 1, 2] if version == "triton" else [1]
        state = work.stacked([work.initial(member).state for member in places])
        x = torch.rand(3, 4, 3, 8, 8, generator=rng.stream(1, "test images"), dtype=torch.float64)
        here = slice(len(places)) if version == "triton" else slice(1, 2)
        with forced(version):
            gradients, *_ = work.step(places)(state, x[here], data.label.expand(3, -1)[here], KEYS[here])
        steps[version] = gradients, state.buffers
    (stacked, running), (alone, expected) = steps["triton"], steps["torch"]
    for name, true in {**alone, **expected}.items():
        got = {**stacked, **running}[name][1]
        assert (got - true[0]).abs().max() <= 1e-10 * true.abs().max().clamp_min(1e-3), name


def test_a_large_sum_over_rows_is_taken_in_parts():
    """More rows than one part: several programs compute a weight's gradient, summed afterwards."""
    stream = rng.stream(0, "test images")
    x = torch.randn(1, 3, 2, 30, 30, generator=stream, dtype=torch.float64)
    weight = torch.randn(1, 3, 2, 3, 3, generator=stream, dtype=torch.float64)
    slope = torch.randn(1, 3, 3, 28, 28, generator=stream, dtype=torch.float64)
    assert 3 * 28 * 28 > 2048
    from modescape.kernels.geometry import Geometry
    from modescape.kernels.gpu.convolution import weight_gradient

    got, _ = weight_gradient(
        convolution.channels_last(x, True), convolution.channels_last(slope, True), (3, 3), Geometry(), "ieee"
    )
    exact = weight[0].requires_grad_()
    (true,) = torch.autograd.grad(torch.conv2d(x[0], exact), exact, slope[0])
    assert torch.allclose(got[0], true, rtol=1e-12)
