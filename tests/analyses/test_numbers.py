"""The numbers of training, confusion, similarities and embedding against direct loops over the study."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from modescape import analyses
from modescape.analyses.decomposition.measure import of_members
from modescape.analyses.pairs import compare, pair_mean
from modescape.analyses.randomness.measure import difference_interval
from modescape.analyses.scoring import runs_estimate
from modescape.analyses.shift.kinds import Look
from modescape.analyses.shift.measure import Table
from modescape.metrics.influence import member_variance
from modescape.study import Study
from modescape.study.offering import last_epochs

from .building import CLASSES, EXAMPLES, build_study

MEMBERS, TRAJECTORIES, LAST = [0, 2, 3, 4], [0, 2], 6  # of the fixture `study`
NORM = ("norm.weight", "norm.bias")
Prob = dict[tuple[int, int], np.ndarray]


def cosine(study: Study, first: tuple[int, int], second: tuple[int, int], without: tuple[str, ...] = ()) -> float:
    a, b = (
        np.concatenate([value.double().numpy().ravel() for name, value in params.items() if name not in without])
        for params in (study.params(*first), study.params(*second))
    )
    return float(a @ b / np.sqrt((a @ a) * (b @ b)))


def disagreement(a: np.ndarray, b: np.ndarray) -> float:
    return sum(int(x.argmax()) != int(y.argmax()) for x, y in zip(a, b, strict=True)) / len(a)


def entropy(prob: np.ndarray) -> np.ndarray:
    return -(prob * np.log(prob)).sum(-1)


def jensen_shannon(probs: list[np.ndarray]) -> float:
    return float((entropy(np.mean(probs, axis=0)) - np.mean([entropy(p) for p in probs], axis=0)).mean())


def test_training_repeats_the_histories(study: Study):
    result = analyses.measure("training", study)
    assert result["epoch"].values.tolist() == [1, 2, 3, 4, 5, 6]
    curves = [str(name) for name in result.data_vars if "epoch" in result[name].dims]
    columns = {name: name for name in curves} | {"learning_rate": "lr"}
    for member in MEMBERS:
        history = study.member(member).history()
        for name, column in columns.items():
            np.testing.assert_array_equal(result[name].sel(member=member), history[column])


def test_confusion_counts_examples_one_by_one(study: Study, prob: Prob, label: np.ndarray):
    counts = np.zeros((5, CLASSES, CLASSES))
    for example in range(EXAMPLES):
        rows = [prob[member, LAST][example] for member in MEMBERS]
        for at, row in enumerate([*rows, np.sum(rows, axis=0)]):
            counts[at, label[example], row.argmax()] += 1
    result = analyses.measure("confusion", study)
    expected = {"member 0": counts[0], "mean member": counts[:4].mean(0), "ensemble": counts[4]}
    assert result["approach"].values.tolist() == list(expected)
    for method, count in expected.items():
        np.testing.assert_allclose(result["count"].sel({"approach": method}), count, rtol=1e-15)
        assert float(result["accuracy"].sel({"approach": method})) == pytest.approx(
            np.trace(count) / EXAMPLES, rel=1e-15
        )


def test_trajectories_equal_the_double_loop(study: Study, prob: Prob):
    result = analyses.measure("trajectory_similarity", study)
    assert result["member"].values.tolist() == TRAJECTORIES
    for member in TRAJECTORIES:
        here = result.sel(member=member)
        for i in range(7):
            for j in range(7):
                at = {"epoch": i, "other_epoch": j}
                pair = (member, i), (member, j)
                assert float(here["cosine"].sel(at)) == pytest.approx(cosine(study, *pair), abs=1e-12)
                plain = float(here["cosine_without_batch_norm"].sel(at))
                assert plain == pytest.approx(cosine(study, *pair, NORM), abs=1e-12)
                assert float(here["disagreement"].sel(at)) == disagreement(prob[pair[0]], prob[pair[1]])


def test_solutions_equal_the_double_loop(study: Study, prob: Prob, label: np.ndarray):
    result = analyses.measure("solution_similarity", study)
    right = {member: float(np.mean(prob[member, LAST].argmax(-1) == label)) for member in MEMBERS}
    for i in MEMBERS:
        assert float(result["accuracy"].sel(member=i)) == pytest.approx(right[i], rel=1e-14)
        for j in MEMBERS:
            at = {"member": i, "other_member": j}
            different = disagreement(prob[i, LAST], prob[j, LAST])
            assert float(result["disagreement"].sel(at)) == different
            error = 1 - (right[i] + right[j]) / 2
            assert float(result["normalized_disagreement"].sel(at)) == pytest.approx(different / error, rel=1e-13)
            assert float(result["cosine"].sel(at)) == pytest.approx(cosine(study, (i, LAST), (j, LAST)), abs=1e-12)
            plain = float(result["cosine_without_batch_norm"].sel(at))
            assert plain == pytest.approx(cosine(study, (i, LAST), (j, LAST), NORM), abs=1e-12)


def test_solutions_means_over_pairs(study: Study, prob: Prob):
    result = analyses.measure("solution_similarity", study)
    for metric in result["metric"].values.tolist():
        pairs = [float(result[metric].sel(member=i, other_member=j)) for i, j in combinations(MEMBERS, 2)]
        mean, low, high = (float(result[name].sel(metric=metric)) for name in ("pair_mean", "pair_low", "pair_high"))
        assert mean == pytest.approx(np.mean(pairs), rel=1e-13)
        assert low < mean < high
    for member in MEMBERS:
        snapshots = [prob[member, epoch] for epoch in (3, 4, 5, 6)]
        expected = np.mean([disagreement(a, b) for a, b in combinations(snapshots, 2)])
        assert float(result["last_epochs_disagreement"].sel(member=member)) == pytest.approx(expected, rel=1e-13)


def test_jensen_shannon_of_equally_many_networks(study: Study, prob: Prob):
    for snapshots, epochs in ((10, (3, 4, 5, 6)), (3, (4, 5, 6))):
        result = analyses.measure("solution_similarity", study, snapshots=snapshots)
        size = len(epochs)
        groups = [[prob[member, LAST] for member in chosen] for chosen in combinations(MEMBERS, size)]
        runs = [[prob[member, epoch] for epoch in epochs] for member in MEMBERS]
        expected = [np.mean([jensen_shannon(group) for group in kind]) for kind in (groups, runs)]
        np.testing.assert_allclose(result["jensen_shannon"], expected, rtol=1e-10)
        assert result.attrs["jensen_shannon_networks"] == size
    assert "subsets of 3 of 4" in result.attrs["jensen_shannon_independent"]


def test_pair_interval_is_the_jackknife_and_the_bootstrap():
    random = np.random.default_rng(0)
    label = random.integers(0, 4, 400)
    predicted = np.where(random.random((5, 400)) < 0.6, label, random.integers(0, 4, (5, 400)))
    pairs = compare(predicted, label)

    def means(examples: np.ndarray, members: list[int]) -> np.ndarray:
        rows = []
        for i, j in combinations(members, 2):
            different = np.mean(predicted[i, examples] != predicted[j, examples])
            wrong = np.mean([predicted[i, examples] != label[examples], predicted[j, examples] != label[examples]])
            rows.append((different, different / wrong))
        return np.mean(rows, axis=0)

    everything, everyone = np.arange(400), list(range(5))
    draws = np.array([means(random.integers(0, 400, 400), everyone) for _ in range(1500)])
    # the standard deviation of 1,500 draws is known to 2 %: 8 % is more than 4 standard errors
    test = pairs.example.var(1, ddof=1) / 400
    np.testing.assert_allclose(np.sqrt(test), draws.std(0, ddof=1), rtol=0.08)

    deleted = np.array([means(everything, [m for m in everyone if m != gone]) for gone in everyone])
    jackknife = 4 / 5 * np.square(deleted - deleted.mean(0)).sum(0)
    assert pairs.influence is not None
    np.testing.assert_allclose(pairs.influence.mean(2).var(1, ddof=1) / 5, jackknife, rtol=1e-12)
    for at, matrix in enumerate((pairs.different, pairs.normalized)):
        mean, low, high = pair_mean(matrix, pairs.example[at], pairs.influence[at])
        shared, freedom = member_variance(pairs.influence[at])
        assert 0 <= shared < jackknife[at]
        total = test[at] + shared
        half = stats.t.ppf(0.975, total**2 / (shared**2 / freedom) if shared else 1e9) * np.sqrt(total)
        assert (mean, low, high) == pytest.approx((means(everything, everyone)[at], mean - half, mean + half))


def test_pair_interval_covers_the_truth():
    """Members scatter around a known truth, which the jackknife's interval contains about as often as it should."""
    random = np.random.default_rng(1)
    held = 0
    for _ in range(400):
        effect = random.normal(0, 1, 6)
        matrix = effect[:, None] + effect[None, :] + random.normal(0, 0.1, (6, 6))
        _, low, high = pair_mean((matrix + matrix.T) / 2)
        held += low <= 0 <= high
    assert 0.90 < held / 400 < 0.99  # 95 % +- 4 standard errors of 400 draws


def test_two_members_have_an_interval_of_test_sampling_alone(tmp_path: Path):
    study = build_study(tmp_path / "study", members=2, epochs=2, trajectories=0, keep_last=1)
    result = analyses.measure("solution_similarity", study).sel(metric=["disagreement", "cosine"])
    share = float(result["pair_mean"][0])
    half = 1.959964 * np.sqrt(share * (1 - share) / (EXAMPLES - 1))
    assert float(result["pair_high"][0]) == pytest.approx(share + half, abs=1e-6)
    assert np.isnan(result["pair_low"][1])
    assert np.isnan(result["last_epochs_disagreement"]).all()  # a single epoch has no pairs
    assert np.isnan(result["jensen_shannon"]).all()


def test_members_without_errors_have_no_ratio():
    label = np.array([0, 1, 1, 0])
    pairs = compare(np.stack([label, label, 1 - label]), label)
    assert np.isnan(pairs.normalized[0, 1])
    assert pairs.normalized[0, 2] == 2.0


def test_snapshots_are_the_last_kept_epochs(study: Study):
    assert last_epochs(study, 10) == [3, 4, 5, 6]
    assert last_epochs(study, 2) == [5, 6]


def test_snapshots_leave_the_initialisation_out(tmp_path: Path):
    assert last_epochs(build_study(tmp_path / "study", members=1, epochs=2, keep_last=9), 10) == [1, 2]


def test_embedding_keeps_the_distances_of_the_first_examples(study: Study, prob: Prob):
    result = analyses.measure("tsne", study, examples=64)
    models = [(member, epoch) for member in TRAJECTORIES for epoch in range(7)]
    assert list(zip(result["member"].values, result["epoch"].values, strict=True)) == models
    features = np.stack([prob[model][:64].ravel() for model in models])
    centred = features - features.mean(0)
    values, vectors = np.linalg.eigh(centred.T @ centred)
    plane = centred @ vectors[:, [-1, -2]]
    pca = result.sel({"approach": "PCA"})
    for at, name in enumerate(("x", "y")):
        sign = np.sign(plane[0, at] * float(pca[name][0]))
        np.testing.assert_allclose(pca[name], sign * plane[:, at], atol=1e-5)
    np.testing.assert_allclose(pca["variance_share"], values[[-1, -2]] / values.sum(), rtol=1e-5)
    neighbours = result.sel({"approach": "t-SNE"})
    assert np.isnan(neighbours["variance_share"]).all()
    assert np.ptp(neighbours["x"].values) > 1
    assert result.attrs["perplexity"] == pytest.approx(13 / 3)


@pytest.mark.parametrize("members", [2, 4, 5])
def test_all_members_together_show_how_their_diversity_would_differ(members: int):
    """The change of the Brier score that pairs imply, by the exact law; unknown for two members."""
    random = np.random.default_rng(5)
    prob = random.dirichlet(np.ones(3), (members, 50))
    parts, influence = of_members(np.log(prob), random.integers(0, 3, 50), members)
    assert len(parts) == 1
    if members == 2:
        assert influence is None
        return
    apart = np.square(prob[:, None] - prob[None]).sum(-1) / 2  # [member, member, example]
    of_pairs = (1 - 1 / members) * 2 / (members - 2) * apart.sum(1)
    assert influence is not None
    np.testing.assert_allclose(influence[0] - influence[0].mean(0), of_pairs - of_pairs.mean(0), atol=1e-12)


def test_a_single_corruption_that_has_an_effect_has_no_spread():
    """NumPy's warning about degrees of freedom used to stop the analysis where warnings are errors."""
    label, log_prob = np.array([0, 1, 1, 0]), np.log(np.full((1, 4, 2), 0.5))
    kinds = [[Look(severity, np.arange(4)), Look(severity, np.array([], dtype=int))] for severity in range(6)]
    table = Table(label, kinds)
    for severity in range(6):
        table.add("single", severity, runs_estimate(log_prob, label), log_prob)
    spread = table.variables()["score_spread"][1]
    assert spread.shape == (1, 4, 6)
    assert np.isnan(spread).all()


def test_disagreement_of_three_networks_or_more_is_not_covered_twice():
    """The variance between disjoint pairs contains the noise of test examples, which must not be added again."""
    random = np.random.default_rng(6)
    label = np.zeros(600, dtype=int)
    hard = random.random(600)

    def predicted() -> np.ndarray:
        return (random.random((6, 600)) < 0.4 * hard[random.integers(0, 600, 600)]) * random.integers(1, 4, (6, 600))

    ends, means = [], []
    for _ in range(300):
        labels = predicted()
        low, high = difference_interval(labels, label)
        ends.append((low, high))
        means.append(compare(labels, label).different[np.triu_indices(6, 1)].mean())
    low, high = np.array(ends).T
    truth = np.mean(means)
    assert np.mean((low <= truth) & (truth <= high)) == pytest.approx(0.95, abs=0.04)
    assert np.mean(high - low) < 1.2 * 2 * 1.96 * np.std(means)
    assert difference_interval(labels[:2], label)[0] > 0  # for one pair, the interval is over test examples
