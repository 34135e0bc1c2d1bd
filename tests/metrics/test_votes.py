"""Hard labels are averaged as votes: shares are exact, so that ties go to the first class."""

import numpy as np
import pytest

from modescape.metrics.crossed import subset_estimate
from modescape.metrics.ensemble import ensemble_curve
from modescape.metrics.scoring import MEANS, NUMBERS, VOTES
from modescape.metrics.subsets import subsets

MEMBERS, EXAMPLES, CLASSES = 30, 1000, 10


@pytest.fixture(scope="module")
def votes():
    stream = np.random.default_rng(3)
    said, label = stream.integers(0, CLASSES, (MEMBERS, EXAMPLES)), stream.integers(0, CLASSES, EXAMPLES)
    log_prob = np.full((MEMBERS, EXAMPLES, CLASSES), -np.inf)
    np.put_along_axis(log_prob, said[..., None], 0.0, -1)
    return said, log_prob, label


def majority(said, label):
    """Accuracy of the most frequent answer, the lowest class among ties, by a plain loop."""
    right = 0
    for answers, truth in zip(said.T.tolist(), label.tolist(), strict=True):
        counts = [answers.count(one) for one in range(CLASSES)]
        right += counts.index(max(counts)) == truth
    return right / len(label)


@pytest.mark.parametrize("size", [1, 6, 7, 29, 30])
def test_a_subset_votes(votes, size):
    said, log_prob, label = votes
    masks = subsets(MEMBERS, size, 3, key=0)
    counts = np.stack([(said == one).sum(0) for one in range(CLASSES)])
    assert (np.sort(counts, 0)[-1] == np.sort(counts, 0)[-2]).sum() > 10, "there are ties"
    expected = np.mean([majority(said[mask], label) for mask in masks])
    assert subset_estimate(log_prob, label, masks, None, VOTES).score[0] == pytest.approx(expected, abs=1e-12)
    if size == MEMBERS:
        assert (VOTES.combine(log_prob).argmax(1) == label).mean() == pytest.approx(expected, abs=1e-12)


def test_votes_have_accuracies_alone_and_means_errors_alone(votes):
    _, log_prob, label = votes
    curve = ensemble_curve(log_prob[:4, :50], label[:50], scoring=VOTES)
    assert curve["metric"].values.tolist() == ["accuracy"]
    assert not {"brier_law", "squared_error_law"} & set(curve)
    stream = np.random.default_rng(0)
    target, mean = stream.normal(size=(60, 1)), stream.normal(size=(4, 60, 1))
    both = [
        ensemble_curve(np.concatenate([mean, np.full_like(mean, log_variance)], 2), target, scoring=scoring)
        for log_variance, scoring in ((0.0, MEANS), (1.0, NUMBERS))
    ]
    assert both[0]["metric"].values.tolist() == ["rmse"]
    np.testing.assert_allclose(both[0]["score"].sel(metric="rmse"), both[1]["score"].sel(metric="rmse"), rtol=1e-12)
