"""Forms of the stacked convolution against torch's plain one, member by member in float64."""

import pytest
import torch
from torch.func import vmap

from modescape import rng
from modescape.kernels import forms
from modescape.kernels.convolution import Choices, conv2d_under_vmap, layer_key, stacked_conv2d
from modescape.kernels.forms import FORMS
from modescape.kernels.geometry import Geometry

from .cases import CONVOLUTIONS, against_torch

ON_CPU = [name for name, form in FORMS.items() if form.fits(Geometry(), torch.device("cpu"))]


def test_the_forms_are_those_of_the_plan():
    assert set(FORMS) == {"each", "grouped", "patches", "triton"}
    assert set(ON_CPU) == {"each", "grouped", "patches"}  # "triton" is interpreted in interpreted_gpu_kernels


@pytest.mark.parametrize("case", CONVOLUTIONS)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("form", ON_CPU)
def test_values_and_gradients_are_torchs(form, dtype, case):
    assert against_torch(Choices(default=form), case, dtype) <= 1


@pytest.mark.parametrize("form", ON_CPU)
def test_one_batch_for_all_members(form):
    assert against_torch(Choices(default=form), "the paper's first layer", torch.float64, shared=True) <= 1


@pytest.mark.parametrize("form", ON_CPU)
def test_sixteen_bits_in_memory(form):
    assert against_torch(Choices(default=form), "half the size", torch.float32, arithmetic="bf16") <= 1


@pytest.mark.parametrize("form", ON_CPU)
def test_groups_go_where_they_can(form):
    """Matrix products over patches support a single group only; otherwise the grouped form is used."""
    assert against_torch(Choices(default=form), "half the size", torch.float64, groups=4) <= 1


def test_each_pass_has_a_form_of_its_own(monkeypatch):
    used = []

    def spy(name):
        form = FORMS[name]

        def wrap(which):
            return lambda *arguments: used.append((name, which)) or getattr(form, which)(*arguments)

        return forms.Form(wrap("forward"), wrap("input"), wrap("weight"), form.fits)

    for name in ON_CPU:
        monkeypatch.setitem(FORMS, name, spy(name))  # nothing else shows which form was called
    x, weight = torch.randn(2, 1, 3, 8, 8), torch.randn(2, 4, 3, 3, 3)
    key = layer_key(x.shape, weight.shape, Geometry())
    chosen = {key: {"forward": "each", "input": "patches", "weight": "grouped"}}
    y = stacked_conv2d(
        x.requires_grad_(), weight.requires_grad_(), None, Geometry(), "float32", Choices("each", chosen)
    )
    torch.autograd.grad(y.sum(), [x, weight])
    assert sorted(used) == [("each", "forward"), ("grouped", "weight"), ("patches", "input")]


def test_a_layer_is_named_by_what_the_choice_depends_on():
    x, weight = torch.empty(5, 128, 16, 32, 32), torch.empty(5, 32, 8, 3, 3)
    key = layer_key(x.shape, weight.shape, Geometry.of(2, 1, 1, 2))
    assert key == "16x32x32 to 32, 3x3, stride 2x2, padding 1x1, dilation 1x1, groups 2"
    assert key == layer_key(
        x[:3, :7].shape, weight[:3].shape, Geometry.of(2, 1, 1, 2)
    )  # independent of members and batch size


def test_under_vmap_it_is_the_stacked_one():
    stream = rng.stream(0, "test images")
    x, weight, bias = (torch.randn(*shape, generator=stream) for shape in ((3, 2, 4, 6, 6), (3, 5, 4, 3, 3), (3, 5)))
    geometry = Geometry.of(1, 1, 1, 1)
    settings = (geometry, "float32", Choices())
    together = vmap(lambda *one: conv2d_under_vmap(*one, *settings))(x, weight, bias)
    assert torch.equal(together, stacked_conv2d(x, weight, bias, *settings))
    one_batch = vmap(lambda *one: conv2d_under_vmap(x[0], *one, *settings))(weight, bias)
    expected = stacked_conv2d(x[:1].expand(3, -1, -1, -1, -1), weight, bias, *settings)
    assert torch.allclose(one_batch, expected, atol=1e-6)
