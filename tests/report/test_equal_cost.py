"""The verdict on equal training cost and on members that had not converged, for made-up results."""

import math

import numpy as np
import pytest
from example_results import example_result

from modescape.analyses.auxiliary import WHOLE
from modescape.analyses.cyclic.equal_cost import beaten, compared, cost_answer, cost_sentences
from modescape.analyses.equal_cost.example import example
from modescape.analyses.training.convergence import not_converged, trained_out
from modescape.covers import NEW_REPEATS, NEW_RUNS, new_if
from modescape.metrics.convergence import ending
from modescape.report.verdict import judge
from modescape.results import make_result

SPACE, MINUS = "\N{NO-BREAK SPACE}", "\N{MINUS SIGN}"
PROVENANCE = {
    **{"recipe_hash": "ab", "recipe_name": "study", "version": "0.1", "seed": 0},
    **{"examples": 100, "members": 10, "repeats": 2},
}
METHODS = ("independent", "snapshots", "long run", "ensemble", WHOLE)
METRICS = ("accuracy", "nll", "calibrated_nll")
BETTER, WORSE, TIE, ABSENT = 1, -1, 0, math.nan


def cyclic(states: dict[str, tuple[float, float, float]], methods=METHODS, **attributes):
    """A result from states of accuracy, NLL and calibrated NLL; methods that are not named tie in all."""
    base = np.array([0.96, 0.12, 0.11])
    difference = np.full((len(methods), 3), np.nan)
    half = np.array([0.004, 0.01, 0.01])
    for row, method in enumerate(methods):
        if method not in ("independent", "ensemble"):
            signs = np.array(states.get(method, (TIE, TIE, TIE))) * np.array([1, -1, -1])
            difference[row] = np.where(signs == 0, half / 2, signs * 2 * half)
    dims = ("approach", "metric")
    return make_result(
        {
            "score": (dims, base + np.nan_to_num(difference), "1", "score"),
            "difference": (dims, difference, "1", "difference"),
            "difference_low": (dims, difference - half, "1", "low"),
            "difference_high": (dims, difference + half, "1", "high"),
            "training_epochs": (
                ("approach",),
                np.where(np.isin(methods, ("ensemble", WHOLE)), 400.0, 120.0),
                "1",
                "epochs",
            ),
        },
        {
            "approach": list(methods),
            "reference": (
                "approach",
                ["ensemble" if name in ("ensemble", WHOLE) else "independent" for name in methods],
            ),
            "metric": list(METRICS),
        },
        title="t",
        intervals="none",
        covers={"": {"": NEW_REPEATS, WHOLE: new_if(attributes.get("long_runs", 1), NEW_RUNS)}},
        provenance=PROVENANCE,
        **{"networks": 3, "ensemble_members": 10, "long_runs": 1, **attributes},
    )


@pytest.mark.parametrize(
    ("states", "answer"),
    [
        ((TIE, TIE, TIE), "the ensemble and one long run cannot be told apart in accuracy, calibrated NLL or raw NLL."),
        ((BETTER, BETTER, BETTER), "one long run beats the ensemble in accuracy, calibrated NLL and raw NLL."),
        ((WORSE, WORSE, WORSE), "the ensemble beats one long run in accuracy, calibrated NLL and raw NLL."),
        (
            (TIE, WORSE, TIE),
            "the ensemble beats one long run in raw NLL; in accuracy and calibrated NLL they cannot be told apart.",
        ),
        (
            (BETTER, WORSE, TIE),
            "neither wins: one long run is better in accuracy, the ensemble in raw NLL; in calibrated NLL they cannot "
            "be told apart.",
        ),
        (
            (BETTER, TIE, TIE),
            "one long run beats the ensemble in accuracy; in calibrated NLL and raw NLL they cannot be told apart.",
        ),
    ],
)
def test_the_answer_says_what_wins_by_score(states, answer):
    result = cyclic({WHOLE: states})
    assert cost_answer(result) == f"At equal training cost {answer}"
    assert beaten(result) == (BETTER in states and WORSE not in states)
    assert judge({"cyclic": result}).answer.startswith("At equal training cost ")


def test_what_wins_is_the_first_sentence_and_has_its_figures():
    verdict = judge({"cyclic": cyclic({WHOLE: (BETTER, WORSE, TIE)})})
    assert verdict.sentences[0].replace(SPACE, " ") == (
        "At equal training cost, 400 epochs in all, one network that was trained for all of them is better than the "
        "ensemble of 10 in accuracy (96.8 % against 96.0 %; difference +0.8 points, 95 % interval 0.4 to 1.2), is "
        "worse than it in raw NLL (0.140 against 0.120; difference +0.020 nats, 95 % interval 0.010 to 0.030) and "
        "cannot be told apart from it in calibrated NLL (0.115 against 0.110; difference +0.005 nats, 95 % interval "
        f"{MINUS}0.005 to 0.015). It predicts in one forward pass, the ensemble in 10. The "
        "intervals are for these members on new examples."
    )
    assert verdict.sentences[1].replace(SPACE, " ") == (
        "At 120 epochs, the training cost of 3 independent networks (accuracy 96.0 %, calibrated NLL 0.110, raw NLL "
        "0.120), snapshots of one run and one long run cannot be told apart from them in accuracy, calibrated "
        "NLL or raw NLL. Means of 2 "
        "repeats; intervals are for new repeats on new examples."
    )
    (card,) = [card for card in verdict.cards if card.label.startswith("One network at the ensemble's cost, 400")]
    assert card.value.replace(SPACE, " ") == "96.8 %"
    assert (
        card.note.replace(SPACE, " ") == "+0.8 points against the ensemble, 95 % interval 0.4 to 1.2 for these members"
    )


def test_the_brier_score_is_told_where_it_tells_apart_and_names_no_winner():
    found = cyclic({WHOLE: (TIE, TIE, TIE), "long run": (BETTER, TIE, TIE)})
    found = found.assign_coords(metric=["brier", "nll", "calibrated_nll"])  # .96 against .952, where higher is worse
    assert "in brier" not in cost_answer(found).lower()
    assert not beaten(found)
    (first, second) = cost_sentences(found)
    assert "Brier" not in first
    assert second.replace(SPACE, " ").split("; ")[1:3] == [
        "in the Brier score, one long run is worse than them (0.968 against 0.960",
        "difference +0.008, 95 % interval 0.004 to 0.012). Means of 2 repeats",
    ]
    found["difference"][-1, 0], found["difference_low"][-1, 0], found["difference_high"][-1, 0] = -0.02, -0.03, -0.01
    assert (
        "In the Brier score, one run as long as all members is better than the ensemble of 10 ("
        in (cost_sentences(found)[0])
    )


def test_snapshots_that_win_at_their_own_cost_are_named_in_the_answer():
    result = cyclic({"snapshots": (BETTER, TIE, BETTER), "long run": (BETTER, WORSE, TIE)})
    _, second = cost_answer(result).split(". ")
    assert second.replace(SPACE, " ") == (
        "At the training cost of 3 independent networks, better than these are snapshots of one run (in accuracy and "
        "calibrated NLL)."
    )
    assert "snapshots of one run are better than them in accuracy (96.8" in cost_sentences(result)[1].replace(
        SPACE, " "
    )
    assert "one long run is better than them in accuracy (" in cost_sentences(result)[1]
    assert "and is worse than them in raw NLL" in cost_sentences(result)[1]


def test_without_a_comparison_the_verdict_says_that_there_was_none():
    verdict = judge({})
    assert verdict.answer.startswith("No verdict on the ensemble")
    assert "neither a longer run nor a larger network was trained at equal cost" in verdict.limits[1]
    alone = cyclic({}, METHODS[:3])  # no long run in the recipe
    assert compared(alone, WHOLE) == []
    assert cost_answer(alone) == ""
    assert len(cost_sentences(alone)) == 1
    assert "neither a longer run" in judge({"cyclic": alone}).limits[1]
    assert "only a longer run was trained" in judge({"cyclic": cyclic({})}).limits[1]
    older = cyclic({}).drop_vars(["reference", "difference", "difference_low", "difference_high"])
    assert (cost_answer(older), cost_sentences(older)) == ("", [])


def test_without_validation_images_there_is_no_calibrated_comparison():
    assert cost_answer(cyclic({WHOLE: (TIE, WORSE, ABSENT)})) == (
        "At equal training cost the ensemble beats one long run in raw NLL; in accuracy they cannot be told apart."
    )


def test_several_long_runs_are_said_to_be_so():
    (sentence, _) = cost_sentences(cyclic({}, long_runs=2))
    assert "one network (mean of 2) that was trained for all of them" in sentence
    assert sentence.endswith("The intervals are for new runs on new examples.")


def test_a_score_without_an_interval_tells_nothing_apart():
    result = cyclic({WHOLE: (BETTER, BETTER, BETTER)})
    result["difference_low"][:] = np.nan
    assert [one.state for one in compared(result, WHOLE)] == ["equal"] * 3
    assert "no interval" in cost_sentences(result)[0]


def test_it_reads_the_result_as_it_is_written():
    result = example_result("cyclic", members=4)
    assert [one.metric for one in compared(result, WHOLE)] == ["accuracy", "calibrated_nll", "nll"]
    assert "the ensemble of 4" in cost_sentences(result)[0]


# ---- members that had not converged ----


def training(loss):
    found = ending(np.array(loss))
    trend = [{"falling": -1, "rising": 1, "flat": 0, "unknown": np.nan}[state] for state in found.state]
    return make_result(
        {
            "validation_loss": (("member", "epoch"), np.array(loss), "nats", "loss"),
            "end_change": (("member",), found.change, "1", "change"),
            "trend": (("member",), np.array(trend, float), "1", "trend"),
        },
        {"member": np.arange(len(loss)), "epoch": np.arange(len(loss[0])) + 1},
        title="t",
        intervals="none",
        provenance=PROVENANCE,
    )


EPOCHS = np.arange(1, 41)
FALLING, RISING, FLAT = 2 * 0.97**EPOCHS, 0.3 + 0.01 * EPOCHS, np.full(40, 0.2)


@pytest.mark.parametrize(
    ("loss", "sentence"),
    [
        ([FLAT, FLAT], ""),
        (
            [FALLING, FLAT, FALLING],
            "The members had not converged: the validation loss of 2 of 3 still falls (over the last quarter of the "
            "epochs by 32 % of the loss at the end).",
        ),
        (
            [RISING, FLAT],
            "The members had not converged: the validation loss of 1 of 2 rises, so that they had begun to overfit "
            "(over the last quarter of the epochs by 13 % of the loss at the end).",
        ),
        (
            [np.linspace(2, 0.05, 40)],  # decreases by more than what remains
            "The members had not converged: the validation loss of 1 of 1 still falls (over the last quarter of the "
            "epochs by 900 % of the loss at the end).",
        ),
        (np.ones((2, 2)), "2 epochs are too few to tell whether the members had converged."),
        (np.full((2, 40), np.nan), ""),
    ],
)
def test_members_that_had_not_converged_are_named(loss, sentence):
    assert not_converged(training(loss)).replace(SPACE, " ") == sentence


def test_it_is_said_before_everything_else():
    verdict = judge({"training": training([FALLING]), "cyclic": cyclic({WHOLE: (BETTER, BETTER, BETTER)})})
    first, second = verdict.answer.split(". ")[:2]
    assert first.startswith("The members had not converged")
    assert second.startswith("At equal training cost one long run beats the ensemble")
    assert verdict.question == "Did the ensemble work?"


def test_flat_losses_are_set_beside_what_longer_training_reached():
    """With a cosine schedule, all members of digits end flat at 95.1 %, but one network of 400 epochs has 97.2 %."""
    result = cyclic({WHOLE: (BETTER, TIE, TIE)}, member_epochs=40)
    result["member_score"] = result["score"] - 0.01
    for end, sign in (("low", -1), ("high", 1)):
        result[f"score_{end}"] = result["score"] + sign * 0.005
    (limit,) = [text for text in judge({"training": training([FLAT, FLAT]), "cyclic": result}).limits if "flat" in text]
    assert limit.replace(SPACE, " ").endswith(
        "One network of 400 epochs has an accuracy of 96.8 % (95 % interval 96.3 to 97.3), the mean member, of 40, "
        "95.0 %."
    )
    assert trained_out(training([FLAT, FALLING]), result) == ""
    assert trained_out(training([FLAT]), None) == trained_out(None, result) == ""


def test_networks_that_are_trained_less_than_members_are_a_limit():
    about = {"network_epochs": 3, "member_epochs": 40, "training_images": 10_000, "member_images": 45_000}
    limits = judge({"cyclic": cyclic({}, **about)}).limits
    assert (
        "Full training: the networks of cyclic schedules are trained on 3 of 40 epochs and 10,000 of 45,000 images "
        "(variants in the recipe)." in limits
    )
    about |= {"network_epochs": 40, "training_images": 45_000}
    assert not any("Full training" in limit for limit in judge({"cyclic": cyclic({}, **about)}).limits)


def test_with_a_decision_convergence_stays_first_and_what_beats_the_ensemble_second():
    beaten = example()
    long = [str(name).startswith("one network trained") for name in beaten["approach"].values]
    beaten["score"][{"approach": long, "metric": 0}] = 0.5
    beaten["chosen"][{"approach": long}] = 0.5
    answer = judge({"training": training([FALLING, FLAT]), "equal_cost": beaten}).answer
    parts = ("The members had not converged", "At the training cost of 10 networks, one network", "Train longer")
    places = [answer.index(part) for part in parts]
    assert places == sorted(places)
    assert places[0] == 0


def test_where_the_decision_weighs_the_long_run_it_alone_speaks_of_it():
    result = cyclic({WHOLE: (BETTER, BETTER, BETTER)})
    verdict = judge({"cyclic": result, "equal_cost": example()})
    assert verdict.answer.startswith("Average 5 networks, then calibrate the average: NLL")
    assert "At equal training cost one long run" not in verdict.answer
    assert "At equal training cost" not in " ".join(verdict.sentences)
    assert verdict.compared is not None
    assert [title.split(",")[0] for title, _ in verdict.compared.groups].count("At equal training cost") == 1
    assert verdict.steps is not None
    assert verdict.steps.groups[0][1][0][0] == "1 to 2"
    beaten = example()
    long = [str(name).startswith("one network trained") for name in beaten["approach"].values]
    beaten["score"][{"approach": long, "metric": 0}] = 0.5
    beaten["chosen"][{"approach": long}] = 0.5
    verdict = judge({"equal_cost": beaten})
    assert verdict.answer.startswith("At the training cost of 10 networks, one network trained 10 times as long")
    assert "Train longer: one network trained 10 times as long" in verdict.answer
