"""The curvature analysis against the library and torch at the study's own weights."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import xarray as xr

from modescape import tree
from modescape.analyses.curvature import draw, words
from modescape.analyses.curvature.example import example
from modescape.analyses.curvature.measure import from_others, measure
from modescape.analyses.curvature.spectra import spectra
from modescape.analyses.field import field, point_of, tensors_of
from modescape.context import StudyContext
from modescape.curvature import eigenvalues, hessian, sharpness, spectral_density, trace
from modescape.functionspace import disagreement
from modescape.metrics.ranks import rank_correlation
from modescape.study import Study

pytestmark = pytest.mark.ci  # studies are trained for them

SMALL = {"examples": 40, "probes": 3, "steps": 10, "epochs": 3, "points": 60, "climbs": 2}


@pytest.fixture(scope="module")
def found(networks: Study) -> xr.Dataset:
    return measure(StudyContext(networks), **SMALL)


def test_spectra_are_those_of_torch_s_own_second_derivatives(networks: Study, found: xr.Dataset):
    """The largest eigenvalue by power iteration with torch's own Hessian-vector product of the plain module."""
    context = StudyContext(networks)
    train, point = context.dataset.train.first(40), point_of(context, 1)
    model = networks.model()
    model.load_state_dict(tensors_of(point))
    inputs, labels = context.preparation(train.inputs), train.label
    model.eval()

    def loss(vector):
        output = torch.func.functional_call(model, tree.unravel(vector, point.params), (inputs,))
        return torch.nn.functional.cross_entropy(output, labels)

    place = tree.ravel(point.params)
    along = torch.randn(len(place), generator=torch.Generator().manual_seed(0))
    for _ in range(60):
        product: torch.Tensor = torch.autograd.functional.hvp(loss, place, along / along.norm())[1]  # type: ignore[assignment]
        along = product
    row = found["member"].values.tolist().index(1)
    assert float(found["largest"][row, 0]) == pytest.approx(float(along.norm()), rel=1e-3)
    assert float(found["largest_error"][row, 0]) < 1e-3 * float(along.norm())


def test_numbers_are_those_of_the_library(networks: Study, found: xr.Dataset):
    context = StudyContext(networks)
    train, test = context.dataset.train.first(40), context.dataset.test
    for row, member in enumerate(found["member"].values):
        point = point_of(context, int(member))
        own = field(context, point, train)
        again = spectral_density(hessian(own), 3, 10, t=torch.tensor(found["x"].values), deviation=found.deviation)
        drawn = found["density"][row].values
        np.testing.assert_allclose(drawn, again.density.numpy(), rtol=1e-3, atol=1e-3 * drawn.max())
        assert float(found["trace"][row]) == pytest.approx(again.trace.value, rel=1e-3)
        truth = trace(hessian(own), 200).value
        width = float(found["trace_high"][row] - found["trace_low"][row])  # twice as wide as 95 %
        assert abs(float(found["trace"][row]) - truth) < width
        wanted = eigenvalues(hessian(own), 1, tolerance=1e-6).values[0]
        assert float(found["largest"][row, 0]) == pytest.approx(float(wanted), rel=1e-4)
        for ball, radius in (("ball", 0.05), ("adaptive", 0.5)):
            rise = sharpness(own, None, radius, adaptive=ball == "adaptive", ascents=1, steps=2, samples=4)
            assert float(found["sharpness"].sel(approach=ball)[row]) == pytest.approx(rise.worst, rel=1e-3, abs=1e-6)
        assert float(found["train_loss"][row]) == pytest.approx(own.value(), rel=1e-5)
        assert float(found["test_loss"][row]) == pytest.approx(field(context, point, test).value(), rel=1e-5)
    assert found.attrs["training_examples"] == 40


def test_disagreement_and_correlations_are_those_of_the_predictions(networks: Study, found: xr.Dataset):
    predictions = networks.predictions("test")
    last = networks.recipe.train.epochs
    said = np.stack([predictions.log_prob(predictions.index(member, last)).argmax(-1) for member in (0, 1, 2)])
    apart = disagreement(said)
    np.testing.assert_allclose(found["disagreement"], apart.sum(1) / 2)
    wanted = rank_correlation(found["trace"].values, found["disagreement"].values)
    assert float(found["correlation"].sel(metric="trace", other_metric="disagreement")) == pytest.approx(wanted.value)
    assert np.isnan(found["correlation_low"]).all()  # three members allow no interval
    assert "too few members" in draw.caption(found)


def test_a_member_without_predictions_is_as_far_from_the_others_as_nothing_says():
    nothing = np.nan
    apart = np.array([[0, 1, nothing, 3], [1, 0, nothing, 5], [nothing] * 4, [3, 5, nothing, 0]])
    np.testing.assert_array_equal(from_others(apart), [2, 3, nothing, 4])
    assert np.isnan(from_others(np.zeros((1, 1)))).all()


def test_a_run_ends_at_its_solution(found: xr.Dataset):
    assert found["epoch"].values.tolist() == [0, 1, 4]
    row = found["member"].values.tolist().index(found.attrs["followed"])
    for name in ("largest", "smallest", "trace", "trace_low"):
        np.testing.assert_array_equal(found[f"epoch_{name}"].values[-1], found[name].values[row])


def test_points_without_a_finite_loss_are_gaps(networks: Study):
    context = StudyContext(networks)
    good = tensors_of(point_of(context, 0))
    bad = {name: tensor * np.inf for name, tensor in good.items()}
    told: list[int] = []
    over = field(context, point_of(context, 0), context.dataset.train.first(20))
    first, second, third = spectra(over, [good, bad, good], 2, 3, told.append)
    assert second is None
    assert first is not None
    assert third is not None
    torch.testing.assert_close(first.ritz, third.ritz)
    assert sum(told) == 3


def test_numbers_of_a_regression_have_its_own_words(regression: Study):
    found = measure(StudyContext(regression), **SMALL)
    assert np.isfinite(found["largest"].values).all()
    assert found["other_metric"].values.tolist() == ["test_loss", "prediction_distance"]
    labels = [panel.y_label for panel in draw.describe(found).panels]
    assert "Distance from others (mm)" in labels
    assert "distance of predictions" in words.summarize(found).header


def test_one_largest_eigenvalue_is_no_range():
    assert "The largest eigenvalue is " in words.summarize(example().isel(member=[0])).text
    assert "The largest eigenvalue lies between " in words.summarize(example()).text


def test_what_is_significant_is_said_and_what_is_not():
    none = example()
    assert "include 0: these members do not show" in words.summarize(none).text
    one = none.copy(deep=True)
    one["correlation_low"][0, 0] = 0.1
    assert "1 of 8 intervals of rank correlations excludes 0; with so many, one may do so by chance." in draw.caption(
        one
    )
    assert "1 point without a finite loss" in draw.caption(none)
