"""Barriers of every two solutions are those that `modescape.barrier` gives, and paths end at solutions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import permutable
import pytest
import torch
from stand_ins import no_figures
from torch import nn

import modescape as ms
from modescape import analyses, pipeline, rng
from modescape.alignment import separate, symmetry
from modescape.analyses.connectivity.barriers import Barriers, Lines
from modescape.analyses.connectivity.draw import KINDS, caption, kinds_of
from modescape.analyses.field import batches_of, point_of
from modescape.context import StudyContext
from modescape.paths import between
from modescape.study import Study
from modescape.types import ModelState


def matrices(model: nn.Module, states: list[ModelState], batches: list[Any], **more: Any) -> Barriers:
    lines = Lines(model, batches, batches, t=5, **({"loss": "cross_entropy", "squared": None} | more))
    examples = sum(len(target) for _, target in batches)
    found = Barriers(len(states), None, examples)
    found.measure(lines, states, lambda lines: None)
    return found


def others(name: str) -> tuple[nn.Module, list[ModelState], list[Any]]:
    """States: a network twice, its permuted copy, and a different network; and a batch."""
    model, inputs = permutable.made(name)
    own = separate(model, model)
    found = symmetry(model, own, inputs)
    order = found.random(rng.stream(1, "permutations"))
    moved = found.permute({**own.params, **own.buffers}, order)
    stream = rng.stream(2, "another")
    noisy = {name: tensor + 0.3 * torch.randn(tensor.shape, generator=stream) for name, tensor in own.params.items()}
    target = torch.arange(len(inputs[0] if isinstance(inputs, tuple) else inputs)) % 3
    return model, [own, own, separate(model, moved), ModelState(noisy, own.buffers)], [(inputs, target)]


@pytest.mark.parametrize("name", ["mlp", "cnn", "transformer"])
def test_a_solution_has_no_barrier_to_itself_nor_once_aligned_to_itself_in_another_order(name):
    model, states, batches = others(name)
    found = matrices(model, states[:3], batches)
    assert (found.value[..., range(3), range(3)] == 0).all()
    np.testing.assert_allclose(found.value[..., 0, 1], 0, atol=1e-5)
    np.testing.assert_allclose(found.value[2:, :, 0, 2], 0, atol=1e-5)
    assert found.aligned_cosine[0, 2] == pytest.approx(1, abs=1e-6)
    assert found.cosine[0, 2] < 0.99
    assert found.first is not None


def test_matrices_are_what_the_barrier_of_every_pair_says():
    model, states, batches = others("cnn")
    chosen = [states[0], states[2], states[3]]
    found = matrices(model, chosen, batches)
    for i, j in ((0, 1), (0, 2), (1, 2)):
        one = ms.barrier(model, chosen[i], chosen[j], batches, t=5)
        for row, kind in enumerate(between.KINDS):
            for values, end in ((found.value, ""), (found.low, "_low"), (found.high, "_high")):
                assert values[row, 0, i, j] == values[row, 0, j, i] == getattr(one, kind + end)
                assert values[row, 1, i, j] == getattr(one.error, kind + end)
    means = found.variables("nats")["mean_barrier"][1]
    np.testing.assert_allclose(means, found.value[..., [0, 0, 1], [1, 2, 2]].mean(-1))


def test_barriers_of_numbers_are_of_the_root_of_the_mean_squared_error():
    model = nn.Linear(1, 1, bias=False).double()
    states = [ModelState({"weight": torch.tensor([[value]]).double()}, {}) for value in (1.0, -3.0)]
    x = torch.tensor([[1.0], [2.0], [-4.0]], dtype=torch.float64)
    more = {
        "loss": nn.functional.mse_loss,
        "squared": lambda output, target: 4 * nn.functional.mse_loss(output, target),
    }
    found = matrices(model, states, [(x, 0 * x)], **more)
    line = np.abs(np.linspace(1, -3, 5)) * 2 * math.sqrt(7)  # the root is piecewise linear along the path
    assert found.value[0, 1, 0, 1] == pytest.approx(max(line - np.linspace(line[0], line[-1], 5)), abs=1e-12)
    assert "cannot be permuted" in found.refused  # the network has no hidden units
    assert np.isnan(found.value[2:, :, 0, 1]).all()
    assert np.isfinite(found.value[:2]).all()


def test_a_layer_without_a_known_permutation_is_named_and_the_others_barriers_stay():
    class Recurrent(nn.Module):
        def __init__(self):
            super().__init__()
            self.cells, self.out = nn.LSTM(4, 5, batch_first=True), nn.Linear(5, 3)

        def forward(self, x):
            return self.out(self.cells(x)[0][:, -1])

    with rng.seeded(3):
        models, x = [Recurrent() for _ in range(3)], torch.randn(8, 6, 4)
    found = matrices(models[0], [separate(models[0], one) for one in models], [(x, torch.arange(8) % 3)])
    assert "'cells'" in found.refused
    variables = found.variables("nats")
    assert np.isfinite(variables["mean_barrier"][1][:2]).all()
    assert np.isnan(variables["mean_barrier"][1][2:]).all()
    assert found.first is None


def test_intervals_of_means_are_for_new_networks():
    """At least as wide as for these networks alone, and centred at the mean over pairs."""
    model, states, batches = others("mlp")
    stream = rng.stream(5, "more")
    noisy = [
        {name: t + 0.5 * torch.randn(t.shape, generator=stream) for name, t in states[0].params.items()} for _ in "abc"
    ]
    found = matrices(model, [states[0], *(ModelState(one, {}) for one in noisy)], batches)
    mean, low, high = (found.variables("nats")[f"mean_barrier{end}"][1] for end in ("", "_low", "_high"))
    pairs = found.value[..., *np.triu_indices(4, 1)]
    np.testing.assert_allclose(mean, pairs.mean(-1), atol=1e-12)
    np.testing.assert_allclose(low, np.maximum(2 * mean - high, 0), atol=1e-12)  # heights are never negative
    alone = found.of_member.sum(2) / 4 / 3  # contribution of each example to the mean
    np.testing.assert_allclose(alone.mean(-1), mean, atol=1e-12)
    assert (high - mean >= 1.9599 * alone.std(-1, ddof=1) / math.sqrt(alone.shape[-1]) - 1e-12).all()


def test_intervals_of_small_means_end_at_zero():
    found = Barriers(2, None, 40)
    rows = np.zeros((3, 40))
    rows[1, 0] = 1.0  # half-way, one example of forty is wrong
    found._add((0, 1), (0, 1), np.linspace(0, 1, 3), rows)
    mean, low, high = (found.variables("nats")[f"mean_barrier{end}"][1][0, 1] for end in ("", "_low", "_high"))
    assert (mean, low) == (0.025, 0.0)
    assert 0.05 < high < 0.08


@pytest.fixture(scope="module")
def measured(networks: Study):
    return networks.result("connectivity")


@pytest.mark.ci
def test_paths_of_a_study_end_at_its_solutions(networks: Study, measured):
    predictions = networks.predictions("test")
    log_prob = np.stack([predictions.log_prob(predictions.index(member, 4))[:60] for member in networks.trained])
    label = predictions.label[:60]
    loss = -log_prob[:, np.arange(60), label].mean(-1)
    for path in measured["other_approach"].values:
        own = measured.sel(other_approach=path)
        np.testing.assert_allclose(own["loss"].values[[0, -1]], loss[:2], atol=1e-5)
        np.testing.assert_allclose(own["accuracy"].values[[0, -1]], (log_prob.argmax(-1) == label).mean(-1)[:2])
        assert own["agreement"].isel(member=0, t=0) == own["agreement"].isel(member=1, t=-1) == 1
        assert own["similarity"].isel(member=0, t=0) == 1
        same = (log_prob[0].argmax(-1) == log_prob[2].argmax(-1)).mean()
        assert float(own["agreement"].isel(member=2, t=0)) == pytest.approx(same)
    assert float(measured["control"].max()) < 1e-5
    assert np.isfinite(measured["shifted_loss"]).all()


@pytest.mark.ci
def test_matrices_of_a_study_are_those_of_the_library(networks: Study, measured):
    context = StudyContext(networks)
    test, train = context.dataset.test.first(60), context.dataset.train.first(40)
    batches, reset = (batches_of(context, split, dtype=torch.float32) for split in (test, train))
    module = networks.model()
    one = ms.barrier(module, point_of(context, 0), point_of(context, 2), batches, t=3, reset_batches=reset)
    held = measured["barrier"].sel(member=0, other_member=2)
    for kind in KINDS:
        assert float(held.sel({"approach": kind, "metric": "loss"})) == pytest.approx(getattr(one, kind), abs=1e-5)
        assert float(held.sel({"approach": kind, "metric": "error"})) == pytest.approx(getattr(one.error, kind))
    first = measured["barrier"].sel(member=0, other_member=1, metric="loss").sel({"approach": "raw"})
    straight = measured["loss"].sel(other_approach="straight").values[::2]
    height = (straight - np.linspace(straight[0], straight[-1], 3)).max()
    assert float(first) == pytest.approx(max(height, 0), abs=1e-5)


@pytest.mark.ci
def test_paths_of_a_regression_are_of_the_error_in_the_targets_unit(regression: Study):
    found = regression.result("connectivity")
    predictions = regression.predictions("test")
    both = np.stack([predictions.predictive(predictions.index(member, 4))[:60, :1] for member in (0, 1)])
    error = np.sqrt(np.square(both - predictions.label[:60]).mean((1, 2)))
    straight = found.sel(other_approach="straight")
    np.testing.assert_allclose(straight["rmse"].values[[0, -1]], error, rtol=1e-5)
    middle = straight["rmse"].values[2] - error.mean()
    matrix = found["barrier"].sel({"approach": "raw", "metric": "error", "member": 0, "other_member": 1})
    assert float(matrix) == pytest.approx(max(middle, 0), abs=1e-4)
    assert found["prediction_distance"].sel(other_approach="bezier").values[0, 0] == pytest.approx(0, abs=1e-6)


SMALL = ["train.members=2", "train.epochs=1", "data.test=60", "data.validation=40", "compute.engine=here"]
SETTINGS = {"points": 3, "examples": 40, "train_examples": 40, "steps": 2}


@pytest.mark.ci
@pytest.mark.parametrize(
    ("recipe", "more", "reset"),
    [("text", ["data.train=64"], "REPAIR"), ("digits", ["model.factory=resnet20", "data.train=40"], "batch norm")],
)
def test_networks_with_attention_and_with_batch_norm_are_aligned(recipe, more, reset, tmp_path):
    with no_figures():
        pipeline.train(recipe, tmp_path / "study", overrides=[*SMALL, *more])
    found = analyses.measure("connectivity", Study.open(tmp_path / "study"), **SETTINGS)
    assert found.attrs["refused"] == ""
    assert found.attrs["reset"] == reset
    assert np.isfinite(found["barrier"].sel(metric="loss")).all()
    assert float(found["control"].max()) < 1e-4
    assert float(found["aligned_cosine"].mean()) > float(found["cosine"].mean())


def test_the_figure_says_what_was_refused_and_leaves_out_what_is_not_there():
    example = analyses.ANALYSES["connectivity"].part("example").example()
    refused = example.assign_attrs(refused="no permutation is known for layer 'cells'", shift="none: no shifts")
    refused = refused.assign(shifted_loss=refused["shifted_loss"] * np.nan)
    chart = analyses.ANALYSES["connectivity"].part("draw").describe(refused)
    titles = [panel.title for panel in chart.panels]
    assert kinds_of(refused) == ["raw", "raw_reset"]
    assert not any("corrupted" in title or "Aligned" in title for title in titles)
    assert "layer 'cells'" in caption(refused)
    assert "no loss on corrupted examples (no shifts)" in caption(refused)
