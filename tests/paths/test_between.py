"""Barriers, fitted paths and REPAIR against closed forms, and on permuted copies of a network."""

from __future__ import annotations

import copy
import math
import re
from pathlib import Path as File

import numpy as np
import permutable
import pytest
import torch
from torch import nn

import modescape as ms
from modescape import rng
from modescape.alignment import separate, symmetry
from modescape.alignment.running import Setting
from modescape.errors import InputError
from modescape.paths import Path
from modescape.paths.curves import SHAPES
from modescape.types import ModelState


class Units(nn.Module):
    """A two-layer linear network: the sum over units of w2 w1 x."""

    def __init__(self, one, two):
        super().__init__()
        self.one, self.two = nn.Linear(1, len(one), bias=False), nn.Linear(len(two), 1, bias=False)
        self.one.weight = nn.Parameter(torch.tensor(one).double()[:, None])
        self.two.weight = nn.Parameter(torch.tensor(two).double()[None])

    def forward(self, x):
        return self.two(self.one(x))


X = torch.tensor([[1.0], [2.0], [-3.0]], dtype=torch.float64)


def test_barriers_of_a_two_layer_linear_network_are_their_closed_form():
    a, b = Units([1.0, 2.0], [3.0, 4.0]), Units([2.0, 1.0], [4.0, 3.0])  # both are 11 x; (11 - 2t + 2t^2) x on the line
    found = ms.barrier(a, a, b, (X, 11 * X), loss="mse", t=21, reset="none")
    excess = 0.25 * X.square()[:, 0].numpy()  # at t = 1/2
    assert found.raw == pytest.approx(excess.mean(), abs=1e-12)
    width = 1.959964 * excess.std(ddof=1) / math.sqrt(3)
    assert (found.raw_low, found.raw_high) == pytest.approx((max(excess.mean() - width, 0), excess.mean() + width))
    assert found.aligned == pytest.approx(0, abs=1e-12)
    assert math.isnan(found.raw_reset)
    assert math.isnan(found.error.raw)
    t = found.profiles["raw"].t
    np.testing.assert_allclose(found.profiles["raw"].loss, (2 * t - 2 * t**2) ** 2 * 14 / 3, atol=1e-12)


@pytest.mark.parametrize("name", ["mlp", "cnn", "grouped", "transformer", pytest.param("resnet", marks=pytest.mark.ci)])
def test_a_network_and_itself_in_another_order_have_no_barrier_once_aligned(name):
    model, inputs = permutable.made(name)
    state = separate(model, model)
    found = symmetry(model, state, inputs)
    tensors = {**state.params, **state.buffers}
    moved = found.permute(tensors, found.random(rng.stream(1, "permutations")))
    target = torch.arange(len(inputs[0] if isinstance(inputs, tuple) else inputs)) % 3
    result = ms.barrier(model, tensors, moved, [(inputs, target)], t=[0, 0.5, 1])
    middle = result.profiles["raw"].losses[1] - result.profiles["aligned"].losses[1]
    assert np.abs(middle).max() > 0.01  # a different function half-way
    assert result.raw_low <= result.raw <= result.raw_high
    assert result.aligned == pytest.approx(0, abs=1e-5)
    assert result.aligned_reset == pytest.approx(0, abs=1e-5)
    assert result.error.aligned == 0
    assert result.error.raw >= 0
    ends = result.profiles["raw"].losses[[0, -1]]
    np.testing.assert_allclose(ends[0], ends[1], atol=1e-4)  # the same function at both ends


def test_statistics_anew_are_averages_of_the_batches_own_by_examples():
    model, inputs = permutable.made("cnn")
    state = separate(model, model)
    halves = inputs[:4], inputs[4:]
    found = Setting.of(model, [(half, None) for half in halves]).recomputed({**state.params, **state.buffers})
    with torch.no_grad():
        heard = [model[0](half).transpose(0, 1).flatten(1) for half in halves]
    torch.testing.assert_close(found["1.running_mean"], (heard[0].mean(1) + 2 * heard[1].mean(1)) / 3)
    torch.testing.assert_close(found["1.running_var"], (heard[0].var(1) + 2 * heard[1].var(1)) / 3)


class Point(nn.Module):
    """Weights only, of which the loss is a function."""

    def __init__(self, *numbers):
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(numbers, dtype=torch.float64))

    def forward(self, inputs):
        return self.weight.expand(len(inputs), -1)


CENTRE = torch.tensor([[1.0, -2.0]], dtype=torch.float64)
ENDS = Point(0.0, 1.0), Point(2.0, 1.0)


def test_the_bend_of_a_quadratic_s_bezier_is_its_closed_form():
    found = ms.fit_path(*ENDS[:1], *ENDS, (CENTRE, CENTRE), loss="mse", steps=300, learning_rate=0.1)
    # 0 = E[c1 (c0 p0 + c1 b + c2 p2 - centre)] with E[c1^2] = 2/15, E[c1 c0] = E[c1 c2] = 1/10, E[c1] = 1/3
    wanted = 2.5 * CENTRE[0] - 0.75 * (ENDS[0].weight + ENDS[1].weight)
    torch.testing.assert_close(found.points["weight"][1], wanted.detach(), atol=0.15, rtol=0)
    assert torch.equal(found.points["weight"][0], ENDS[0].weight)
    assert len(found.losses) == 300


def fitted_together_and_alone(model, inputs):
    """Fit two paths in one pass, and check each against a fit of its own."""
    with rng.seeded(3):
        other = copy.deepcopy(model)
        for tensor in other.parameters():
            nn.init.normal_(tensor, 0.0, 0.3)
    ends, data = [(model, other), (other, other)], [(inputs, torch.arange(len(inputs)) % 3)]
    settings = {"path": "polychain", "bends": 2, "steps": 3, "learning_rate": 0.01}
    both = ms.fit_paths(model, ends, data, **settings)
    for one, path in zip(ends, both, strict=True):
        alone = ms.fit_path(model, *one, data, **settings)
        assert path.losses == pytest.approx(alone.losses, abs=1e-5)
        for name, points in path.points.items():
            if name != "0.bias":  # before batch norm: Adam turns its gradient, pure rounding error, into steps
                torch.testing.assert_close(points, alone.points[name], atol=1e-5, rtol=1e-4)
    return both[0], data


def test_paths_fitted_together_are_those_fitted_alone():
    with rng.seeded(0):  # stacked: dense layers with batch norm
        model, inputs = nn.Sequential(nn.Linear(5, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Linear(6, 3)), torch.randn(9, 5)
    fitted_together_and_alone(model, inputs)


def test_frozen_parameters_stay_on_the_straight_line():
    with rng.seeded(0):
        model, one, two = (nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 3)) for _ in range(3))
        data = [(torch.randn(20, 4), torch.arange(20) % 3)]
    model[0].requires_grad_(False)
    bend = ms.fit_path(model, one, two, data, steps=20, learning_rate=0.1).points
    for name, first in one.named_parameters():
        middle = (first.detach() + two.get_parameter(name).detach()) / 2
        moved = float((bend[name][1] - middle).abs().max())
        assert (moved < 1e-6) == name.startswith("0."), name
    model.requires_grad_(False)
    with pytest.raises(InputError, match="the network has no trainable parameters"):
        ms.fit_path(model, one, two, data)


def test_batch_norm_is_right_at_each_position_of_a_path():
    model, inputs = permutable.made("cnn")  # not stacked: convolutions on a CPU
    path, data = fitted_together_and_alone(model, inputs)
    middle = path.at(0.5, data)
    heard = nn.functional.conv2d(inputs, middle["0.weight"], middle["0.bias"]).transpose(0, 1).flatten(1)
    torch.testing.assert_close(middle["1.running_var"], heard.var(1))
    with torch.no_grad():
        value = nn.functional.cross_entropy(torch.func.functional_call(model, middle, inputs), data[0][1])
    assert path.profile(data, t=[0.5]).loss[0] == pytest.approx(float(value), abs=1e-5)


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("points", [2, 3, 5])
def test_shapes_go_from_end_to_end_and_weigh_to_one(name, points):
    found = SHAPES[name](torch.linspace(0, 1, 9), points)
    torch.testing.assert_close(found.sum(-1), torch.ones(9, dtype=torch.float64))
    assert found[0, 0] == found[-1, -1] == 1
    line = found @ torch.linspace(0, 1, points, dtype=torch.float64)  # collinear points give their line
    torch.testing.assert_close(line, torch.linspace(0, 1, 9, dtype=torch.float64), atol=1e-6, rtol=0)


def test_repair_gives_units_the_moments_between_the_ends():
    from modescape.paths.repair import moments, repairing

    model, inputs = permutable.made("mlp")
    other, _ = permutable.made("mlp")
    with torch.no_grad():
        for tensor in other.parameters():
            tensor.mul_(-1.5)
    line = Path.straight(model, separate(model, model), separate(model, other))
    setting = Setting.of(model, [(part, None) for part in inputs.split(5)])  # 5, 5, 2
    ends = [moments(setting, line.at(t)) for t in (0.0, 1.0)]
    with repairing(setting, line.at(0.25), ends, 0.25):
        own = moments(setting, line.at(0.25))  # measured after the repair
    for (name, (mean, spread)), near in zip(own.items(), (1e-5, 0.02), strict=True):  # exact in the first layer
        torch.testing.assert_close(mean, torch.lerp(ends[0][name][0], ends[1][name][0], 0.25), atol=near, rtol=near)
        torch.testing.assert_close(spread, torch.lerp(ends[0][name][1], ends[1][name][1], 0.25), atol=near, rtol=near)
    assert list(own) == ["0", "2"]  # the last layer's outputs are logits


def test_examples_of_several_answers_add_up_to_the_mean_over_answers():
    inputs = torch.randn(4, 5, 3, generator=rng.stream(0, "inputs"))
    target = torch.arange(20).view(4, 5) % 3
    target[0, :3] = -100  # ignored
    with rng.seeded(0):
        model = nn.Linear(3, 3)
    losses, errors = Setting.of(model, [(inputs, target)]).examined({})
    wanted = nn.functional.cross_entropy(model(inputs).flatten(0, 1), target.flatten())
    assert float(losses.mean()) == pytest.approx(float(wanted.detach()))
    wrong = (model(inputs).argmax(-1) != target)[target != -100]
    assert float(errors.mean()) == pytest.approx(float(wrong.double().mean()))
    own, none = Setting.of(model, [(inputs, inputs)], lambda out, target: (out - target).abs().mean()).examined({})
    torch.testing.assert_close(own, (model(inputs) - inputs).abs().mean((1, 2)).double().detach())
    assert none is None


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda data: ms.fit_path(*ENDS[:1], *ENDS, data, path="arc"), "path is 'arc'; expected one of linear, bezier"),
        (lambda data: ms.fit_path(*ENDS[:1], *ENDS, data, bends=0), "bends is 0; expected 1 or more"),
        (lambda data: ms.barrier(*ENDS[:1], *ENDS, data, reset="all"), "reset is 'all'; expected one of none"),
        (lambda data: ms.barrier(*ENDS[:1], *ENDS, data, level=95), "level is 95; expected a number between 0 and 1"),
        (lambda data: ms.barrier(*ENDS[:1], *ENDS, data, loss="mse"), "cannot be permuted"),
        (lambda data: ms.barrier(*ENDS[:1], *ENDS, [CENTRE], loss="mse", aligned=False), "a batch has no target"),
        (lambda data: ms.barrier(*ENDS[:1], *ENDS, [], loss="mse", aligned=False), "there are no batches"),
        (lambda data: ms.fit_path(*ENDS[:1], *ENDS, data, path="linear").at(1.5), "t is 1.5; expected a position"),
        (lambda data: ms.align(ENDS[0], ModelState({}, {}), ENDS[0], data), "a: the point has no 'weight'"),
    ],
)
def test_what_is_wrong_is_said(call, message):
    with pytest.raises(InputError, match=message):
        call((CENTRE, CENTRE))


def test_the_lines_of_the_document_work():
    text = (File(__file__).parents[2] / "docs" / "paths.md").read_text(encoding="utf-8")
    names = {}
    with rng.seeded(0):
        exec("\n".join(re.findall(r"```python\n(.*?)```", text, re.DOTALL)), names)
    assert names["aligned"].after > names["aligned"].before
    assert names["found"].raw_low <= names["found"].raw <= names["found"].raw_high


class _Logarithm(nn.Module):
    """NaN where the product of two weights is negative, as half-way between networks of opposite signs."""

    def __init__(self, weights: tuple[float, float]) -> None:
        super().__init__()
        self.dense, self.weights = nn.Linear(2, 3), nn.Parameter(torch.tensor(weights))
        self.head = nn.Linear(3, 2)

    def forward(self, x):
        return self.head(self.dense(x) * self.weights.prod().log())


def test_a_line_through_nan_has_no_barrier_in_loss_nor_error():
    torch.manual_seed(0)
    ends = [_Logarithm((2.0, 1.5)), _Logarithm((-2.0, -1.0))]  # the product is negative only between
    batches = [(torch.randn(8, 2), torch.tensor([0, 1] * 4))]
    found = ms.barrier(ends[0], ends[0], ends[1], batches, t=21, aligned=False)
    gap = np.isnan(found.profiles["raw"].loss)
    assert 0 < gap.sum() < 21 - 2
    for kind, own in found.profiles.items():
        assert np.isnan(own.error).tolist() == gap.tolist(), kind
    assert [math.isnan(height) for height in (found.raw, found.raw_reset, found.error.raw)] == [True] * 3
