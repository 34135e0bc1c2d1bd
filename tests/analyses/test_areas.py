"""Intervals of the area under the ROC curve: against DeLong's by hand, and their coverage in simulations."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from modescape.analyses.ood.areas import Scores, Units, ends, of_runs
from modescape.metrics import auroc
from modescape.metrics.detection import auroc_examples
from modescape.metrics.intervals import bounded_interval

MEMBERS, SIZES = 10, (150, 100)


def test_of_one_network_it_is_delongs() -> None:
    random = np.random.default_rng(0)
    score = np.concatenate([random.normal(0, 1, 40), random.normal(1, 1, 30)]).round(1)  # rounded: there are ties
    units = Units.of((40, 30), (None, None))
    won = (score[40:, None] > score[:40]) + (score[40:, None] == score[:40]) / 2
    area, of_other, of_test = won.mean(), won.mean(1), won.mean(0)
    assert units.shares(score[None]).mean() == pytest.approx(area, abs=1e-15) == auroc(score, units.positive)
    half = 1.96 * (of_other.var(ddof=1) / 30 + of_test.var(ddof=1) / 40) ** 0.5
    wanted = bounded_interval(np.array(area), np.array(half), 1.0, 70)
    np.testing.assert_allclose(of_runs(units.shares(score[None])), wanted, atol=2e-3)  # they differ by n / (n - 1)


def test_what_is_not_a_number_is_none() -> None:
    score = np.array([[1.0, np.nan, 2.0], [1.0, 0.0, 2.0]])
    found = auroc_examples(score, np.array([False, True, True]))
    assert np.isnan(found[0]).all()
    assert found[1].mean() == auroc(score[1], np.array([False, True, True])) == 0.5


@pytest.mark.parametrize("same", [True, False])
def test_copies_in_groups_are_one_example(same: bool) -> None:
    random = np.random.default_rng(1)
    score = random.normal(size=(4, 60)) + np.repeat([0, 1], 30)
    alone = of_runs(Units.of((30, 30), (np.arange(30), np.arange(30) if same else np.arange(30)[::-1])).shares(score))
    at = np.tile(np.arange(30), 3)
    copies = np.concatenate([at, 30 + at])
    groups = (at, at if same else 29 - at)
    together = of_runs(Units.of((90, 90), groups).shares(score[:, copies]))
    np.testing.assert_allclose(together, alone, atol=1e-12)
    of_one, apart = (of_runs(Units.of((90, 90), own).shares(score[:1, copies])) for own in (groups, (None, None)))
    assert apart[1] - apart[0] < 0.7 * (of_one[1] - of_one[0])


def simulated(random: np.random.Generator, grouped: bool) -> tuple[np.ndarray, Units]:
    """Scores [member, example]: out-of-distribution data scores higher, by 1 +- .3 depending on the member."""
    groups = tuple(np.arange(size) // 10 if grouped else None for size in SIZES)
    shared = [
        random.normal(size=size)
        if group is None
        else (random.normal(size=size // 10)[group] + random.normal(size=size)) / 2**0.5
        for size, group in zip(SIZES, groups, strict=True)
    ]
    own = random.normal(1, 0.3, (MEMBERS, 1))
    scores = [part + random.normal(0, 0.5, (MEMBERS, len(part))) for part in shared]
    test, other = groups
    return np.concatenate([scores[0], scores[1] + own], 1), Units.of(
        SIZES, (test, None if other is None else other + 100)
    )


@pytest.mark.ci
@pytest.mark.parametrize("grouped", [False, True])
@pytest.mark.parametrize("approach", ["single", "independent"])
def test_intervals_hold_the_area_of_new_networks_on_new_examples(grouped: bool, approach: str) -> None:
    spread = 2 * (1 + 0.25 / (1 if approach == "single" else MEMBERS))
    truth = norm.cdf(1 / (spread + 0.3**2 / (1 if approach == "single" else MEMBERS)) ** 0.5)
    random, held, count = np.random.default_rng(2), 0, 150
    for _ in range(count):
        score, units = simulated(random, grouped)
        of = Scores(
            lambda approach, kind, name, score=score: score,
            lambda masks, kind, name, score=score: np.stack([score[mask].mean(0) for mask in masks]),
            MEMBERS,
            MEMBERS,
        )
        found = ends(of, {"other": units}, np.array([[[np.nan, 0.5]]]), [approach], ["entropy"])
        held += float(found["auroc_low"][1][0, 0, 1]) <= truth <= float(found["auroc_high"][1][0, 0, 1])
    assert 0.9 < held / count < 0.99, held / count  # .95 +- three standard errors of 150 draws: .90 to 1
