"""The decision rule in cases whose answer is known."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from made_tables import CALIBRATED, LONG, ONE, SOUP, several, table

from modescape.decision import Budget, Rules, decide
from modescape.decision.budgets import Machine
from modescape.decision.comparisons import size_steps
from modescape.decision.rules import Ending, net_gain, price_of, scale_of
from modescape.decision.words import evidence, head
from modescape.errors import InputError
from modescape.metrics.scores import REGRESSION_SCORES


def test_a_difference_has_the_interval_of_paired_examples():
    random = np.random.default_rng(0)
    values = random.normal(0, 1, (2, 400)) + random.normal(0, 3, 400)  # the part that both share cancels
    covariance = np.cov(values) / 400
    found = replace(
        table((ONE, 1, 0), (CALIBRATED, 1, 0)), mean={"nll": values.mean(1)}, covariance={"nll": covariance}
    ).difference(1, 0)
    than = values[1] - values[0]
    half = 1.959964 * than.std(ddof=1) / 20
    assert (found.value, found.low, found.high) == pytest.approx((than.mean(), than.mean() - half, than.mean() + half))


def test_the_price_is_the_written_one():
    found = table((ONE, 0.5, 0.5), (CALIBRATED, 0.4, 0.4), (several(3), 0.3, 0.3))
    assert scale_of(found) == 0.4  # the calibrated loss is smaller
    rules = Rules(least_gain=0.01, pass_price=0.02, training_price=0.03)
    assert [price_of(found, place, rules) for place in range(3)] == pytest.approx(
        [0, 0.004, 0.4 * (0.01 + 0.04 + 0.06)]
    )
    assert net_gain(found, 2, rules).value == pytest.approx(0.2 - 0.044)


def test_the_scale_of_other_scores():
    density = table((ONE, -2.0, -2.0), (several(2), -2.1, -2.1), metric="nll")
    density = replace(density, scores={"nll": REGRESSION_SCORES["nll"]})
    assert scale_of(density) == 1.0
    assert scale_of(table((ONE, 0.9, 0.9), metric="accuracy")) == pytest.approx(0.1)
    assert scale_of(table((ONE, 7.0, 7.0), metric="rmse")) == 7.0


@pytest.mark.parametrize(
    ("rows", "advice", "chosen"),
    [
        ([(ONE, 0.5, 0.5), (several(2), 0.45, 0.45), (several(3), 0.42, 0.42)], "ensemble", 2),
        # 2 -> 3 gains 0.004, and a further member costs 0.005: two are advised
        ([(ONE, 0.5, 0.5), (several(2), 0.45, 0.45), (several(3), 0.446, 0.446)], "ensemble", 1),
        ([(ONE, 0.5, 0.5), (CALIBRATED, 0.45, 0.45), (several(2), 0.447, 0.447)], "calibrate", 1),
        ([(ONE, 0.5, 0.5), (several(4, True), 0.45, 0.45), (LONG, 0.40, 0.40)], "train_longer", 2),
        ([(ONE, 0.5, 0.5), (several(2), 0.499, 0.499)], "keep_one", 0),
        ([(ONE, 0.5, 0.5), (several(2), 0.45, 0.52)], "keep_one", 0),  # the gain does not show on the judging examples
    ],
)
def test_what_is_worth_its_price_is_advised(rows, advice, chosen):
    found = decide(table(*rows))
    assert (found.advice, found.chosen, found.needed) == (advice, chosen, None)


def test_more_is_better_of_an_accuracy():
    assert decide(table((ONE, 0.9, 0.9), (several(2), 0.93, 0.93), metric="accuracy")).advice == "ensemble"
    assert decide(table((ONE, 0.9, 0.9), (several(2), 0.87, 0.87), metric="accuracy")).advice == "keep_one"


def test_what_cannot_be_told_says_how_many_examples_would():
    """A quarter of the examples has twice the standard error: the suggested number does not depend on n."""
    rows = [(ONE, 0.5, 0.5), (several(2), 0.45, 0.49)]
    few = decide(table(*rows, error=0.004, examples=1000))
    assert few.advice == "undecided"
    left = 0.01 - 0.5 * 0.02
    assert few.net.value == pytest.approx(left, abs=1e-12)
    rows = [(ONE, 0.5, 0.5), (several(2), 0.45, 0.486)]
    few = decide(table(*rows, error=0.004, examples=1000))
    assert few.advice == "undecided"
    assert few.needed == pytest.approx(1000 * (1.96 * 0.004 / 0.004) ** 2, rel=0.05)
    many = decide(table(*rows, error=0.008, examples=250))
    assert many.needed == few.needed
    enough = decide(table(*rows, error=0.004 * math.sqrt(1000 / (1.05 * few.needed)), examples=int(1.05 * few.needed)))
    assert enough.advice == "ensemble"


def test_one_network_is_kept_only_where_nothing_else_might_be_worth_more():
    rows = [(ONE, 0.5, 0.5), (several(2), 0.495, 0.495)]
    assert decide(table(*rows)).advice == "keep_one"
    found = decide(table(*rows, error=0.02))
    assert (found.advice, found.chosen) == ("undecided", 1)
    assert found.needed > 1000


def test_what_was_not_chosen_and_is_told_to_be_worth_its_price_is_advised():
    """The advice is not "cannot be told", since the interval does not include 0."""
    found = decide(table((ONE, 0.5, 0.5), (several(2), 0.495, 0.44), (several(3), 0.497, 0.5)))
    assert (found.advice, found.chosen, found.needed) == ("ensemble", 1, None)


@pytest.mark.parametrize("seed", range(30))
def test_more_examples_are_asked_for_than_there_are(seed):
    random = np.random.default_rng(seed)
    values = [0.5, *random.uniform(0.4, 0.55, 3)]
    judged = [0.5, *random.uniform(0.4, 0.55, 3)]
    rows = zip((ONE, several(2), several(3), CALIBRATED), values, judged, strict=True)
    found = decide(table(*rows, error=0.03, examples=1000))
    assert found.needed is None or (found.advice == "undecided" and found.needed >= 1000)


def test_what_the_judging_examples_tell_to_be_better_overrules_the_choice():
    """By simultaneous intervals for all candidates, since the winner was not fixed beforehand."""
    rows = table((ONE, 0.5, 0.5), (several(2), 0.44, 0.46), (several(3), 0.45, 0.42), error=0.01)
    found = decide(rows)
    assert (found.chosen, found.overruled, found.advice) == (2, 1, "ensemble")
    assert found.widened == pytest.approx(2.241403 / 1.959964)  # two candidates beside one network
    assert found.gain.high - found.gain.low == pytest.approx(2 * 0.01 * 2.241403)
    assert "The best on 500 validation images, the average of 2 networks, is worse there" in " ".join(
        evidence(rows, found)
    )
    within = decide(rows, budget=Budget(passes=3))
    assert "hold for all 3 candidates together" in " ".join(evidence(rows, within))
    four = (several(4), 0.4, 0.4)
    more = table((ONE, 0.5, 0.5), (several(2), 0.44, 0.46), (several(3), 0.45, 0.42), four, error=0.01)
    within = decide(more, budget=Budget(passes=3))
    assert within.widened == found.widened
    assert "hold for all 3 candidates together" in " ".join(evidence(more, within))
    unsure = table((ONE, 0.5, 0.5), (several(2), 0.44, 0.44), (several(3), 0.45, 0.42), error=0.01)
    assert (decide(unsure).chosen, decide(unsure).overruled) == (1, None)  # 0.015 +- 0.01 net
    untold = table((ONE, 0.5, 0.5), (several(2), 0.44, 0.48), (CALIBRATED, 0.45, 0.49), (LONG, 0.47, 0.4), error=0.01)
    found = decide(untold)
    assert (found.advice, found.overruled) == ("train_longer", 1)
    assert "is worse there" in " ".join(evidence(untold, found))


def test_the_share_is_of_one_networks_loss_on_the_same_examples():
    told = head(rows := table((ONE, 0.2, 0.5), (several(2), 0.1, 0.25)), decide(rows), Rules())
    assert ", 50\N{NO-BREAK SPACE}% of its NLL (intervals for these members" in told[-1]
    rows = table((ONE, 0.8, 0.8), (several(2), 0.9, 0.9), metric="accuracy")
    assert ", 50\N{NO-BREAK SPACE}% of its errors (intervals" in head(rows, decide(rows), Rules())[-1]


@pytest.mark.parametrize("value", [0, -1, math.nan])
def test_a_budget_is_above_0(value):
    with pytest.raises(InputError, match="expected a number above 0"):
        Budget(passes=value)


def test_a_budget_is_kept_to():
    rows = table((ONE, 0.5, 0.5), (several(2), 0.4, 0.4), (several(4), 0.3, 0.3))
    machine = Machine(bytes=1000, seconds_per_pass=0.002)
    assert decide(rows, machine=machine).chosen == 2
    for budget in (Budget(passes=3), Budget(memory=3000), Budget(latency=0.005)):
        found = decide(rows, budget=budget, machine=machine)
        assert (found.chosen, found.left_out) == (1, (2,))
    with pytest.raises(InputError, match=r"--memory is 10 bytes, and one network alone takes 1,000 bytes"):
        decide(rows, budget=Budget(memory=10), machine=machine)
    with pytest.raises(InputError, match="--latency is 1, but what one network takes is not known here"):
        decide(rows, budget=Budget(latency=1))


def test_members_that_had_not_converged_come_first():
    rows = table((ONE, 0.5, 0.5), (several(4, True), 0.4, 0.4))
    ending = Ending(falling=3, members=4)
    found = decide(rows, ending=ending)
    assert (found.advice, found.unconverged) == ("train_longer", True)
    assert (found.chosen, found.gain.value) == (0, 0)  # the gain of longer training was not measured
    said = head(rows, found, Rules(), ending=ending)
    assert said[0].startswith("The members had not converged: the validation loss of 3 of 4")
    assert said[1].startswith("Train longer first")
    assert decide(rows, ending=Ending(falling=1, members=4)).advice == "ensemble"
    measured = table((ONE, 0.5, 0.5), (several(4, True), 0.4, 0.4), (LONG, 0.45, 0.45))
    assert decide(measured, ending=ending).advice == "ensemble"  # a longer run was measured, and is worse


def test_what_beats_the_ensemble_at_its_cost_is_said_before_the_advice():
    rows = table((ONE, 0.5, 0.5), (several(2), 0.44, 0.44), (several(4, True), 0.43, 0.43), (LONG, 0.40, 0.40))
    found = decide(rows)
    assert found.beaten_by == (3,)
    said = head(rows, found, Rules())
    assert said[0].startswith(
        "At the training cost of 4 networks, a long run does better than the average of 4 networks: NLL "
        "\N{MINUS SIGN}0.030"
    )
    first, second, third = head(rows, found, Rules(), ending=Ending(falling=3, members=4))
    assert first.startswith("The members had not converged: the validation loss of 3 of 4 was still falling")
    assert [second, third] == said
    worse = table((ONE, 0.5, 0.5), (several(4, True), 0.40, 0.40), (LONG, 0.43, 0.43))
    assert decide(worse).beaten_by == ()
    told = " ".join(evidence(worse, decide(worse), numbers=True))
    assert "At equal training cost, compared with the average of 4 networks: a long run, NLL +0.030" in told


ALIGNED = replace(SOUP, name="the weight average of 3 aligned members", advice="align_and_average")


def test_averages_of_weights_are_advised_or_told_of():
    """They take one forward pass, so that a smaller gain than the ensemble's is enough."""
    rows = table((ONE, 0.5, 0.5), (several(3), 0.448, 0.448), (SOUP, 0.45, 0.45), (ALIGNED, 0.9, 0.9))
    found = decide(rows)
    assert found.advice == "average_weights"
    (said,) = head(rows, found, Rules())
    assert said.startswith("Average the weights: keep the weight average of 3 members: NLL \N{MINUS SIGN}")
    assert "1\N{NO-BREAK SPACE}forward pass per prediction" in said
    told = " ".join(evidence(rows, found, numbers=True))
    assert f"compared with one network as it is: {ALIGNED.name}, NLL +0.400" in told
    assert SOUP.name not in told.split("Averages of weights")[1]
    aligned = table((ONE, 0.5, 0.5), (several(3), 0.48, 0.48), (ALIGNED, 0.45, 0.45))
    assert head(aligned, decide(aligned), Rules())[0].startswith("Align the networks, then average their weights: keep")
    steps = table((ONE, 0.5, 0.5), (several(2), 0.4, 0.4), (replace(SOUP, name=f"{SOUP.name} networks"), 0.3, 0.3))
    assert [size for _, size, _ in size_steps(steps, "none")] == [2]  # only of ensembles


@pytest.mark.parametrize(("judged", "told"), [(0.48, True), (0.52, False)])
def test_the_best_of_one_pass_is_named_only_where_it_is_better(judged, told):
    found = table((ONE, 0.5, 0.5), (CALIBRATED, 0.49, judged), (several(4, True), 0.3, 0.3))
    decision = decide(found)
    assert decision.advice == "ensemble"
    words = " ".join(evidence(found, decision, numbers=True))
    assert (
        "The best of one forward pass, compared with one network as it is: one network (calibrated)" in words
    ) == told, words


def test_a_calibration_error_that_gets_worse_is_said_with_its_reason():
    rows = table((ONE, 0.5, 0.5), (several(3), 0.42, 0.42))
    errors = {"ece": np.array([0.02, 0.06]), "ece_half": np.array([0.0, 0.03])}
    rows = replace(rows, **errors, excess=np.array([0.0, -0.055]))
    text = " ".join(evidence(rows, decide(rows))).replace("\N{NO-BREAK SPACE}", " ")
    assert (
        "It is worse calibrated than one network: ECE 0.060 against 0.020 (difference: 95 % interval 0.010 to "
        "0.070 for these members). It is underconfident" in text
    )
    assert "5.5 points below its accuracy." in text
    rows = replace(rows, temperature=np.array([1.0, 0.72]))
    text = " ".join(evidence(rows, decide(rows)))
    assert "; the temperature found on 500 validation images is 0.72 (above 1 lowers confidence" in text
    calibrated = replace(rows, candidates=(ONE, replace(several(3), calibration="average")))
    text = " ".join(evidence(calibrated, decide(calibrated)))
    assert "although it is calibrated, at the temperature 0.72 found on 500 validation images." in text


@pytest.mark.parametrize("half", [np.array([0.0, 0.05]), None])
def test_a_calibration_error_within_its_interval_is_not_said_to_be_higher(half):
    rows = table((ONE, 0.5, 0.5), (several(3), 0.42, 0.42))
    rows = replace(rows, ece=np.array([0.02, 0.06]), ece_half=half, excess=np.array([0.0, -0.055]))
    text = " ".join(evidence(rows, decide(rows)))
    assert "Whether it is worse calibrated than one network cannot be told: ECE 0.060 against 0.020" in text
    assert "underconfident" not in text
    close = replace(rows, ece=np.array([0.02, 0.025]))
    assert "calibrated than" not in " ".join(evidence(close, decide(close)))


def test_a_worse_calibrated_ensemble_is_told_of_where_something_else_is_advised():
    rows = table((ONE, 0.5, 0.5), (several(3), 0.49, 0.49), (LONG, 0.3, 0.3))
    errors = {"ece": np.array([0.02, 0.06, 0.02]), "ece_half": np.array([0.0, 0.03, 0.03])}
    rows = replace(rows, **errors, excess=np.array([0, -0.055, 0]), temperature=np.full(3, 0.7))
    text = " ".join(evidence(rows, decide(rows)))
    assert "The average of 3 networks is worse calibrated than one network: ECE" in text
    assert "underconfident" in text
    assert "is 0.70 (above 1 lowers confidence" in text


def test_thresholds_are_shares():
    with pytest.raises(InputError, match="the threshold pass_price is 3; expected a share from 0 to 1"):
        Rules(pass_price=3)
    rows = table((ONE, 0.5, 0.5), (several(2), 0.45, 0.45), (several(3), 0.446, 0.446))
    assert decide(rows, Rules(pass_price=0, training_price=0)).chosen == 2


def test_infinite_losses_are_never_chosen():
    rows = table((ONE, 0.5, 0.5), (several(2), math.inf, math.inf), (several(3), 0.4, 0.4))
    assert decide(rows).chosen == 2
