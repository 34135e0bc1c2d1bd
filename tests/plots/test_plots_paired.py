"""Figures that compare draw paired differences, with the interval of the difference and what it covers."""

import numpy as np
import pytest
from charted import figure_of, matrices
from example_results import example_of_numbers, example_result

from modescape.analyses import figures
from modescape.analyses.ensemble_methods import draw as ensemble_methods
from modescape.analyses.shift import draw as shift
from modescape.analyses.shift import words as shift_words
from modescape.covers import covers_of


def series(panel, name):
    return next(one for one in panel.series if one.name == name)


def test_gains_of_methods_against_size_are_the_paired_ones_of_the_result():
    dataset = example_result("ensemble_methods", members=5)
    chosen = dataset.sel({"approach": "low_rank_scaled", "metric": "accuracy"})
    line = series(ensemble_methods.panels(dataset)[0], "Low-rank Gaussian")
    np.testing.assert_allclose(line.y, 100 * chosen["gain"])
    np.testing.assert_allclose(line.low, 100 * chosen["gain_low"])
    np.testing.assert_allclose(line.high, 100 * chosen["gain_high"])
    axes = figures.draw("ensemble_methods", dataset).axes[0]
    drawn = [line.get_ydata() for line in axes.lines]
    assert any(len(y) == 5 and np.allclose(y, 100 * chosen["gain"]) for y in drawn)
    assert "One network: accuracy 71.8\N{NO-BREAK SPACE}%, NLL 0.920 nats" in ensemble_methods.caption(dataset)


@pytest.mark.parametrize("name", ["ensemble_methods", "shift"])
@pytest.mark.parametrize(("members", "whose"), [(5, "new members"), (1, "these members")])
def test_bands_of_gains_say_what_they_are_for(name, members, whose):
    dataset = example_result(name, members=members)
    band = figures.described(name, dataset).covers
    assert band == f"{whose} on new examples"
    assert f"95 %: {band}" in figures.caption(name, dataset)


def test_of_two_networks_the_gain_is_hollow_as_its_interval_is_for_these():
    dataset = example_result("ensemble_methods", members=2)
    panel = ensemble_methods.panels(dataset)[0]
    assert series(panel, "Independent").hollow.tolist() == [False, True]
    assert not series(panel, "SWAG").hollow.any()
    assert "Hollow" in ensemble_methods.caption(dataset)


@pytest.mark.parametrize("name", ["ensemble_methods", "shift"])
def test_the_gain_of_the_only_pair_is_for_these_and_other_methods_for_new_members(name):
    dataset = example_result(name, members=2)
    draw = {"ensemble_methods": ensemble_methods, "shift": shift}[name]
    panel = draw.panels(dataset)[0]
    assert series(panel, "Independent").covers == "these members on new examples"
    assert series(panel, "SWAG").covers == "new members on new examples"
    assert covers_of(dataset, "gain", "independent") == "these members on new examples"


def test_the_takeaway_of_shift_says_that_the_interval_of_a_pair_is_for_these():
    pair, five = (shift_words.summarize(example_result("shift", members=members)).takeaway for members in (2, 5))
    assert "95 %: these members on new examples" in pair
    assert "95 %: new members on new examples" in five


def test_coverage_under_shift_says_that_its_bands_are_for_these():
    chart = figures.described("shift", example_of_numbers("shift"))
    (coverage,) = [panel for panel in chart.panels if panel.title == "Coverage of 95 % intervals"]
    assert (chart.covers.split()[0], coverage.covers.split()[0]) == ("new", "these")


def test_what_shift_compares_is_drawn_as_paired_differences_with_their_intervals():
    dataset = example_result("shift")
    drawn = shift.panels(dataset)
    for panel, metric, factor in zip(drawn[:4], ("accuracy", "nll", "brier", "ece"), (100, 1, 1, 1), strict=True):
        chosen = dataset.sel({"approach": "swag", "metric": metric})
        line = series(panel, "SWAG")
        np.testing.assert_allclose(line.y, factor * chosen["gain"])
        np.testing.assert_allclose([line.low, line.high], [factor * chosen[f"gain_{end}"] for end in ("low", "high")])
    assert all(one.low is None for panel in drawn[4:8] for one in panel.series)  # no intervals of separate scores
    assert series(drawn[2], "Independent + Random subspace").line == "dash"
    by_corruption, alone = drawn[8:]
    last = dataset.sel({"approach": "independent", "metric": "accuracy", "severity": 5})
    gains = by_corruption.series[1]
    np.testing.assert_allclose(gains.x, 100 * last["gain_of_corruption"])
    np.testing.assert_allclose(gains.low, 100 * last["gain_of_corruption_low"])
    assert by_corruption.covers == "these members on new examples"  # the figure's are for new members
    assert by_corruption.rows == alone.rows
    assert alone.rows[0] == "gaussian noise"
    assert alone.columns == ["0", "1", "2", "3", "4", "5"]
    each = dataset["score_of_corruption"].sel({"approach": "single", "metric": "accuracy"})
    np.testing.assert_allclose(alone.matrix, 100 * each.values)
    assert "our corruptions" in shift.caption(dataset)
    assert shift.panels(dataset.drop_vars(["gain", "gain_of_corruption"]))[0].title == "Accuracy: higher is better"


def test_corruptions_without_effect_are_named_and_grey():
    dataset = example_result("shift")
    assert shift.without_effect(dataset) == {"gaussian_blur": "1-2", "saturate": "1-5"}
    alone = shift.panels(dataset)[9]
    rows = alone.rows
    assert [row for row in rows if "left out" in row] == ["gaussian blur (left out)", "saturate (left out)"]
    assert np.isnan(alone.matrix[rows.index("saturate (left out)")]).all()
    told = shift.caption(dataset)
    assert told.startswith("Mean over 17 kinds of corruption")
    assert "at the severities in parentheses: gaussian blur (1-2), saturate (1-5)." in told
    summary = shift_words.summarize(dataset)
    assert "gaussian blur (1-2), saturate (1-5)" in summary.text
    assert "accuracy on 17\N{NO-BREAK SPACE}corruptions" in summary.text
    assert [row[:2] for row in summary.rows[-2:]] == [
        ("left out: gaussian blur", "no effect at 1-2"),
        ("left out: saturate", "no effect at 1-5"),
    ]
    assert {len(row) for row in summary.rows} == {len(summary.header)}
    every = dataset.assign(without_effect=dataset["without_effect"] * 0)
    assert "Left out" not in shift.caption(every)
    assert "kinds" in shift.caption(dataset.drop_vars("without_effect"))


def test_accuracy_by_corruption_is_that_of_one_network_with_a_key():
    dataset = example_result("shift")
    figure = figures.draw("shift", dataset)
    (image,) = [axes.images[0] for axes in figure.axes if axes.images]
    assert (image.norm.vmin, image.norm.vmax) == (0, 100)
    assert sum(axes.get_label() == "<colorbar>" for axes in figure.axes) == 1
    (drawn,) = matrices(figure_of("shift", dataset))
    assert (drawn["scale"], drawn["printed"], drawn["decimals"]) == (0, True, 0)
    assert round(float(drawn["matrix"][0, 0])) == 72


def test_without_the_single_network_a_line_stands_at_0():
    dataset = example_result("shift")
    rest = dataset.sel({"approach": [str(method) for method in dataset["approach"].values if method != "single"]})
    assert len(shift.panels(rest)) == len(shift.panels(dataset)) - 1  # the panel by corruption
    assert series(shift.panels(rest)[0], "One network").y.tolist() == [0, 0]
    figures.draw("shift", rest)
    figures.interactive("shift", rest)
