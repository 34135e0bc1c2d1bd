"""Scores against ensemble size: direct averages, the exact law, intervals."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from scipy import stats

import modescape as ms
from modescape import analyses
from modescape.metrics.intervals import bounded_interval
from modescape.study import Study

from .building import EXAMPLES, build_study

MEMBERS, LAST, SNAPSHOTS = [0, 2, 3, 4], 6, [3, 4, 5, 6]  # of the fixture `study`
Prob = dict[tuple[int, int], np.ndarray]


@pytest.fixture(scope="module")
def result(study: Study) -> xr.Dataset:
    return analyses.measure("ensemble_size", study)


def scores(prob: np.ndarray, label: np.ndarray) -> dict[str, float]:
    confidence, right = prob.max(-1), prob.argmax(-1) == label
    calibration = 0.0
    for lower in range(15):
        inside = (confidence > lower / 15) & (confidence <= (lower + 1) / 15)
        calibration += abs(right[inside].sum() - confidence[inside].sum()) / len(label)
    return {
        "accuracy": right.mean(),
        "nll": -np.log(prob[np.arange(len(label)), label]).mean(),
        "brier": np.square(prob - np.eye(prob.shape[1])[label]).sum(-1).mean(),
        "ece": calibration,
    }


def runs_of(method: str, prob: Prob) -> list[list[np.ndarray]]:
    """Groups of networks whose ensembles are scored; results are means over groups."""
    if method == "independent":
        return [[prob[member, LAST] for member in MEMBERS]]
    return [[prob[member, epoch] for epoch in SNAPSHOTS] for member in MEMBERS]


@pytest.mark.parametrize("method", ["independent", "snapshots"])
def test_the_full_size_is_the_direct_average(result: xr.Dataset, prob: Prob, label: np.ndarray, method: str):
    rows = [scores(np.mean(group, axis=0), label) for group in runs_of(method, prob)]
    for metric in rows[0]:
        expected = np.mean([row[metric] for row in rows])
        assert float(result["score"].sel({"approach": method, "metric": metric, "size": 4})) == pytest.approx(
            expected, rel=1e-5
        )
        # log_loss renormalises float32 probabilities: 1e-5; the others agree to 1e-12


@pytest.mark.parametrize("method", ["independent", "snapshots"])
def test_every_size_is_the_mean_over_all_subsets(result: xr.Dataset, prob: Prob, label: np.ndarray, method: str):
    for size in (1, 2, 3, 4):
        groups = [list(combinations(group, size)) for group in runs_of(method, prob)]
        assert int(result["subsets"].sel({"approach": method, "size": size})) == len(groups[0])
        rows = [[scores(np.mean(chosen, axis=0), label) for chosen in group] for group in groups]
        for metric in rows[0][0]:
            expected = np.mean([[row[metric] for row in group] for group in rows])
            here = result.sel({"approach": method, "metric": metric})
            assert float(here["score"].sel(size=size)) == pytest.approx(expected, rel=1e-10)
            gain = float(here["score"].sel(size=size) - here["score"].sel(size=1))
            assert float(here["gain"].sel(size=size)) == pytest.approx(gain, abs=1e-14)


def test_brier_follows_its_law_when_all_subsets_are_taken(result: xr.Dataset, prob: Prob, label: np.ndarray):
    np.testing.assert_allclose(result["score"].sel(metric="brier"), result["brier_law"], rtol=1e-12)
    one = np.mean([scores(prob[member, LAST], label)["brier"] for member in MEMBERS])
    pairs = combinations([prob[member, LAST] for member in MEMBERS], 2)
    spread = np.mean([np.square(a - b).sum(-1).mean() / 2 for a, b in pairs])
    law = one - (1 - 1 / np.arange(1, 5)) * spread
    np.testing.assert_allclose(result["brier_law"].sel({"approach": "independent"}), law, rtol=1e-12)


def test_sampled_subsets_are_as_many_as_asked(study: Study):
    result = analyses.measure("ensemble_size", study, subsets=5)
    assert result["subsets"].sel({"approach": "independent"}).values.tolist() == [4, 5, 4, 1]
    assert result.attrs["most_subsets"] == 5


def test_intervals_hold_the_estimate(result: xr.Dataset):
    for name in ("score", "gain"):
        for whom in ("", "_these"):
            low, high = result[f"{name}_low{whom}"], result[f"{name}_high{whom}"]
            assert ((low <= result[name] + 1e-12) & (result[name] <= high + 1e-12)).all()
    assert (result["gain"].sel(size=1) == 0).all()
    assert (result["score_high"] > result["score_low"]).all()
    assert "new members on new examples" in result.attrs["intervals"]


def test_independent_members_have_the_curve_of_their_predictions(result: xr.Dataset, study: Study):
    predictions = study.predictions("test")
    log_prob = predictions.log_probs([predictions.index(member, LAST) for member in MEMBERS])
    curve = ms.ensemble_curve(log_prob, predictions.label, key=result.attrs["stream_key"])
    independent = result.sel({"approach": "independent"})
    for name in curve.data_vars:
        np.testing.assert_array_equal(independent[name], curve[name])
        apart = {"covers_apart"}  # concerns the snapshots, which the curve alone does not have
        assert {key: one for key, one in independent[name].attrs.items() if key not in apart} == curve[name].attrs


def test_interval_of_snapshots_is_over_runs_and_test_examples(result: xr.Dataset, prob: Prob, label: np.ndarray):
    def right(rows: tuple[np.ndarray, ...]) -> np.ndarray:
        return (np.mean(rows, axis=0).argmax(-1) == label) * 1.0  # [example]

    groups = runs_of("snapshots", prob)
    two = np.array([np.mean([right(pair) for pair in combinations(group, 2)], axis=0) for group in groups])
    one = np.array([np.mean([right((single,)) for single in group], axis=0) for group in groups])
    gain = two - one  # [run, example]
    test, spread = gain.mean(0).var(ddof=1) / EXAMPLES, gain.mean(1).var(ddof=1) / 4
    rest = gain - gain.mean(0) - gain.mean(1, keepdims=True) + gain.mean()
    shared = max(spread - np.square(rest).sum() / 3 / (EXAMPLES - 1) / 4 / EXAMPLES, 0)
    freedom = (test + shared) ** 2 / (shared * spread / 3) if shared else np.inf
    here = result.sel({"approach": "snapshots", "metric": "accuracy", "size": 2})
    for end, half in (
        ("gain_high", stats.t.ppf(0.975, min(freedom, 1e9)) * np.sqrt(test + shared)),
        ("gain_high_these", stats.norm.ppf(0.975) * np.sqrt(test)),
    ):
        assert float(here[end]) == pytest.approx(gain.mean() + half, rel=1e-6)  # scores are float32


def test_one_run_has_test_sampling_alone(tmp_path: Path):
    study = build_study(tmp_path / "study", members=1, epochs=3, trajectories=1, keep_last=3)
    result = analyses.measure("ensemble_size", study)
    assert result["size"].values.tolist() == [1, 2, 3]
    alone = result.sel({"approach": "independent", "metric": "accuracy"})
    assert np.isfinite(alone["score"].sel(size=1))
    assert np.isnan(alone["score"].sel(size=[2, 3])).all()  # there is no second member
    assert float(result["brier_law"].sel({"approach": "independent", "size": 1})) == pytest.approx(
        float(result["score"].sel({"approach": "independent", "metric": "brier", "size": 1}))
    )
    run = result.sel({"approach": "snapshots", "size": 1})
    share = 0.0
    for epoch in (1, 2, 3):
        predictions = study.predictions("test")
        share += (predictions.log_prob(predictions.index(0, epoch)).argmax(-1) == predictions.label) / 3
    half = 1.959964 * np.std(share, ddof=1) / np.sqrt(EXAMPLES)
    low, high = bounded_interval(np.mean(share), np.asarray(half), 1.0, EXAMPLES)
    assert float(run["score_low"].sel(metric="accuracy")) == pytest.approx(low, abs=1e-6)
    assert float(run["score_high"].sel(metric="accuracy")) == pytest.approx(high, abs=1e-6)
    assert float(run["score_high"].sel(metric="ece")) == float(run["score_high_these"].sel(metric="ece"))
    assert "a single run: test examples alone" in result.attrs["intervals"]


def test_one_snapshot_a_run_still_gives_the_independent_curve(tmp_path: Path):
    study = build_study(tmp_path / "study", members=3, epochs=2, trajectories=0, keep_last=1)
    result = analyses.measure("ensemble_size", study).sel(metric="accuracy")
    assert np.isfinite(result["score"].sel({"approach": "independent"})).all()
    assert np.isfinite(result["score"].sel({"approach": "snapshots", "size": 1}))
    assert np.isnan(result["score"].sel({"approach": "snapshots", "size": [2, 3]})).all()


def test_snapshots_are_compared_with_the_network_that_their_run_ends_with(
    result: xr.Dataset, prob: Prob, label: np.ndarray
):
    together, last = (
        [scores(np.mean([prob[member, epoch] for epoch in epochs], axis=0), label) for member in MEMBERS]
        for epochs in (SNAPSHOTS, SNAPSHOTS[-1:])
    )
    for metric in together[0]:
        wanted = [one[metric] - other[metric] for one, other in zip(together, last, strict=True)]
        found = result.sel(metric=metric)
        assert float(found["final_gain"]) == pytest.approx(np.mean(wanted), abs=1e-5)
        assert float(found["final_gain_low"]) < float(found["final_gain"]) < float(found["final_gain_high"])
