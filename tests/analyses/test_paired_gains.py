"""What methods gain over one network under shift and at one distance, against resampling and closed forms."""

from types import MappingProxyType

import numpy as np
import pytest

from modescape import analyses
from modescape.analyses.equal_distance import GAINS, at_one_distance
from modescape.analyses.examples_of_numbers import held
from modescape.analyses.groups import LEVEL
from modescape.analyses.scoring import runs_estimate
from modescape.analyses.shift.paired import over_one
from modescape.metrics import SCORES, brier
from modescape.offered import INDEPENDENT, Offered, Shifted

MEMBERS, EXAMPLES, CLASSES = 6, 120, 3


def drawn(stream):
    """New members on new examples: log-probabilities of each and of its softened version, and labels."""
    label = stream.integers(0, CLASSES, EXAMPLES)
    signal = 1.5 * np.eye(CLASSES)[label] + stream.normal(0, 1, (EXAMPLES, CLASSES))
    own = stream.normal(0, 0.6, (MEMBERS, 1, CLASSES)) + stream.normal(0, 0.8, (MEMBERS, EXAMPLES, CLASSES))
    sharpness = stream.lognormal(0.7, 0.3, (MEMBERS, 1, 1))  # members differ in sharpness, which softening corrects
    logits = sharpness * (signal + own)
    found = [one - np.log(np.exp(one).sum(-1, keepdims=True)) for one in (logits, logits / 2)]
    return *found, label


def test_intervals_of_gains_hold_what_drawing_members_and_examples_anew_shows():
    """Of 150 intervals for new members, 95 % cover the mean gain of all draws: 143 expected, sd 3; 3 sd are allowed.

    Intervals for these members are over examples only; those of an unpaired difference would be twice as wide.
    """
    row, inside, these, apart, value = list(SCORES).index("brier"), [], [], [], []
    for number in range(150):
        alone, softened, label = drawn(np.random.default_rng(number))
        one, other = runs_estimate(alone, label), runs_estimate(softened, label)
        gain = over_one(other, one, averaged=False)
        value.append(gain.mean[row])
        inside.append((gain.low[row], gain.high[row]))
        these.append(gain.high_these[row] - gain.low_these[row])
        apart.append(np.diff(np.array(other.new())[:, row])[0])
    assert value[-1] == pytest.approx(brier(softened, label).mean() - brier(alone, label).mean(), rel=1e-9)
    low, high = np.transpose(inside)
    held_by = int(((low <= np.mean(value)) & (np.mean(value) <= high)).sum())
    assert 134 <= held_by <= 149
    width = np.median(high - low)
    assert np.median(these) < width < np.median(apart)
    assert 3.5 * np.std(value) < width < 6 * np.std(value)  # 3.92 for a normal distribution; Student's t is wider


class Held:
    """Predictions in memory, as `modescape.offered.Sampled`."""

    example_group = None

    def __init__(self, label, **groups):
        self.label, self.class_names = label, list("abc")
        self.values = np.concatenate(list(groups.values())).astype(np.float32)
        self.members = np.tile(np.arange(MEMBERS), len(groups))
        self.scales = np.full(len(self.values), 0.3)
        names = {"alone": INDEPENDENT, "softened": f"soft{LEVEL}"}
        self.groups = {names[name]: range(MEMBERS * at, MEMBERS * (at + 1)) for at, name in enumerate(groups)}

    def log_prob(self, model):
        return self.values[model]

    def distances(self, models):
        return np.full(len(models), 0.1)


def test_gains_at_one_distance_are_over_the_solutions_of_the_same_runs():
    alone, softened, label = drawn(np.random.default_rng(1))
    test = Held(label, alone=alone, softened=softened)
    offered = Offered(members=range(MEMBERS), sampled=MappingProxyType({"test": test}))
    found = at_one_distance(offered).variables("classification")
    row = list(SCORES).index("brier")
    gain = {name: found[f"equal_distance_{name}"][1][0, row] for name in GAINS}
    assert gain["gain"] == pytest.approx(brier(softened, label).mean() - brier(alone, label).mean(), rel=1e-6)
    expected = over_one(runs_estimate(softened, label), runs_estimate(alone, label), averaged=False)
    got = [gain[name] for name in GAINS]
    np.testing.assert_allclose(got, [part[row] for part in expected], rtol=1e-5)
    test.members = test.members.copy()
    test.members[:MEMBERS] += MEMBERS  # solutions of other networks
    assert np.isnan(at_one_distance(offered).gain).all()


def test_gains_of_a_regression_are_paired_on_all_examples_and_on_each_kind():
    random = np.random.default_rng(4)
    target = random.normal(0, 3, (60, 1))
    sets = {"test": held(random, 4, target, 0.5)}
    sets |= {f"shift {severity}": held(random, 4, target, severity) for severity in range(1, 6)}
    parts = {"noise": np.arange(0, 60, 2), "missing_cells": np.arange(1, 60, 2)}
    ones = np.ones((2, 5))
    about = Shifted(
        parts=parts, selections={}, selected="", unit="", change=ones, share=ones, there=ones > 0, images=60
    )
    found = analyses.measure(
        "shift", Offered(members=range(4), sampled=MappingProxyType(sets), shifted=about, task="regression")
    )
    for variable, score in (("gain", "score"), ("gain_of_corruption", "score_of_corruption")):
        np.testing.assert_allclose(found[variable], found[score] - found[score].sel({"approach": "single"}), atol=1e-12)
    gain = found.sel({"approach": "independent", "metric": "nll"})
    assert (gain["gain_low"] < gain["gain"]).all()
    assert (gain["gain_high"] > gain["gain"]).all()
    means = np.stack([sets["shift 5"].log_prob(model) for model in range(4)]).astype(float)
    part = parts["noise"]
    mean, variance = means[:, part, 0], np.exp(means[:, part, 1])
    density = np.exp(-np.square(mean - target[part, 0]) / variance / 2) / np.sqrt(2 * np.pi * variance)
    apart = -np.log(density.mean(0)) + np.log(density).mean(0)
    half = 1.96 * apart.std(ddof=1) / np.sqrt(len(part))
    last = gain.sel(severity=5, corruption="noise")
    ends = [float(last[f"gain_of_corruption{end}"]) for end in ("_low", "", "_high")]
    np.testing.assert_allclose(ends, [apart.mean() - half, apart.mean(), apart.mean() + half], rtol=1e-3)
