"""Regression as a task: its loss against torch's, units, bad targets, and a study from training to the page."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import modescape as ms
from modescape import data, recipe
from modescape.data.dataset import Dataset
from modescape.data.targets import far_targets
from modescape.errors import InputError
from modescape.metrics import regression as metrics
from modescape.study.status import verify
from modescape.tasks import task_of
from modescape.tasks.regression import Regression

MEMBERS, EXAMPLES = 3, 20
random = torch.Generator().manual_seed(0)
TARGET = 50 + torch.tensor([4.0, 0.5]) * torch.randn(EXAMPLES, 2, generator=random, dtype=torch.float64)
OUTPUT = torch.randn(MEMBERS, EXAMPLES, 4, generator=random, dtype=torch.float64)
TASK = Regression.fit(TARGET.numpy(), ("a", "b"), variance=True, unit="mm")
ALONE = Regression(TASK.names, TASK.mean, TASK.deviation, variance=False)


def test_targets_are_seen_in_standard_deviations():
    seen = TASK.seen(TARGET)
    torch.testing.assert_close(seen.mean(0), torch.zeros(2), atol=1e-5, rtol=0)
    torch.testing.assert_close(seen.std(0, correction=0), torch.ones(2))
    assert (TASK.width, ALONE.width, TASK.predicted, ALONE.predicted) == (4, 2, 4, 4)


def test_the_loss_is_that_of_torch():
    seen = TASK.seen(TARGET).double().expand(MEMBERS, -1, -1)
    mean, log_variance = OUTPUT.chunk(2, -1)
    torchs = nn.GaussianNLLLoss(full=True, reduction="none", eps=1e-12)(mean, seen, log_variance.exp()).sum(-1)
    torch.testing.assert_close(TASK.loss(OUTPUT, seen), torchs, rtol=1e-12, atol=0)
    torch.testing.assert_close(TASK.mean_loss(OUTPUT, seen), torchs.mean(-1), rtol=1e-12, atol=0)
    half = 0.5 * nn.MSELoss(reduction="none")(mean, seen).sum(-1)
    torch.testing.assert_close(ALONE.loss(mean, seen), half, rtol=1e-12, atol=0)


@pytest.mark.parametrize("task", [TASK, ALONE], ids=["with variance", "mean alone"])
def test_predictions_are_in_the_unit_of_the_target(task):
    output = OUTPUT[..., : task.width]
    found = task.predictive(output)
    seen = TASK.seen(TARGET).double()
    loss, rmse = task.probe(found, TARGET)
    expected = task.mean_loss(output, seen.expand(MEMBERS, -1, -1))
    torch.testing.assert_close(loss, expected, rtol=1e-6, atol=1e-6)  # standardised targets are float32
    np.testing.assert_allclose(rmse, metrics.rmse(found.numpy(), TARGET.numpy()), rtol=1e-12)
    told = task.told(task.tally(output, seen.expand(MEMBERS, -1, -1)) / EXAMPLES)
    np.testing.assert_allclose(told, rmse, rtol=1e-6)
    if task.variance:  # a value's density is that of its standard score, divided by the deviation
        nll = metrics.example_nll(found.numpy(), TARGET.numpy()).mean(-1)
        np.testing.assert_allclose(nll, loss + np.log(task.deviation).sum(), rtol=1e-6)


def test_the_variance_of_a_mean_alone_is_that_of_validation_errors():
    found = ALONE.predictive(OUTPUT[0, :, :2]).numpy()
    completed = ALONE.completed(found[:5], found, TARGET.numpy())
    np.testing.assert_array_equal(completed[:, :2], found[:5, :2])
    squared = np.square(found[:, :2] - TARGET.numpy()).mean(0)
    np.testing.assert_allclose(np.exp(completed[:, 2:]), np.broadcast_to(squared, (5, 2)), rtol=1e-12)
    assert not TASK.needs_validation
    assert ALONE.needs_validation


def test_bad_targets_are_refused():
    with pytest.raises(InputError, match="the target of row 3"):
        TASK.check(np.where(np.arange(10)[:, None] == 3, np.nan, np.ones((10, 2))), "x")
    with pytest.raises(InputError, match="'b' is 2 in all 5 training examples"):
        Regression.fit(np.array([[1.0, 2], [2, 2], [3, 2], [4, 2], [5, 2]]), ("a", "b"), variance=True, unit="")
    with pytest.raises(InputError, match="no classes to smooth over"):
        TASK.smoothed(0.1)


def test_targets_far_out_of_scale_are_said_also_among_those_that_are_trained_on():
    train = TARGET.numpy()
    assert TASK.far(train, train, "here") == ()
    (said,) = TASK.far(np.array([[50.0, 50], [1e4, 50]]), train, "here")
    assert said.startswith("1 target here lies more than 20 deviations from the median training target (such as 10000)")
    spoilt = np.concatenate([train, [[1e6, 0.0]]])  # it dominates the standard deviation
    assert "1 target in the training split" in far_targets(TASK, torch.tensor(spoilt), test=TARGET)[0]
    same = np.zeros((100, 2))  # most targets are equal, so the standard deviation is the scale
    same[:3] = 1.0
    assert TASK.far(same, same, "here") == ()


def test_the_manifest_gives_the_task_back():
    assert task_of({"num_classes": 2, "task": TASK.as_dict()}) == TASK


@pytest.fixture(scope="session")
def ink(made_once) -> Path:
    """Pictures of 6 x 6 pixels, and their brightness with noise."""

    def make(folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        draws = np.random.default_rng(0)
        level = draws.uniform(40, 200, 120)
        image = np.clip(level[:, None, None] + draws.normal(0, 20, (120, 6, 6)), 0, 255).astype(np.uint8)
        np.savez(folder / "ink.npz", image=image, label=level / 10 + draws.normal(0, 1, 120))

    return made_once("ink", make) / "ink.npz"


def loaded(path: Path, **settings: object) -> Dataset:
    return data.load(recipe.Data(source=str(path), test=30, validation=30), 0, task=recipe.Task(**settings))


def test_numbers_with_fractions_are_a_regression(ink):
    found = loaded(ink, unit="lx")
    assert isinstance(found.task, Regression)
    assert found.task.unit == "lx"
    assert found.train.label.shape == (60, 1)
    assert found.class_names == ("target",)
    for wrong, words in (
        ({"kind": "classification"}, "not classes"),
        ({"class_weights": "balanced"}, "not classes"),
        ({"ignore": -1}, "a label of classes"),
    ):
        with pytest.raises(InputError, match=words):
            loaded(ink, **wrong)


def test_wrong_numbers_are_refused_by_row(tmp_path):
    image = np.random.default_rng(0).integers(0, 256, (120, 6, 6), dtype=np.uint8)
    np.savez(tmp_path / "nan.npz", image=image, label=np.where(np.arange(120) == 7, np.nan, np.arange(120) / 3))
    with pytest.raises(InputError, match="the target of row 7 is nan"):
        loaded(tmp_path / "nan.npz")
    np.savez(tmp_path / "constant.npz", image=image, label=np.full(120, 0.5))
    with pytest.raises(InputError, match="nothing can be learned from a constant"):
        loaded(tmp_path / "constant.npz")
    np.savez(tmp_path / "whole.npz", image=image, label=np.arange(120) % 7)
    assert isinstance(loaded(tmp_path / "whole.npz", kind="regression").task, Regression)
    assert loaded(tmp_path / "whole.npz").task.kind == "classification"


SMALL = ["data.test=30", "data.validation=30", "train.members=2", "train.epochs=2", "compute.engine=here"]


@pytest.mark.ci
@pytest.mark.parametrize("variance", ["true", pytest.param("false", marks=pytest.mark.long)])
def test_a_study_of_a_regression(ink, tmp_path, variance):
    settings = [*SMALL, f"data.source={ink}", f"task.variance={variance}", "task.unit=lx"]
    chosen = "analyses=[training, ensemble_size, confusion, decomposition, calibration, solution_similarity, cyclic]"
    study = ms.run("digits", tmp_path / "one", overrides=[*settings, chosen])
    predictions = study.predictions("test")
    assert predictions.label.shape == (30, 1)
    assert predictions.predictive(member=0).shape == (30, 2)
    with pytest.raises(InputError, match="no log-probabilities"):
        predictions.log_prob(member=0)
    history = study.member(1).history()
    assert history["validation_rmse"].shape == (2,)
    found = study.predictions("validation").predictive(member=1, epoch=2)
    rmse = float(metrics.rmse(found, study.predictions("validation").label))
    assert history["validation_rmse"][-1] == pytest.approx(rmse, rel=1e-5)
    curve = study.result("ensemble_size")
    assert curve.attrs["target_unit"] == "lx"
    single = curve["score"].sel(approach="independent", metric="rmse", size=1)
    both = [float(metrics.rmse(predictions.predictive(member=member), predictions.label)) for member in (0, 1)]
    assert float(single) == pytest.approx(np.mean(both), rel=1e-9)
    parts = study.result("decomposition").sel(approach="independent")
    assert float(parts["ensemble_score"].sel(metric="squared_error")) == pytest.approx(
        float(curve["score"].sel(approach="independent", metric="rmse", size=2)) ** 2, rel=1e-9
    )
    calibration = study.result("calibration")
    assert calibration["variance_factor"].shape == (2,)
    if variance == "false":  # the variance already comes from validation errors
        assert float(calibration["variance_factor"].sel(size=1)) == pytest.approx(1, rel=1e-5)
    assert float(calibration["nll"].sel(approach="as predicted", size=2)) == pytest.approx(
        float(curve["score"].sel(approach="independent", metric="nll", size=2)), rel=1e-9
    )
    apart = study.result("solution_similarity")["prediction_distance"].values[0, 1]
    assert apart == pytest.approx(2 * float(parts["diversity"].sel(metric="squared_error")) ** 0.5, rel=1e-6)
    assert "counts which classes are mixed up" in study.result("confusion").attrs["not_enough"]
    assert verify(study.path) == []
    page = (study.path / "report.html").read_text()
    assert "root mean squared error by" in page
    assert study.model()(torch.zeros(2, *study.manifest["image_shape"])).shape == (2, 2 if variance == "true" else 1)
    grown = ms.run("digits", tmp_path / "one", overrides=[*settings, chosen, "train.members=3"])
    alone = ms.run("digits", tmp_path / "other", overrides=[*settings, "train.members=3", "analyses=[training]"])
    for member in range(3):
        for name, tensor in grown.params(member, 2).items():
            assert torch.equal(tensor, alone.params(member, 2)[name])
