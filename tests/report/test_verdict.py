"""The verdict's sentences for results made by hand."""

import math

import numpy as np
import pytest
import xarray as xr
from example_results import example_result

from modescape.analyses import ANALYSES
from modescape.analyses.ensemble_size.rows import score_rows
from modescape.analyses.ensemble_size.verdict import enough_members
from modescape.covers import NEW, NEW_RUNS, new_if
from modescape.report.verdict import judge
from modescape.results import make_result
from modescape.wording.reading import full_gain, pick

SPACE, MINUS = "\N{NO-BREAK SPACE}", "\N{MINUS SIGN}"
PROVENANCE = {
    **{"recipe_hash": "ab", "recipe_name": "study", "version": "0.1", "seed": 0},
    **{"examples": 100, "members": 10, "repeats": 1},
}


def solutions(
    across=0.27, within=0.0628, low=0.26, high=0.28, normalized=0.76, accuracy=(0.64, 0.65, 0.66), between=None
):
    names = [f"accuracy_sd{end}" for end in ("", "_sampling", "_beyond", "_beyond_high")] + ["cochran_q", "cochran_p"]
    single = {name: ((), value, "1", name) for name, value in zip(names, between, strict=True)} if between else {}
    metric = ["disagreement", "normalized_disagreement", "cosine", "cosine_without_batch_norm"]
    mean = np.array([across, normalized, 0.3, 0.013])
    return make_result(
        {
            "accuracy": (("member",), np.array(accuracy), "1", "accuracy"),
            "last_epochs_disagreement": (("member",), np.full(len(accuracy), within), "1", "late disagreement"),
            "pair_mean": (("metric",), mean, "1", "mean"),
            "pair_low": (("metric",), np.array([low, *mean[1:]]), "1", "low"),
            "pair_high": (("metric",), np.array([high, *mean[1:]]), "1", "high"),
            **single,
        },
        {"member": np.arange(len(accuracy)), "metric": metric},
        title="t",
        intervals="none",
        covers=NEW,
        provenance=PROVENANCE,
    )


def sizes(independent, snapshots=None, metric="accuracy", base=0.64):
    """A result from lists of (gain, low, high) for sizes from 1 on; shorter lists of snapshots are padded with NaN."""
    methods = {"independent": independent} | ({"snapshots": snapshots} if snapshots else {})
    longest = max(len(rows) for rows in methods.values())
    filled = [list(rows) + [(math.nan,) * 3] * (longest - len(rows)) for rows in methods.values()]
    table = np.array(filled, dtype=float)[:, None]  # [method, metric, size, of]
    dims = ("approach", "metric", "size")
    columns = dict(zip(("gain", "gain_low", "gain_high"), np.moveaxis(table, -1, 0), strict=True))
    variables = {name: (dims, values, "1", name) for name, values in columns.items()}
    variables |= {name.replace("gain", "score"): (dims, base + values, "1", name) for name, values in columns.items()}
    coords = {"approach": list(methods), "metric": [metric], "size": np.arange(1, longest + 1)}
    covers = {"score": {"": NEW, "snapshots": NEW_RUNS}, "gain": {"": new_if(longest - 1), "snapshots": NEW_RUNS}}
    return make_result(variables, coords, title="t", intervals="none", covers=covers, provenance=PROVENANCE)


def climbing(full, count, half=0.006):
    gains = [full * (1 - 1 / size) / (1 - 1 / count) for size in range(1, count + 1)]
    return [(gain, gain - half, gain + half) for gain in gains]


def test_headline_gives_shares_ratio_and_gains():
    results = {
        "solution_similarity": solutions(),
        "ensemble_size": sizes(climbing(0.041, 10), climbing(0.004, 10, half=0.002)),
    }
    verdict = judge(results)
    text = " ".join(verdict.sentences).replace(SPACE, " ")
    assert text == (
        "Two snapshots of one run disagree on 6.3 % of the test images, two independent networks on 27 %: "
        "4.3 times as often. Averaging 10 independent networks gains 4.1 points of accuracy (95 % interval 3.5 to 4.7 "
        "for new members). Averaging 10 snapshots of one run gains 0.4 points of accuracy (95 % interval 0.2 to "
        "0.6 for new runs)."
    )
    assert verdict.question == "Why did the ensemble work?"
    assert verdict.answer == "Averaging independent networks worked."
    assert verdict.covers.endswith("for new members on new examples; of snapshots: new runs on new examples.")


def test_with_a_decision_the_bare_answer_is_left_out():
    sizes = {"ensemble_size": example_result("ensemble_size")}
    assert "Averaging independent networks worked." in judge(sizes).answer
    with_decision = judge(sizes | {"equal_cost": example_result("equal_cost")})
    assert "Averaging independent networks worked." not in with_decision.answer
    assert with_decision.question == judge(sizes).question


@pytest.mark.parametrize(("low", "high"), [(-0.002, 0.010), (0.0, 0.010), (-0.004, 0.0), (math.nan, math.nan)])
def test_gain_whose_interval_holds_zero_or_is_missing_is_inconclusive(low, high):
    verdict = judge({"ensemble_size": sizes([(0, 0, 0), (0.004, low, high)])})
    assert verdict.answer.startswith("Inconclusive")
    assert verdict.question == "Did the ensemble work?"
    assert "inconclusive" in verdict.sentences[0]
    assert "gains" not in verdict.sentences[0]
    assert "inconclusive" in verdict.enough
    assert "inconclusive" in verdict.cards[1].note


def test_inconclusive_sentence_gives_the_signed_change():
    verdict = judge({"ensemble_size": sizes([(0, 0, 0), (-0.004, -0.01, 0.002)])})
    (sentence,) = verdict.sentences
    assert verdict.covers.endswith("; of the gain of two networks: these members on new examples.")
    assert sentence.replace(SPACE, " ") == (
        "Averaging 2 independent networks changes accuracy by \N{MINUS SIGN}0.4 points "
        "(95 % interval \N{MINUS SIGN}1.0 to 0.2 for these members): inconclusive, because the interval includes 0."
    )


def test_negative_gain_is_a_loss_with_its_bounds_turned():
    verdict = judge({"ensemble_size": sizes([(0, 0, 0), (-0.012, -0.019, -0.005)])})
    assert verdict.answer == "Averaging independent networks hurt."
    assert "loses 1.2 points of accuracy (95 % interval 0.5 to 1.9 for these members)" in verdict.sentences[0].replace(
        SPACE, " "
    )
    assert f"by {MINUS}1.2 points with 2" in verdict.enough.replace(SPACE, " ")


def test_small_conclusive_gain_is_not_printed_as_zero():
    (sentence,) = judge({"ensemble_size": sizes([(0, 0, 0), (0.0006, 0.0002, 0.001)])}).sentences
    assert "gains 0.06 points of accuracy (95 % interval 0.02 to 0.10 for these members)" in sentence.replace(
        SPACE, " "
    )


def test_single_member_has_no_verdict_and_no_gain():
    verdict = judge({"ensemble_size": sizes([(0, 0, 0)]), "solution_similarity": solutions(math.nan, accuracy=(0.6,))})
    assert verdict.answer == "No verdict on the ensemble: it needs at least two trained networks."
    assert verdict.sentences[0].startswith("Two snapshots of one run disagree on 6.3")
    assert "no ensemble" in verdict.sentences[1]
    assert verdict.enough == ""
    assert [card.label for card in verdict.cards] == ["One network, on average", "Disagreement within a run"]


def test_without_snapshots_only_independent_networks_are_named():
    verdict = judge({"ensemble_size": sizes(climbing(0.04, 4)), "solution_similarity": solutions(within=math.nan)})
    assert verdict.sentences[0].replace(SPACE, " ") == "Two independent networks disagree on 27 % of the test images."
    assert len(verdict.sentences) == 2
    assert "snapshot" not in " ".join([*verdict.sentences, *(card.label for card in verdict.cards)])


def test_no_results_at_all():
    verdict = judge({})
    assert verdict.answer == "No verdict on the ensemble: ensemble_size was not measured."
    assert (verdict.sentences, verdict.why, verdict.enough, verdict.cards, verdict.scores) == ([], [], "", [], [])
    assert len(verdict.limits) == 2


def test_disagreements_that_the_interval_cannot_tell_apart():
    within_interval = judge({"solution_similarity": solutions(0.1, 0.09, 0.08, 0.12)}).sentences[0]
    assert "inconclusive" in within_interval
    assert "times" not in within_interval
    assert judge({"solution_similarity": solutions(0.1, 0.097, 0.099, 0.101)}).sentences[0].endswith("about as often.")


def test_snapshots_that_never_disagree_give_no_ratio():
    sentence = judge({"solution_similarity": solutions(within=0.0)}).sentences[0]
    assert sentence.replace(SPACE, " ").endswith("on 0 % of the test images, two independent networks on 27 %.")


def test_each_size_is_told_with_its_interval_and_no_share_of_the_full_gain():
    """A share of the full gain would be about 1 - 1/k on any data."""
    found = sizes([(0, 0, 0), (0.01, 0.005, 0.02), (0.04, -0.03, 0.05)])
    text = enough_members(found).replace(SPACE, " ")
    assert text == (
        "Averaging changes the accuracy of one network by +1.0 points with 2 (95 % interval 0.5 to 2.0) and +4.0 "
        f"points with 3 (95 % interval {MINUS}3.0 to 5.0; inconclusive), for new members on new examples."
    )
    assert enough_members(found, weighed=True) == ""  # a decision reports every step, paired


def test_brier_law_gives_the_limit():
    dataset = sizes(climbing(0.05, 4))
    law = 0.4 - (1 - 1 / np.arange(1, 5)) * 0.1  # B1 = .4, V = .1: limit .3
    dataset["brier_law"] = (("approach", "size"), law[None], {"units": "1", "long_name": "law"})
    text = enough_members(dataset).replace(SPACE, " ")
    assert "the Brier score is 0.400 for one network, 0.325 for 4 averaged, and 0.300 for infinitely many" in text
    assert "75" not in text  # 1 - 1/k, on any data


def test_reasons_follow_the_numbers():
    different = judge({"solution_similarity": solutions()}).why
    assert different[0].startswith("They are different functions: their disagreement rate is 0.76 times their")
    assert "0.013: their weights are nearly orthogonal" in different[0]  # without batch norm, not 0.3
    alike = judge({"solution_similarity": solutions(0.02, normalized=0.1, accuracy=(0.5, 0.8))}).why
    assert alike[0].startswith("They are similar functions: their disagreement rate is only 0.10 times")
    same = judge({"solution_similarity": solutions(0.0, normalized=0.0, accuracy=(0.9, 0.9))}).why
    assert (
        same[1].replace(SPACE, " ")
        == "They give every test image the same label (90.0 % right): averaging cannot change a label."
    )


def test_the_spread_between_members_is_told_from_test_sampling():
    """With Cochran's Q of 42.6 and p = 3e-6, as on digits, members are not "about equally accurate"."""
    between = (0.0081, 0.0048, 0.0065, 0.0127, 42.6, 2.6e-6)
    (_, reason) = judge({"solution_similarity": solutions(accuracy=(0.92, 0.94, 0.95), between=between)}).why
    assert reason.replace(SPACE, " ") == (
        "They are not equally accurate (92.0 % to 95.0 %; Cochran's Q 42.6, p < 0.001): the standard deviation between "
        "members is 0.8 points; test-set sampling alone gives 0.5, the rest is 0.7 (at most 1.3, 95 % upper "
        "bound); squares of these add up."
    )
    between = (0.005, 0.004, 0.003, 0.0071, 13.8, 0.13)
    (_, reason) = judge({"solution_similarity": solutions(accuracy=(0.94, 0.95, 0.96), between=between)}).why
    assert reason.startswith("Whether they differ in accuracy beyond test-set sampling is unclear (94.0")
    assert "p = 0.13" in reason.replace(SPACE, " ")
    (_, reason) = judge({"solution_similarity": solutions()}).why  # a result without that variable
    assert reason.replace(SPACE, " ") == "Their accuracies range from 64.0 % to 66.0 %."


def test_snapshots_are_judged_against_the_final_network():
    """On digits they gain .16 points over the mean snapshot, and nothing over the network at the run's end."""
    dataset = sizes(climbing(0.041, 10), climbing(0.0016, 10, half=0.0004))
    for name, value in (("final_gain", -0.0006), ("final_gain_low", -0.0029), ("final_gain_high", 0.0017)):
        dataset[name] = (("metric",), np.array([value]), {"units": "1", "long_name": name})
    verdict = judge({"ensemble_size": dataset})
    assert verdict.sentences[-1].replace(SPACE, " ") == (
        "Averaging 10 snapshots of one run changes accuracy by \N{MINUS SIGN}0.1 points over its final network (95 % "
        "interval \N{MINUS SIGN}0.3 to 0.2): inconclusive, because the interval includes 0. Over the mean snapshot it "
        "is +0.2 points (95 % interval 0.1 to 0.2 for new runs)."
    )
    dataset["gain_low"][-1, :, -1] = -2e-6  # printed as 0.000
    assert judge({"ensemble_size": dataset}).sentences[-1].endswith("0.000 to 0.200 for new runs): inconclusive.")
    card = verdict.cards[-1]
    assert card.label.replace(SPACE, " ") == "Gain of 10 snapshots over the run's end"
    assert card.value.startswith("\N{MINUS SIGN}0.1")
    assert "inconclusive" in card.note


@pytest.mark.parametrize(
    ("gain", "low", "high", "expected"),
    [
        (-0.08, -0.09, -0.07, f"Averaging the probabilities takes 20{SPACE}% off the Brier score, from 0.400 to 0.320"),
        (-0.01, -0.02, 0.001, None),
    ],
)
def test_the_brier_score_says_how_much_of_the_errors_cancels(gain, low, high, expected):
    dataset = sizes([(0, 0, 0), (gain, low, high)], metric="brier", base=0.4)
    why = judge({"ensemble_size": dataset}).why
    assert why == [] if expected is None else why[0].startswith(expected)
    ((label, better, single, together, change, bounds),) = score_rows(dataset)
    assert better == "lower"
    assert (label, single, together) == ("Brier score", "0.400", f"{0.4 + gain:.3f}")
    assert float(change.replace("\N{MINUS SIGN}", "-")) == pytest.approx(gain)
    assert ("inconclusive" in bounds) == (expected is None)


def test_gain_is_read_at_the_largest_scored_size():
    dataset = sizes(climbing(0.05, 5), climbing(0.01, 3))
    assert full_gain(dataset, "independent").size == 5
    assert full_gain(dataset, "snapshots").size == 3
    assert full_gain(dataset, "snapshots").value == pytest.approx(0.01)


def test_pick_of_something_absent_is_nan():
    dataset = solutions()
    for found in (
        pick(None, "accuracy"),
        pick(dataset, "nothing"),
        pick(dataset, "pair_mean", metric="absent"),
        pick(dataset, "accuracy", size=3),
    ):
        assert math.isnan(found)


def test_a_number_is_picked_as_xarray_selects_it():
    """By labels of every kind, by position where a dimension has none, and the mean of finite values over the rest."""
    values = np.random.default_rng(0).normal(size=(2, 3, 4))
    values[1, 0] = (np.nan, 1.0, np.nan, 3.0)
    values[0, 1, 2], values[1, 2] = np.inf, np.nan
    dataset = xr.Dataset(
        {"score": (("approach", "size", "draw"), values)}, {"approach": ["one", "other"], "size": [1, 2, 5]}
    )
    for approach in ("one", "other"):
        for size in (1, 2, 5):
            for more in [{}, *({"draw": draw} for draw in range(4))]:
                wanted = dataset["score"].sel(approach=approach, size=size, **more)
                wanted = float(wanted.mean()) if np.isfinite(wanted.values).any() else math.nan
                found = pick(dataset, "score", approach=approach, size=np.int64(size), **more)
                assert found == wanted or (math.isnan(found) and math.isnan(wanted))
    assert math.isnan(pick(dataset, "score", approach="one", draw=4))


def test_one_imported_network_is_told_of_by_itself():
    part = ANALYSES["confusion"].part("example")
    alone, two = ({"confusion": part.example(members=count, epochs=2)} for count in (1, 2))
    assert judge(alone, imported=True).question == "One network by itself"
    assert "needs two networks" in judge(alone, imported=True).answer
    assert judge(two, imported=True).question == "What do these networks gain together?"
