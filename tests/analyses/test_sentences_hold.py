"""Sentences claim no more than the numbers beside them."""

from __future__ import annotations

import numpy as np

from modescape.analyses.randomness import example as randomness
from modescape.analyses.randomness.words import summarize as summarize_randomness
from modescape.analyses.training import example as training
from modescape.analyses.training.words import summarize as summarize_training
from modescape.report.sections import parameters
from modescape.wording.numbers import SPACE


def test_a_loss_that_still_falls_slowly_is_not_called_flat():
    """Eight epochs of CIFAR-10 at a constant learning rate: the loss falls by 3 %, and accuracy rises to the end."""
    result = training.example()
    members = result.sizes["member"]
    result["trend"], result["end_change"] = ("member", np.zeros(members)), ("member", np.full(members, -0.029))
    said = summarize_training(result).takeaway.replace(SPACE, " ").replace("\N{MINUS SIGN}", "-")
    assert "flat" not in said
    assert said.endswith("changes by -2.9 % (median of the members; clearly by more than 5 % for none).")


def test_twins_that_share_every_choice_do_not_count_as_runs_that_differ():
    result = randomness.example()
    twins = "same initialisation, same order, same dropout"
    whole = result.isel(approach=[0, *range(result.sizes["approach"])])
    whole = whole.assign_coords(approach=[twins, *result["approach"].values])
    whole["disagreement"] = whole["disagreement"].copy()
    whole["disagreement"][{"approach": 0}] = 0.0
    differ = [one for one in whole["approach"].values if "different" in one]
    least = float(whole["disagreement"].sel(approach=differ).isel(epoch=-1).min())
    said = summarize_randomness(whole).takeaway.replace(SPACE, " ")
    assert f"runs that differ in a random choice disagree on {100 * least:.0f} %" in said


def test_settings_without_a_value_say_none_and_measured_ones_are_short():
    result = training.example().assign_attrs(refused="", distance=0.005216838148744377, steps=200)
    said = dict(parameters(result))
    assert (said["refused"], said["distance"], said["steps"]) == ("none", "0.00521684", "200")
    assert not any(np.char.str_len(value) == 0 for value in said.values())
