"""The loss on planes of a small study: values by a double loop, known positions, and gaps."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import xarray as xr
from stand_ins import no_figures

from modescape import analyses, pipeline, tree
from modescape.analyses import figures
from modescape.analyses.field import field, point_of, tensors_of
from modescape.analyses.landing import losses
from modescape.analyses.requirements import weights_of
from modescape.analyses.sampling import neighbourhood
from modescape.analyses.surface.measure import measure
from modescape.analyses.surface.planes import Run, axis, planes
from modescape.context import StudyContext
from modescape.study import Study

SMALL = [
    *("data.train=60", "data.test=50", "data.validation=20", "train.epochs=3", "train.trajectories=1"),
    *("compute.engine=here", "analyses=[surface]"),
]


def trained(folder, members: int, *more: str) -> StudyContext:
    with no_figures():
        pipeline.train("digits", folder, overrides=[*SMALL, f"train.members={members}", *more])
    return StudyContext(Study.open(folder))


@pytest.fixture(scope="module")
def context(tmp_path_factory) -> StudyContext:
    torch.set_num_threads(1)
    return trained(tmp_path_factory.mktemp("surface") / "s", 3)


@pytest.fixture(scope="module")
def found(context) -> xr.Dataset:
    return measure(context, points=5, examples=40)


def test_values_are_those_of_the_evaluator_at_the_same_weights(context, found):
    """The plane through three solutions by hand: solution 1, the direction to 2, the orthogonal part of that to 3."""
    around = neighbourhood(context, 0)
    one, two, three = (tree.ravel(point_of(context, member).params).double() for member in range(3))
    across = two - one
    up = (three - one) - (three - one) @ across / (across @ across) * across
    up *= across.norm() / up.norm()
    own = found.sel(approach="solutions")
    expected, right = np.empty((5, 5)), np.empty((5, 5))
    test = context.dataset.test.first(40)
    for row, y in enumerate(own["place_y"].values):
        for column, x in enumerate(own["place_x"].values):
            weights = one + x * across + y * up
            expected[row, column] = losses(around, weights[None], context.dataset.train.first(40))[0]
            module = context.study.model().eval()
            module.load_state_dict(tree.unravel(weights.float(), around.states[-1].params))
            with torch.no_grad():
                labels = module(context.preparation(test.inputs)).argmax(-1)
            right[row, column] = float((labels == test.label).float().mean())
    np.testing.assert_allclose(own["loss"], expected, rtol=1e-4)
    np.testing.assert_allclose(own["accuracy"], right, atol=1.01 / 40)  # one image may be at the decision boundary


def test_solutions_and_runs_lie_where_they_are_known_to(context, found):
    own = found.sel(approach="solutions")
    ends = np.stack([own["path_x"].isel(epoch=-1), own["path_y"].isel(epoch=-1)])
    np.testing.assert_allclose(ends[:, :2], [[0, 1], [0, 0]], atol=1e-6)
    one, two, three = (tree.ravel(point_of(context, member).params).double() for member in range(3))
    apart = [float((a - b).norm()) for a, b in ((one, two), (one, three), (two, three))]
    placed = [float(np.hypot(*(ends[:, a] - ends[:, b]))) for a, b in ((0, 1), (0, 2), (1, 2))]
    np.testing.assert_allclose(placed, np.array(apart) / apart[0], rtol=1e-6)
    cosine = float((two - one) @ (three - one)) / apart[0] / apart[1]
    assert float(own["solutions_angle"]) == pytest.approx(np.degrees(np.arccos(cosine)), abs=1e-6)
    assert float(own["length_x"]) == pytest.approx(apart[0], rel=1e-6)
    np.testing.assert_allclose(own["path_distance"].isel(epoch=-1), 0, atol=1e-4)
    assert own["path_x"].isel(member=0).notnull().all()  # the run that keeps every epoch


def test_projections_keep_lengths_and_say_what_they_leave_out(context, found):
    """Along principal components, distances within and from the plane add up to that from the solution."""
    states = [tree.ravel(context.study.params(0, epoch)).double() for epoch in range(4)]
    own = found.sel(approach="principal").isel(member=0)
    inside = np.hypot(own["path_x"], own["path_y"])
    far = [float((state - states[-1]).norm()) for state in states]
    np.testing.assert_allclose(np.hypot(inside, own["path_distance"]), far, rtol=1e-5, atol=1e-5)
    rows = torch.stack(states)
    values = torch.linalg.svdvals(rows - rows.mean(0)).square()
    assert float(own["path_share"]) == pytest.approx(float(values[:2].sum() / values.sum()), rel=1e-6)


def test_the_middle_of_every_grid_is_the_solution(context, found):
    own = [field(context, point_of(context, member), context.dataset.train.first(40)).value() for member in range(3)]
    np.testing.assert_allclose(found["solution_loss"], own, rtol=1e-12)
    for name in ("random", "solutions", "principal"):
        grid = found.sel(approach=name)
        y, x = (grid[f"place_{way}"].values.tolist().index(0) for way in "yx")
        assert float(grid["loss"][y, x]) == pytest.approx(own[0], rel=1e-12)
    control = found["control"].values
    assert np.nanmax(control) <= 1e-6
    np.testing.assert_array_equal(np.isfinite(control), [[True, False, False], [True] * 3, [True, False, False]])


def test_a_grid_holds_0_and_reaches_as_far_as_it_is_to():
    for low, high, points in ((-1.0, 1.0, 21), (-0.37, 1.4, 21), (-16.5, 4.06, 10), (0.2, 0.9, 5)):
        found = axis(low, high, points)
        assert len(found) == points
        step = (high - low) / (points - 1)
        np.testing.assert_allclose(np.diff(found), step)
        assert abs(found[0] - low) <= step / 2 + 1e-12
        assert (0.0 in found) == (low <= 0)


@pytest.mark.ci
def test_few_points_give_the_picture_of_all_within_what_is_stated(context):
    whole = measure(context, points=17, examples=15, tolerance=None)
    less = measure(context, points=17, examples=15, tolerance=0.02)
    assert whole["measured"].values.all()
    assert (less["measured"].sum(("x", "y")) < 17 * 17).any()
    off = abs(less["loss"] - whole["loss"]) / whole["loss"]
    assert float(off.max()) < 0.1
    np.testing.assert_allclose(off.where(less["measured"] == 1).max(), 0, atol=1e-6)
    assert (less["filled_error"] <= 0.02).all()


def test_two_members_have_a_plane_and_one_has_the_others(tmp_path):
    context = trained(tmp_path / "two", 2)
    found = measure(context, points=5, examples=30)
    own = found.sel(approach="solutions")
    assert float(own["angle"]) == pytest.approx(90, abs=1e-6)
    assert np.isnan(own["solutions_angle"])
    np.testing.assert_allclose(own["path_x"].isel(epoch=-1), [0, 1], atol=1e-6)
    assert "across it a random direction" in figures.caption("surface", found)
    runs = [Run.of(weights_of(context.offered, "this"), 0)]
    laid, without = planes(field(context, runs[0].solution, context.dataset.train.first(30)), runs, 1.0)
    assert [plane.name for plane in laid] == ["random", "principal"]
    assert without == {"solutions": "it takes two solutions, and there is one"}
    last = [Run(0, runs[0].steps[-1:], runs[0].states[-1:])]
    laid, without = planes(field(context, last[0].solution, context.dataset.train.first(30)), last, 1.0)
    assert [plane.name for plane in laid] == ["random"]
    assert "with three kept checkpoints, and there are 1" in without["principal"]


def test_weights_that_overflow_are_gaps_that_are_counted_and_not_filled(context):
    found = measure(context, points=5, examples=30, reach=1e13)
    random = found.sel(approach="random")
    gone = ~np.isfinite(random["loss"].values)
    assert gone.sum() == float(random["gaps"]) > 0
    assert random["measured"].values[gone].all()
    assert np.isnan(random["accuracy"].values[gone]).all()
    assert "without a finite loss" in figures.caption("surface", found)
    figures.draw("surface", found)
    figures.interactive("surface", found)


@pytest.mark.ci
@pytest.mark.parametrize("policy", ["recompute", "stored"])
def test_batch_norm_is_of_the_policy_of_the_study(tmp_path, policy):
    own_network = ["model.factory=analyses.test_one_policy:network", "model.arguments={norm: batch}"]
    context = trained(tmp_path / "s", 2, *own_network, f"subspace.batch_norm={policy}")
    found = measure(context, points=5, examples=30)
    assert np.nanmax(found["control"].values) < 1e-5
    around = neighbourhood(context, 0)
    own = found.sel(approach="solutions")
    one, two = (tree.ravel(point_of(context, member).params).double() for member in range(2))
    weights = torch.lerp(one, two, float(own["place_x"][4]))
    train = context.dataset.train.first(30)
    expected = losses(around, weights[None], train)[0]
    if policy == "stored":  # statistics are interpolated between the solutions', as weights are
        ends = [tensors_of(point_of(context, member)) for member in range(2)]
        share, module = float(own["place_x"][4]), context.study.model()
        mixed = {
            name: torch.lerp(one, ends[1][name], share) if one.is_floating_point() else one
            for name, one in ends[0].items()
        }
        module.load_state_dict(mixed)
        with torch.no_grad():
            output = module.eval()(context.preparation(train.inputs))
        expected = torch.nn.functional.cross_entropy(output, train.label)
    row = own["place_y"].values.tolist().index(0)
    assert float(own["loss"][row, 4]) == pytest.approx(float(expected), rel=1e-3)


@pytest.mark.parametrize(
    "recipe", [pytest.param("table", marks=pytest.mark.ci), pytest.param("text", marks=pytest.mark.long)]
)
def test_tables_and_sentences(tmp_path, recipe):
    more = {"table": ["data.source=sklearn:wine", "data.test=50", "data.validation=20"], "text": SMALL[:3]}[recipe]
    with no_figures():
        overrides = [*more, *SMALL[3:], "train.members=2", "train.epochs=2"]
        study = pipeline.train(recipe, tmp_path / "s", overrides=overrides)
    found = analyses.measure("surface", study, points=5, examples=20)
    assert np.isfinite(found["loss"]).any()
    assert float(np.nanmax(found["control"])) < 1e-5


def test_stored_statistics_are_each_solution_s_own(tmp_path):
    network = ["model.factory=analyses.test_one_policy:network", "model.arguments={norm: batch}"]
    context = trained(tmp_path / "study", 2, *network, "subspace.batch_norm=stored")
    found = measure(context, points=5, examples=20)
    train, module = context.dataset.train.first(20), context.study.model().eval()
    for member in (0, 1):
        point = point_of(context, member)
        module.load_state_dict({**point.params, **point.buffers})
        with torch.no_grad():
            loss = torch.nn.functional.cross_entropy(module(context.preparation(train.inputs)), train.label)
        assert float(found["solution_loss"].sel(member=member)) == pytest.approx(float(loss), rel=1e-4)
    assert float(found["control"].sel(approach="solutions").max()) < 1e-4
