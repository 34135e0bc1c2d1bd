"""Figures that compare ensemble methods, against the values they were given."""

import numpy as np
import pytest
from example_results import example_result

from modescape.analyses import figures
from modescape.analyses.calibration import draw as calibration
from modescape.analyses.cyclic import draw as cyclic
from modescape.analyses.decomposition import draw as decomposition
from modescape.analyses.ensemble_methods import draw as ensemble_methods
from modescape.analyses.examples import SUBSPACES, WITHIN
from modescape.analyses.randomness import draw as randomness
from modescape.analyses.subspace_scales import draw as subspace_scales
from modescape.methods import label_of
from modescape.plots import steps
from modescape.report.sections import summarize
from modescape.report.verdict import judge


def series(panel, name):
    return next(one for one in panel.series if one.name == name)


def test_methods_are_sorted_by_diversity_and_cost_has_the_same_rows():
    dataset = example_result("ensemble_methods")
    diversity, level, loss, cost = ensemble_methods.panels(dataset)[4:]
    assert diversity.rows == cost.rows == loss.rows == level.rows
    assert diversity.rows[:3] == ["Independent", "Snapshots", "Random subspace"]
    assert diversity.rows[-1] == "Weight average"  # a single network has no divergence
    drawn = {int(one.y[0]): float(one.x[0]) for one in diversity.series[1:]}
    assert drawn[1] == pytest.approx(0.091)
    np.testing.assert_allclose(diversity.series[0].x[:2], [0.45 * 0.274, 0.45 * 0.091])
    (at_one,) = level.series
    assert at_one.name == "All at distance 0.1"
    assert {diversity.rows[int(row)]: float(x) for row, x in zip(at_one.y, at_one.x, strict=True)} == pytest.approx(
        {label_of(name): 0.8 * WITHIN[name][4] for name in SUBSPACES}
    )
    own = {float(one.x[0]) for one in loss.series[1:-1]}
    assert own == {float(value) for value in dataset["gain"].sel({"metric": "nll", "size": 1})}
    at_one = loss.series[-1]
    bars = {loss.rows[int(row)]: (low, high) for row, low, high in zip(at_one.y, at_one.low, at_one.high, strict=True)}
    for name in SUBSPACES:
        chosen = dataset.sel({"metric": "nll", "other_approach": name})
        assert bars[label_of(name)] == (chosen["equal_distance_gain_low"], chosen["equal_distance_gain_high"])


def test_what_recomputed_statistics_change_is_said_where_there_is_batch_norm():
    dataset = example_result("ensemble_methods")
    assert "Batch norm" not in ensemble_methods.caption(dataset)
    dataset.attrs["batch_norm_layers"] = 1
    dataset["stored_score"].values[:2] = 0.585, 1.4
    dataset["stored_disagreement"][:] = 0.4
    said = ensemble_methods.caption(dataset)
    assert "the mean solution has 58.5 % accuracy and a loss of 1.400 nats" in said
    assert "with recomputed ones (as here) 71.8 % and 0.920 nats; 40 % of the labels differ" in said


def test_the_chosen_step_is_marked_and_the_solution_is_a_line():
    dataset = example_result("subspace_scales")
    loss = subspace_scales.panels(dataset)[0]
    step = int(dataset["chosen"].sel({"approach": "swag"}))
    mark = series(loss, "SWAG, chosen")
    assert float(mark.y[0]) == pytest.approx(float(dataset["nll"].sel({"approach": "swag"}).min()))
    assert float(mark.x[0]) == pytest.approx(float(dataset["distance"].sel({"approach": "swag"})[step]))
    assert set(series(loss, subspace_scales.SOLUTION).y) == {dataset.attrs["solution_nll"]}
    assert "5,000 validation examples" in subspace_scales.caption(dataset)
    within = series(loss, "SWAG, interval")
    np.testing.assert_array_equal(within.x, dataset["distance"].sel({"approach": "swag"})[step - 1 : step + 2])
    hover = series(loss, "Random subspace").hover
    assert hover[0].endswith("100 % of draws accepted")
    assert "accepted" not in series(loss, "SWAG").hover[0]


def test_a_choice_at_the_edge_and_one_of_no_step_are_said_and_marked():
    dataset = example_result("subspace_scales")
    assert steps.choices(dataset) == ""
    last = dataset.sizes["draw"] - 1
    at = {name: dataset.get_index("approach").get_loc(name) for name in ("swag", "diagonal", "random")}
    dataset["edge"][at["swag"]], dataset["chosen"][at["swag"]] = 1, last
    dataset["chosen"][[at["diagonal"], at["random"]]] = 0
    dataset["step"][:, 0] = 0
    said = (
        "No step was better than the centre alone, where all samples are one, for Random subspace and Diagonal "
        "Gaussian. The last step tried is the best of SWAG: a better one may lie beyond it."
    )
    assert steps.choices(dataset) == said
    assert said in subspace_scales.caption(dataset)
    assert said in summarize("subspace_scales", dataset).text
    rows = {row[0]: row[1] for row in summarize("subspace_scales", dataset).rows}
    assert (rows["SWAG"], rows["Random subspace"]) == ("8 of 8 (the last)", "1 of 8 (no step)")
    loss = subspace_scales.panels(dataset)[0]
    assert series(loss, "SWAG, chosen").marker == series(loss, subspace_scales.BEYOND).marker
    limits = judge({"ensemble_methods": example_result("ensemble_methods"), "subspace_scales": dataset}).limits
    assert any(said in limit for limit in limits)


def test_a_choice_whose_interval_holds_no_step_is_said_to_be_open():
    """On digits the intervals of all seven methods include 0, although five have a chosen step."""
    dataset = example_result("subspace_scales")
    dataset["step"][:, 0] = 0
    dataset["chosen_low"][[dataset.get_index("approach").get_loc(name) for name in ("low_rank", "random")]] = 0
    assert steps.choices(dataset) == (
        "Whether any step helps is unclear for Random subspace and Low-rank Gaussian (unit): the 95 % interval of "
        "the choice reaches down to no step."
    )


@pytest.mark.parametrize("name", ["ensemble_methods", "decomposition", "calibration", "shift", "ood", "tsne_subspace"])
def test_setting_distance_and_control_stand_in_the_caption(name):
    dataset = example_result(name)
    dim = "other_approach" if name == "calibration" else "approach"
    of = dataset.sel({dim: "random"})
    text = figures.caption(name, dataset)
    assert f"Random subspace: setting {float(of['scale']):.3g}, distance {float(of['distance']):.3g}" in text
    assert "Independent + " not in text.partition("Setting of each")[2]
    assert "Control: at distance 0 no probability differs from the solution's by more than " in text


def test_losses_far_above_the_solution_lie_beyond_the_panel():
    dataset = example_result("subspace_scales")
    low, high = subspace_scales.panels(dataset)[0].y_range
    assert low < dataset["nll"].min() < dataset.attrs["solution_nll"] < high < dataset["nll"].max()
    assert subspace_scales.panels(dataset.isel(draw=slice(0, 5)))[0].y_range is None


def test_the_gap_of_a_dumbbell_is_the_diversity_term():
    dataset = example_result("decomposition")
    brier = decomposition.panels(dataset)[0]
    assert brier.rows[0] == "Independent"
    chosen = dataset.sel({"approach": "swag", "metric": "brier"})
    row = brier.rows.index("SWAG")
    mean, together = series(brier, "Mean network"), series(brier, "Ensemble: SWAG")
    assert float(mean.x[row] - together.x[0]) == pytest.approx(float(chosen["diversity"]))
    assert float(together.y[0]) == row
    assert float(together.low[0]) == pytest.approx(float(chosen["mean_score"] - chosen["diversity_high"]))
    assert float(together.high[0]) == pytest.approx(float(chosen["mean_score"] - chosen["diversity_low"]))


def test_reliability_and_equivalents_are_those_of_the_result():
    dataset = example_result("calibration")
    one, _, paired, over_one, equivalents, nll, errors, temperatures = calibration.panels(dataset)
    single = dataset.sel({"approach": "single"})
    line = series(one, "Single network")
    np.testing.assert_allclose(line.x, 100 * single["confidence"])
    np.testing.assert_allclose(line.y, 100 * single["accuracy"])
    assert line.size.max() == pytest.approx(2 + 9 * np.sqrt(single["share"].max()))
    np.testing.assert_allclose(series(nll, "SWAG").y, dataset["calibrated_nll"].sel({"other_approach": "swag"}).values)
    assert series(nll, "SWAG").low is None
    swag = dataset.sel({"other_approach": "swag"})
    line = series(paired, "SWAG")
    np.testing.assert_allclose([line.low, line.y, line.high], [swag[f"behind{end}"] for end in ("_low", "", "_high")])
    np.testing.assert_allclose(series(equivalents, "Independent").y, dataset["size"])
    worse = series(equivalents, "Dropout on weights")
    assert worse.y[0] == 1  # one network is equivalent to itself
    assert np.isnan(worse.y[1:]).all()
    assert (
        "Equivalent < 1, and in the differences alone, with all their networks: Dropout on weights (0.018 nats worse)."
        in (calibration.caption(dataset))
    )
    behind = dataset["behind"].sel({"other_approach": "dropout"}).values
    behind = behind[np.isfinite(behind)][-1]
    assert behind > 0.01
    row = over_one.rows.index("Dropout on weights")
    assert [one.x[0] for one in over_one.series[1:] if one.y[0] == row] == [behind]  # worse than one: right of 0
    assert sorted(one.x[0] for one in over_one.series[1:]) == [one.x[0] for one in over_one.series[1:]]
    dataset["equivalent"].loc[{"other_approach": "swag", "size": 4}] = np.inf
    best = series(calibration.panels(dataset)[4], "SWAG")
    assert best.y[3] == 10  # as many networks as there are
    assert best.high is not None
    assert np.nanmax(best.high) <= 10
    assert float(errors.series[2].x[0]) == pytest.approx(float(dataset["ece"].sel({"approach": "independent"})))
    np.testing.assert_allclose(temperatures.series[1].y, dataset["temperature"])


def test_conditions_are_told_apart_by_what_differs():
    dataset = example_result("randomness")
    drawn = {one.name: one for one in randomness.panels(dataset)[0].series}
    assert len(drawn) == 8
    bit = drawn["Same init, same order, same dropout, last bit"]
    assert (bit.colour, bit.line) == (randomness.LAST_BIT_LOOK[0], "solid")
    both = [drawn[f"Different init, same order, {dropout} dropout"] for dropout in ("same", "different")]
    assert both[0].colour == both[1].colour
    assert [one.line for one in both] == ["solid", "dot"]
    assert len({(one.colour, one.line) for one in drawn.values()}) == 8
    np.testing.assert_allclose(bit.y, 100 * dataset["disagreement"].values[-1])
    np.testing.assert_allclose(bit.high, 100 * dataset["disagreement_high"].values[-1])


def test_networks_of_cyclical_runs_and_their_ensembles():
    dataset = example_result("cyclic", members=4)
    accuracy, than, *_, divergence, plane = cyclic.panels(dataset)
    assert accuracy.rows[:2] == ["Independent", "Snapshots of one run"]
    np.testing.assert_allclose(
        series(accuracy, "Mean network").x, 100 * dataset["member_score"].sel({"metric": "accuracy"})
    )
    ensemble = series(accuracy, "Snapshots of one run")
    chosen = dataset.sel({"approach": "snapshots", "metric": "accuracy"})
    assert float(ensemble.x[0]) == pytest.approx(100 * float(chosen["score"]))
    assert float(ensemble.high[0]) == pytest.approx(100 * float(chosen["score_high"]))
    assert [float(one.x[0]) for one in divergence.series[:2]] == pytest.approx([0.274, 0.17])
    np.testing.assert_allclose(series(plane, "Independent").y, dataset["diversity"].values[0])
    worse = series(than, "One run as long as all members")
    chosen = dataset.sel({"approach": "whole long run", "metric": "accuracy"})
    assert float(worse.x[0]) == pytest.approx(100 * float(chosen["difference"])) != 0
    assert float(worse.low[0]) == pytest.approx(100 * float(chosen["difference_low"]))
    assert "as long as all members is from the ensemble of all 4" in cyclic.caption(dataset)
    assert "Training epochs: 160 for each." in cyclic.caption(dataset)
    dataset["training_epochs"][1] = 150
    assert "Training epochs: Independent: 160; Snapshots of one run: 150; " in cyclic.caption(dataset)
