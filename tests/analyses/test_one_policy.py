"""Solutions and samples are compared with batch-norm statistics of one kind: at distance 0 they are one network."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from modescape import analyses, pipeline
from modescape.analyses import drawing, image_sets, sampling, scales
from modescape.analyses.costs import Sizes, sweep_images
from modescape.analyses.sampled import with_sampled
from modescape.analyses.stored import Request
from modescape.context import StudyContext
from modescape.metrics import nll
from modescape.offered import stacked


def network(num_classes: int, norm: str) -> nn.Module:
    """Two convolutions with dropout, and a normalisation layer after the first."""
    norms = {"batch": nn.BatchNorm2d(6), "group": nn.GroupNorm(2, 6), "none": nn.Identity()}
    return nn.Sequential(
        nn.Conv2d(1, 6, 3), norms[norm], nn.ReLU(), nn.Dropout(0.1), nn.Flatten(), nn.Linear(216, num_classes)
    )


NORMS = ("batch", "group", "none")
SMALL = (
    *("train.members=2", "train.trajectories=2", "data.test=60", "data.validation=40"),
    *("data.train=100", "subspace.samples=3", "subspace.choosing=6", "analyses=[]", "compute.engine=here"),
    "model.factory=analyses.test_one_policy:network",
)
SIZES = {  # small settings, so that analyses run quickly
    "tsne_subspace": {"samples": 3, "examples": 50},
    "radial": {"radii": 3, "angles": 5, "examples": 60, "samples": 3},
    "tunnel": {"levels": 1, "steps": 2, "points": 3, "radii": 2, "examples": 60},
    "calibration": {"resamples": 50},
    "diversity_plane": {"draws": 6},
    "diversity_map": {"examples": 60, "train_examples": 40, "points": 3},
}
SAMPLING = [name for name, one in analyses.ANALYSES.items() if analyses.AROUND in one.uses]


def trained(folder, norm, epochs):
    settings = [*SMALL, f"train.epochs={epochs}", f"model.arguments={{norm: {norm}}}"]
    return pipeline.run("digits", folder, overrides=settings)


@pytest.fixture(scope="module", params=NORMS)
def study(request, tmp_path_factory):
    return trained(tmp_path_factory.mktemp(request.param) / "study", request.param, 3)


LATER = [pytest.param((norm, 3), marks=pytest.mark.long) for norm in NORMS]


@pytest.fixture(scope="module", params=[*((norm, 1) for norm in NORMS), *LATER], ids=str)
def any_study(request, tmp_path_factory):
    norm, epochs = request.param
    return trained(tmp_path_factory.mktemp(f"{norm}-{epochs}") / "study", norm, epochs)


@pytest.fixture(scope="module")
def context(study):
    return StudyContext(study)


@pytest.fixture
def around(context):
    return sampling.neighbourhood(context, 1)


def test_a_sample_at_distance_0_is_the_solution(study, around):
    images = around.context.dataset.test.inputs
    sample = drawing.predict(around.context, around.installed(around.trajectory[-1:]), images)
    solution = around.log_prob("single", None, 1, {"": images})[""]
    np.testing.assert_allclose(sample, solution, atol=1e-6)
    snapshots = around.log_prob("trajectory", None, 2, {"": images})[""]
    np.testing.assert_allclose(snapshots[-1], solution[0], atol=1e-6)
    announced = Request(1, "trajectory", None, 0, (image_sets.clean(around.context),), epochs=(0, 2, 3))
    whole = with_sampled(around.context, [announced]).sampled["test"]
    np.testing.assert_allclose(stacked(whole, whole.groups["trajectory"][1:]), snapshots, atol=1e-6)


def test_every_method_at_distance_0_is_the_solution(around):
    images = around.context.dataset.test.inputs
    solution = around.log_prob("single", None, 1, {"": images})[""][0]
    for method in sampling.available(around.context):
        if method != "mc_dropout":
            assert around.control(method, images, solution) <= 1e-6, method
    moved = np.roll(solution, 1, axis=0)
    assert around.control("swag", images, moved) > 0.01


@pytest.mark.ci
@pytest.mark.parametrize("name", SAMPLING)
def test_every_analysis_that_samples_has_a_control_at_distance_0(any_study, name):
    control = analyses.measure(name, any_study, **SIZES.get(name, {}))["control"]
    known = control.values[np.isfinite(control.values)]
    assert known.size
    assert (known <= 1e-6).all()
    without = {"single", "independent", "mc_dropout", "independent + mc_dropout"}
    if "other_member" not in control.dims and "member" not in control.dims:
        names = control[control.dims[0]].values
        assert {str(one) for one in names[~np.isfinite(control.values)]} <= without


@pytest.mark.ci
def test_what_recomputed_statistics_change_is_in_the_result(any_study):
    found = analyses.measure("ensemble_methods", any_study)
    there = any_study.recipe.model.arguments["norm"] == "batch"
    assert found.attrs["batch_norm_layers"] == int(there)
    kept = [any_study.predictions("test").index(member, any_study.recipe.train.epochs) for member in (0, 1)]
    stored = any_study.predictions("test").log_probs(kept)
    label = any_study.predictions("test").label
    own = found["stored_score"].sel(metric="nll")
    assert float(own) == pytest.approx(float(np.mean(nll(stored, label))), abs=1e-6)
    used = found["score"].sel({"approach": "independent", "size": 1})
    np.testing.assert_allclose(found["recomputed_score"], used, atol=1e-6)
    assert bool((found["stored_jensen_shannon"] > 1e-6).all()) == there


@pytest.mark.ci
def test_the_images_of_recomputed_statistics_are_known_before(study):
    sent: list[int] = []
    context = StudyContext(study)
    with context.heard_by(sent.append):
        scales.sweeps(context)
    there = study.recipe.model.arguments["norm"] == "batch"
    sizes = Sizes(study.recipe, 2, 100, 40, 60, batch_norm=there)
    assert sizes.statistics == (100 if there else 0)
    assert 0.5 < sweep_images(sizes) / sum(sent) < 2


def test_statistics_are_the_mean_over_training_images(study, around):
    """Against the mean and unbiased variance of the layer's input over the only batch."""
    solution = study.state(1, 3)
    module = study.model().eval()
    module.load_state_dict({**solution.params, **solution.buffers})
    if isinstance(module[1], nn.BatchNorm2d):
        with torch.no_grad():
            entering = module[0](around.context.dataset.train.inputs.float() / 255)
        module[1].running_mean = entering.mean((0, 2, 3))
        module[1].running_var = entering.transpose(0, 1).flatten(1).var(1)
    images = around.context.dataset.test.inputs
    with torch.no_grad():
        wanted = torch.log_softmax(module(images.float() / 255), -1)
    np.testing.assert_allclose(around.log_prob("single", None, 1, {"": images})[""][0], wanted, atol=1e-5)


@pytest.mark.ci
def test_the_sweep_of_scales_ends_at_the_solution(study, around):
    result = analyses.measure("subspace_scales", study)
    split = around.context.dataset.validation
    members = [sampling.neighbourhood(around.context, member) for member in (0, 1)]
    found = [
        nll(drawing.predict(one.context, one.installed(one.trajectory[-1:]), split.inputs)[0], split.label.numpy())
        for one in members
    ]
    assert result.attrs["solution_nll"] == pytest.approx(float(np.mean(found)), abs=1e-6)
