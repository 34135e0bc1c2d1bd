"""Solutions and samples are compared with batch-norm statistics of one kind: at distance 0 they are one network."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from modescape import analyses, pipeline
from modescape.analyses import sampling
from modescape.metrics import nll


def network(num_classes: int, norm: str) -> nn.Module:
    """Two convolutions with dropout, and a normalisation behind the first."""
    norms = {"batch": nn.BatchNorm2d(6), "group": nn.GroupNorm(2, 6), "none": nn.Identity()}
    return nn.Sequential(
        nn.Conv2d(1, 6, 3), norms[norm], nn.ReLU(), nn.Dropout(0.1), nn.Flatten(), nn.Linear(216, num_classes)
    )


SMALL = (
    *("train.members=2", "train.epochs=3", "train.trajectories=2", "data.test=60", "data.validation=40"),
    *("data.train=100", "subspace.samples=3", "analyses=[]", "compute.engine=here"),
    "model.factory=analyses.test_one_policy:network",
)


@pytest.fixture(scope="module", params=["batch", "group", "none"])
def study(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param) / "study"
    return pipeline.run("digits", folder, overrides=[*SMALL, f"model.arguments={{norm: {request.param}}}"])


@pytest.fixture
def around(study):
    return sampling.surroundings(sampling.place_of(study), 1)


def test_a_sample_at_distance_0_is_the_solution(study, around):
    images = around.place.dataset.test.image
    sample = sampling.predict(around.place, around.installed(around.trajectory[-1:]), images)
    solution = around.log_prob("single", None, 1, {"": images})[""]
    np.testing.assert_allclose(sample, solution, atol=1e-6)
    snapshots = around.log_prob("trajectory", None, 2, {"": images})[""]
    np.testing.assert_allclose(snapshots[-1], solution[0], atol=1e-6)
    np.testing.assert_allclose(around.checkpoints([2, 3], images), snapshots, atol=1e-6)


def test_statistics_are_the_mean_over_training_images(study, around):
    """Written out: mean and unbiased variance of what comes into the layer, over the one batch that there is."""
    solution = study.state(1, 3)
    module = study.model().eval()
    module.load_state_dict({**solution.params, **solution.buffers})
    if isinstance(module[1], nn.BatchNorm2d):
        with torch.no_grad():
            entering = module[0](around.place.dataset.train.image.float() / 255)
        module[1].running_mean = entering.mean((0, 2, 3))
        module[1].running_var = entering.transpose(0, 1).flatten(1).var(1)
    images = around.place.dataset.test.image
    with torch.no_grad():
        wanted = torch.log_softmax(module(images.float() / 255), -1)
    np.testing.assert_allclose(around.log_prob("single", None, 1, {"": images})[""][0], wanted, atol=1e-5)


def test_the_sweep_of_scales_ends_at_the_solution(study, around):
    result = analyses.measure("subspace_scales", study)
    split = around.place.dataset.validation
    members = [sampling.surroundings(around.place, member) for member in (0, 1)]
    found = [
        nll(sampling.predict(one.place, one.installed(one.trajectory[-1:]), split.image)[0], split.label.numpy())
        for one in members
    ]
    assert result.attrs["solution_nll"] == pytest.approx(float(np.mean(found)), abs=1e-6)
