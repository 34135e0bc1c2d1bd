"""Shift and other data of a regression: numbers against closed forms and scikit-learn, from predictions in memory."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType

import numpy as np
import pytest
from scipy.stats import norm
from sklearn.metrics import average_precision_score, roc_auc_score

from modescape import analyses
from modescape.analyses import figures
from modescape.offered import INDEPENDENT, Offered, Shifted
from modescape.report.sections import summarize

MEMBERS, EXAMPLES = 4, 60


class Held:
    """Predictions of members in memory, as `modescape.offered.Sampled`."""

    example_group = None

    def __init__(self, mean, variance, target):
        self.values = np.concatenate([mean, np.log(variance)], -1).astype(np.float32)
        self.label, self.class_names = target, ["y"]
        self.members, self.groups = np.arange(len(mean)), {INDEPENDENT: range(len(mean))}

    def log_prob(self, model):
        return self.values[model]


def offered(sets, **more):
    return Offered(members=range(MEMBERS), sampled=MappingProxyType(sets), task="regression", target_unit="mm", **more)


def predictions(stream, target, spread, width=1.0):
    mean = target + stream.normal(0, spread, (MEMBERS, *target.shape))
    variance = width * stream.uniform(0.5, 2, mean.shape)
    return Held(mean.astype(np.float32).astype(float), variance, target)


@pytest.fixture(scope="module")
def shifted():
    """Errors that grow with the severity, two corruptions and a selection."""
    stream = np.random.default_rng(0)
    target = stream.normal(0, 3, (EXAMPLES, 1))
    sets = {"test": predictions(stream, target, 0.5)}
    sets |= {f"shift {severity}": predictions(stream, target, 0.5 + severity) for severity in range(1, 6)}
    parts = {"noise": np.arange(0, EXAMPLES, 2), "missing_cells": np.arange(1, EXAMPLES, 2)}
    chosen = np.argsort(np.argsort(-target[:, 0])) < np.array([50, 40, 30, 20, 15])[:, None]
    about = Shifted(
        parts=parts,
        selections={"covariate_shift": chosen},
        selected="covariate shift: some rows",
        unit="training standard deviations",
        change=np.ones((2, 5)),
        share=np.ones((2, 5)),
        there=np.ones((2, 5), dtype=bool),
        images=EXAMPLES,
    )
    given = offered(sets, shifted=about, word="rows")
    return given, analyses.measure("shift", given)


def test_scores_under_shift_are_those_of_members_and_of_their_mixture(shifted):
    given, found = shifted
    for severity, name in enumerate(given.sampled):
        held = given.sampled[name]
        mean, variance = held.values[..., 0].astype(float), np.exp(held.values[..., 1].astype(float))
        target = held.label[:, 0]
        at = found.sel(severity=severity)
        rmse = np.sqrt(np.square(mean - target).mean(1)).mean()
        together = np.sqrt(np.square(mean.mean(0) - target).mean())
        density = norm.pdf(target, mean, np.sqrt(variance))
        assert at["score"].sel(metric="rmse").values == pytest.approx([rmse, together], rel=1e-9)
        nll = [-np.log(density).mean(), -np.log(density.mean(0)).mean()]
        assert at["score"].sel(metric="nll").values == pytest.approx(nll, rel=1e-9)
        half = norm.ppf(0.975) * np.sqrt(variance)
        assert float(at["coverage"][0]) == pytest.approx((np.abs(mean - target) < half).mean())
        assert float(at["width"][0]) == pytest.approx(2 * half.mean(), rel=1e-9)
        cdf = norm.cdf(target, mean, np.sqrt(variance)).mean(0)  # of the mixture: covered if between its quantiles
        assert float(at["coverage"][1]) == pytest.approx(((cdf > 0.025) & (cdf < 0.975)).mean())
        assert float(at["between"]) == pytest.approx(np.sqrt(mean.var(0).mean()), rel=1e-9)
        assert float(at["within"]) == pytest.approx(np.sqrt(variance.mean()), rel=1e-9)
    assert (found["score_low"] < found["score"]).all()
    assert (found["score_high"] > found["score"]).all()


def test_each_kind_of_shift_has_its_own_examples_and_what_is_selected_is_as_it_was(shifted):
    given, found = shifted
    target = given.sampled["test"].label[:, 0]
    for severity, name in enumerate(given.sampled):
        own = found["score_of_corruption"].sel(severity=severity, metric="rmse").sel({"approach": "independent"})
        chosen = given.shifted.selections["covariate_shift"]
        rows = chosen[severity - 1] if severity else np.ones(EXAMPLES, dtype=bool)
        looked_at = [(name, part) for part in given.shifted.parts.values()]
        for column, (of, part) in enumerate([*looked_at, ("test", np.flatnonzero(rows))]):
            apart = given.sampled[of].values[:, part, 0].astype(float).mean(0) - target[part]
            assert float(own[column]) == pytest.approx(np.sqrt(np.square(apart).mean()), rel=1e-9)
    assert found.attrs["selected"] == "covariate_shift"


def test_figure_and_words_say_rows_and_the_unit(shifted):
    _, found = shifted
    chart = figures.draw("shift", found)
    texts = [axes.get_ylabel() for axes in chart.axes] + [axes.get_title(loc="left") for axes in chart.axes]
    assert not any("mage" in text for text in [*texts, figures.caption("shift", found)])
    assert any("(mm)" in text for text in texts)
    assert "covariate shift: some rows" in figures.caption("shift", found)
    summary = summarize("shift", found)
    assert len(summary.rows) == 12
    assert "coverage from" in summary.text


@pytest.fixture(scope="module")
def other():
    """Members that agree on the test examples and differ elsewhere, with uninformative variances."""
    stream = np.random.default_rng(1)
    target = stream.normal(0, 3, (EXAMPLES, 1))
    nothing = np.full((40, 1), np.nan)
    sets = {"test": predictions(stream, target, 0.5)}
    sets["other near"] = replaced(predictions(stream, np.zeros((40, 1)), 0.8), nothing)
    sets["other far"] = replaced(predictions(stream, np.zeros((40, 1)), 4.0), nothing)
    given = offered(sets, word="rows", other_words="near: rows; far: rows")
    return given, analyses.measure("ood", given)


def replaced(held, label):
    held.label = label
    return held


def test_sets_are_told_apart_by_variance_as_scikit_learn_says(other):
    given, found = other
    moments = {
        name: (held.values[..., 0].astype(float).var(0), np.exp(held.values[..., 1].astype(float)))
        for name, held in given.sampled.items()
    }
    for name in ("near", "far"):
        scores = {
            part: np.concatenate([of(*moments["test"]), of(*moments[f"other {name}"])])
            for part, of in {
                "between": lambda between, within: between,
                "within": lambda between, within: within.mean(0),
                "variance": lambda between, within: between + within.mean(0),
            }.items()
        }
        positive = np.repeat([0, 1], [EXAMPLES, 40])
        at = found.sel(corruption=name).sel({"approach": "independent"})
        for part, score in scores.items():
            assert float(at["auroc"].sel(metric=part)) == pytest.approx(roc_auc_score(positive, score), abs=1e-12)
            value = average_precision_score(positive, score)
            assert float(at["aupr"].sel(metric=part)) == pytest.approx(value, abs=1e-12)
        alone = [
            roc_auc_score(positive, np.concatenate([moments["test"][1][member], moments[f"other {name}"][1][member]]))
            for member in range(MEMBERS)
        ]
        single = found.sel(corruption=name).sel({"approach": "single"})
        assert float(single["auroc"].sel(metric="variance")) == pytest.approx(np.mean(alone), abs=1e-12)
        assert np.isnan(float(single["auroc"].sel(metric="between")))
    far = found["auroc"].sel(corruption="far", metric="between").sel({"approach": "independent"})
    assert float(far) > 0.95
    assert found["deviation_share"].sum("x").values == pytest.approx(1)


def test_the_words_of_other_data_name_the_best_part(other):
    _, found = other
    summary = summarize("ood", found)
    assert len(summary.rows) == 12
    assert "near: all networks: between them" in summary.text
    assert "Data sets: near: rows; far: rows." in figures.caption("ood", found)
    assert "mm" in summary.header[2]


def test_one_variance_for_all_tells_nothing_apart_and_outputs_count_alike(other):
    given, found = other
    sets = {}
    for name, held in given.sampled.items():
        mean, factor = held.values[..., :1].astype(float), np.array([1.0, 1000.0])
        sets[name] = Held(mean * factor, np.ones_like(mean) * factor**2, held.label * factor)
    both = analyses.measure("ood", replace(given, sampled=MappingProxyType(sets)))
    assert np.isnan(both["auroc"].sel(metric="within")).all()
    # the second output is the first in another unit: both together tell apart exactly what one does
    assert both["auroc"].sel(metric="between").values == pytest.approx(
        found["auroc"].sel(metric="between").values, nan_ok=True, abs=1e-6
    )
