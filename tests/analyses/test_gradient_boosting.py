"""Members of a table beside gradient boosting, against scikit-learn called by hand."""

import json
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.metrics import accuracy_score, log_loss

from modescape import analyses, data, pipeline, recipe
from modescape.analyses.gradient_boosting import verdict, words
from modescape.analyses.gradient_boosting.boosted import categorical, columns_of, fit
from modescape.analyses.gradient_boosting.example import example
from modescape.analyses.settings import usual
from modescape.errors import NotEnough
from modescape.metrics.influence import crossed_interval
from modescape.offered import arrays
from modescape.pipeline.reporting import page_content
from modescape.report.page import build_page
from modescape.study import Study
from modescape.study.times import read_times, times_path

SETTINGS: dict[str, Any] = {"random_state": 7, "categorical_features": [1]}


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """A file of 300 rows: a number with missing values, a category and noise."""
    random = np.random.default_rng(0)
    number, colour = random.normal(size=300), random.choice(["red", "green", "blue"], 300)
    label = np.where((number > 0) ^ (colour == "red"), "yes", "no")
    value = number + 2.0 * (colour == "red") + random.normal(0, 0.1, 300)
    cells = [f"{one:.6f}" if keep else "" for one, keep in zip(number, random.random(300) > 0.1, strict=True)]
    lines = [
        "number,colour,label,value",
        *(",".join(row) for row in zip(cells, colour, label, map(str, value), strict=True)),
    ]
    path = tmp_path_factory.mktemp("table") / "rows.csv"
    path.write_text("\n".join(lines))
    return path


def loaded(table, target, leave_out):
    section = recipe.Data(source=str(table), target=target, leave_out=[leave_out], test=100, validation=50)
    return data.load(section, 0, task=recipe.Task())


def test_classes_are_fitted_on_the_columns_as_they_are(table):
    """Categories and missing values stay as they are; the number of trees has the lowest validation loss."""
    dataset = loaded(table, "label", "value")
    found = fit(dataset, 7)
    assert np.isnan(columns_of(dataset.train)).any()
    assert categorical(dataset.train).tolist() == [False, True]
    model = HistGradientBoostingClassifier(**SETTINGS)
    model.fit(columns_of(dataset.train), dataset.train.label.numpy())
    losses = [
        log_loss(dataset.validation.label.numpy(), stage)
        for stage in model.staged_predict_proba(columns_of(dataset.validation))
    ]
    assert (found.trees, found.most) == (int(np.argmin(losses)) + 1, 100)
    stages = list(model.staged_predict_proba(columns_of(dataset.test)))
    np.testing.assert_allclose(np.exp(found.predictive), stages[found.trees - 1], atol=1e-9)
    assert accuracy_score(dataset.test.label.numpy(), found.predictive.argmax(-1)) > 0.85
    assert found.seconds > 0


def test_numbers_have_the_variance_of_the_validation_errors(table):
    dataset = loaded(table, "value", "label")
    found = fit(dataset, 7)
    model = HistGradientBoostingRegressor(**SETTINGS)
    model.fit(columns_of(dataset.train), dataset.train.label.numpy()[:, 0])
    rows, target = columns_of(dataset.validation), dataset.validation.label.numpy()[:, 0]
    errors = [np.square(stage - target).mean() for stage in model.staged_predict(rows)]
    means = list(model.staged_predict(columns_of(dataset.test)))[int(np.argmin(errors))]
    np.testing.assert_allclose(found.predictive[:, 0], means, atol=1e-9)
    np.testing.assert_allclose(np.exp(found.predictive[:, 1]), min(errors), rtol=1e-9)


def test_scores_differences_and_intervals_are_those_by_hand(boosted: Study):
    found, test = boosted.result("gradient_boosting"), boosted.predictions("test")
    networks = np.stack([test.log_prob(member=member) for member in (0, 1)]).astype(np.float64)
    trees = found["prediction"].values
    right = [networks.argmax(-1) == test.label, np.exp(networks).mean(0).argmax(-1) == test.label]
    own = trees.argmax(-1) == test.label
    accuracy = found.sel(metric="accuracy")
    np.testing.assert_allclose(accuracy["score"], [one.mean() for one in (*right, own)], atol=1e-9)
    np.testing.assert_allclose(accuracy["difference"][:2], [own.mean() - one.mean() for one in right], atol=1e-9)
    low, high = crossed_interval(own.mean() - right[0].mean(), own * 1.0 - right[0].mean(0), None, right[0] * 1.0)
    np.testing.assert_allclose(accuracy["difference_low"][0], low, atol=1e-9)
    np.testing.assert_allclose(accuracy["difference_high"][0], min(high, 1), atol=1e-9)
    nll = -trees[np.arange(len(own)), test.label].astype(np.float64).mean()
    assert float(found["score"].sel(metric="nll", approach="gradient boosting")) == pytest.approx(nll, abs=1e-9)
    assert np.isnan(found["difference"].sel(approach="gradient boosting")).all()


def test_the_page_of_a_run_is_the_page_of_its_results(boosted: Study):
    """Pieces of the page are made while analyses still run; they also show the seconds stored beside a result."""
    written = (boosted.path / "report.html").read_text(encoding="utf-8")
    assert written == build_page(page_content(boosted))


def test_it_is_fitted_once_and_its_seconds_stand_beside_the_result(boosted: Study, tmp_path, table):
    times = read_times(boosted.path, "gradient_boosting")
    assert set(times) == {"single", "ensemble", "trees"}
    assert times["ensemble"] == pytest.approx(2 * times["single"])
    assert "seconds" not in " ".join(boosted.result("gradient_boosting").attrs)
    again = analyses.measure("gradient_boosting", boosted)
    assert again.encoding["times"]["trees"] == times["trees"]
    page = page_content(boosted).results["gradient_boosting"]
    assert page.attrs["seconds_trees"] == times["trees"]
    held = json.loads(times_path(boosted.path, "gradient_boosting").read_text())
    assert list(held) == ["single", "ensemble", "trees", "sha256"]


@pytest.mark.ci
def test_growth_of_members_takes_the_trees_that_are_there_and_other_rows_do_not(tmp_path):
    small = ["train.epochs=2", "data.source=sklearn:wine", "data.test=60", "data.validation=30", "compute.engine=here"]
    small += ["analyses=[gradient_boosting]"]
    path = tmp_path / "s"
    pipeline.run("table", path, overrides=[*small, "train.members=2"])
    first, seconds = Study.open(path).result("gradient_boosting"), read_times(path, "gradient_boosting")["trees"]
    pipeline.run("table", path, overrides=[*small, "train.members=3"])
    grown = Study.open(path).result("gradient_boosting")
    assert (int(first.attrs["members"]), int(grown.attrs["members"])) == (2, 3)
    np.testing.assert_array_equal(first["prediction"], grown["prediction"])
    assert read_times(path, "gradient_boosting")["trees"] == seconds


@pytest.mark.ci
def test_pictures_and_arrays_are_told_why_not(study: Study, networks: Study):
    with pytest.raises(NotEnough, match="needs rows of a table; the examples of this study are images"):
        analyses.measure("gradient_boosting", networks)
    log_prob = np.log(np.full((2, 5, 3), 1 / 3))
    with pytest.raises(
        NotEnough, match="needs checkpoints, the members' weights and histories, and a network and data"
    ):
        analyses.measure("gradient_boosting", arrays({"test": log_prob}, {"test": np.zeros(5, dtype=int)}))
    assert "gradient_boosting" in usual(recipe.load("table"))
    assert "gradient_boosting" in usual(recipe.load("diabetes"))
    assert not {"gradient_boosting"} & {*usual(recipe.load("digits")), *usual(recipe.load("images"))}


def test_the_head_of_the_page_says_first_what_beats_the_ensemble():
    plain = example()
    part = verdict.verdict({"gradient_boosting": plain})
    assert (part.answer[15], part.beaten) == ("", False)
    assert "Gradient boosting on the same rows: accuracy 74.4" in part.sentences[45]
    assert "Its NLL is higher: +0.115 nats" in part.sentences[45]
    ahead = example()
    for end, value in (("_low", 0.01), ("", 0.02), ("_high", 0.03)):
        ahead[f"difference{end}"].loc[{"approach": "ensemble", "metric": "accuracy"}] = value
    timed = ahead.assign_attrs(seconds_single=2.0, seconds_ensemble=20.0, seconds_trees=0.31)
    part = verdict.verdict({"gradient_boosting": timed})
    assert (part.answer[15], part.beaten) == ("Gradient boosting does better than the ensemble here.", True)
    assert "Training took 0.31" in part.sentences[15]
    assert words.summarize(timed).rows[1][-1].startswith("20")
    assert verdict.verdict({}) == verdict.Part()


def test_a_damaged_file_of_seconds_says_nothing(tmp_path):
    place = SimpleNamespace(path=tmp_path)
    (tmp_path / "results").mkdir()
    times_path(place.path, "gradient_boosting").write_text('{"trees": 3}')
    assert read_times(place.path, "gradient_boosting") == {}
