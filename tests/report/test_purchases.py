"""Gain and cost of each method in words: values equal the results; when they are called inconclusive."""

from __future__ import annotations

import numpy as np
import pytest
from example_results import example_result

from modescape.analyses.ensemble_methods.purchases import equivalent_sentence, purchases
from modescape.plots import steps

SPACE = "\N{NO-BREAK SPACE}"
THESE = " for these members on new examples"


@pytest.fixture
def methods():
    return example_result("ensemble_methods")


@pytest.fixture
def calibration():
    return example_result("calibration")


def set_gain(methods, method, metric, size, low, value, high):
    for name, number in (("gain_low", low), ("gain", value), ("gain_high", high)):
        methods[name].loc[{"approach": method, "metric": metric, "size": size}] = number


def set_equivalent(calibration, method, low, value, high, behind=(-0.02, -0.01, -0.001)):
    size = calibration["size"].values[np.isfinite(calibration["calibrated_nll"].sel(other_approach=method))][-1]
    for name, number in (
        *zip(("equivalent_low", "equivalent", "equivalent_high"), (low, value, high), strict=True),
        *zip(("behind_low", "behind", "behind_high"), behind, strict=True),
    ):
        calibration[name].loc[{"other_approach": method, "size": size}] = number


def test_a_row_for_every_method_and_for_as_many_independent_networks(methods, calibration):
    rows = purchases(methods, calibration)
    assert len(rows) == methods.sizes["approach"]
    samples = methods.attrs["samples"]
    first = next(row for row in rows if "independent networks" in row.method)
    count = str(samples)
    assert (first.method, first.training, first.passes) == (f"{samples}{SPACE}independent networks", count, count)
    assert all(row.training == "1" for row in rows if row is not first)


def test_the_scale_and_the_distance_stand_beside_a_method(methods, calibration):
    methods["scale"].loc[{"approach": "random"}] = 0.16
    methods["distance"].loc[{"approach": "random"}] = 0.0925
    rows = {row.method: row.place for row in purchases(methods, calibration)}
    assert rows["Random subspace"] == "setting 0.16, distance 0.0925"
    assert rows["Weight average"].startswith("distance ")
    assert next(place for method, place in rows.items() if "independent" in method) == ""


def test_changes_are_written_with_their_interval_and_the_rule(methods, calibration):
    set_gain(methods, "random", "accuracy", 1, -0.004, 0.002, 0.008)
    set_gain(methods, "random", "nll", 1, -0.05, -0.03, -0.01)
    row = next(row for row in purchases(methods, calibration) if row.method.startswith("Random"))
    assert row.quality == ("+0.2", "\N{MINUS SIGN}0.4 to 0.8; inconclusive")
    assert row.nll == ("\N{MINUS SIGN}0.030", "\N{MINUS SIGN}0.050 to \N{MINUS SIGN}0.010")


def test_a_change_that_is_told_apart_is_never_printed_as_0(methods, calibration):
    set_gain(methods, "random", "nll", 1, 0.000065, 0.00035, 0.00064)
    set_gain(methods, "random", "accuracy", 1, -0.00003, 0.0077, 0.0157)
    row = next(row for row in purchases(methods, calibration) if row.method.startswith("Random"))
    assert row.nll == ("+0.0003", "0.0001 to 0.0006")
    assert row.quality == ("+0.770", "\N{MINUS SIGN}0.003 to 1.570; inconclusive")


def test_a_step_at_the_edge_and_none_are_flagged_beside_the_numbers(methods, calibration):
    scales = example_result("subspace_scales")
    scales["edge"].loc[{"approach": "random"}] = 1
    methods["scale"].loc[{"approach": "swag"}] = 0.0
    rows = {row.method: row.place for row in purchases(methods, calibration, scales)}
    assert rows["Random subspace"].endswith(", the last that was tried")
    assert rows["SWAG"].endswith(" (no step)")
    assert sum("last" in place for place in rows.values()) == 1
    assert steps.place(np.nan, 0.0) == "moves no weights"  # Monte-Carlo dropout


def test_the_best_method_inside_a_run_is_named_with_its_worth(methods, calibration):
    for method in calibration["other_approach"].values:
        if method != "independent":
            set_equivalent(calibration, method, np.nan, 1.0, 1.1, (-0.001, 0.0, 0.001))
    assert equivalent_sentence(methods, calibration).startswith(
        "No method within one run is worth more than one network"
    )
    set_equivalent(calibration, "diagonal", 1.1, 1.3, 1.6)
    sentence = equivalent_sentence(methods, calibration)
    assert "Diagonal Gaussian" in sentence
    assert (
        f"are worth 1.3 independent networks by calibrated likelihood (95{SPACE}% interval 1.1 to 1.6{THESE})."
        in sentence
    )
    set_equivalent(calibration, "diagonal", np.nan, 1.3, 1.6)
    assert f"(95{SPACE}% interval < 1 to 1.6{THESE}: inconclusive)" in equivalent_sentence(methods, calibration)
    set_equivalent(calibration, "diagonal", 1.3, np.inf, np.inf)
    most = calibration.sizes["size"]
    assert f"are worth > {most} independent networks" in equivalent_sentence(methods, calibration)
    assert f"interval 1.3 to > {most}{THESE})" in equivalent_sentence(methods, calibration)


def test_worse_than_one_network_is_written_so_with_the_difference(methods, calibration):
    for method in calibration["other_approach"].values:
        if method != "independent":
            set_equivalent(calibration, method, np.nan, np.nan, np.nan, (0.02, 0.03, 0.04))
    set_equivalent(calibration, "dropout", np.nan, np.nan, 1.2, (-0.001, 0.015, 0.03))
    sentence = equivalent_sentence(methods, calibration)
    assert sentence.startswith("No method within one run was better than one network by calibrated likelihood")
    assert "(Dropout on weights; setting 3.1, distance 0.08), is worth < 1 (0.015 nats worse)" in sentence
    assert f"95{SPACE}% interval \N{MINUS SIGN}0.001 to 0.030 nats{THESE}; inconclusive." in sentence
    methods.attrs["samples"] = calibration.sizes["size"]
    row = next(row for row in purchases(methods, calibration) if row.method == "Dropout on weights")
    assert row.equivalent == (
        "< 1 (0.015 nats worse)",
        "\N{MINUS SIGN}0.001 to 0.030 nats; inconclusive",
    )
    row = next(row for row in purchases(methods, calibration) if row.method == "SWAG")
    assert row.equivalent == ("< 1 (0.030 nats worse)", "0.020 to 0.040 nats")
    set_equivalent(calibration, "swag", np.nan, np.nan, np.nan, (0.00008, 0.00021, 0.00034))
    row = next(row for row in purchases(methods, calibration) if row.method == "SWAG")
    assert row.equivalent == ("< 1 (0.0002 nats worse)", "0.0001 to 0.0003 nats")  # never "0.000 nats worse"


def test_nothing_measured_says_nothing(methods):
    assert purchases(None, None) == []
    assert equivalent_sentence(methods, None) == equivalent_sentence(None, None) == ""
    assert all(row.equivalent == ("\N{EN DASH}", "") for row in purchases(methods, None))


def test_a_single_member_has_no_row_of_independent_networks():
    rows = purchases(example_result("ensemble_methods", members=1), None)
    assert not any("independent networks" in row.method for row in rows)
