"""Every analysis of a regression on rows: the documented variables, truth where it is known, the page's words."""

import re

import numpy as np
import pytest
from example_results import OF_NUMBERS, example_of_numbers

from modescape import analyses, pipeline, results
from modescape.analyses import figures
from modescape.metrics.regression import squared_error_law
from modescape.offered import INDEPENDENT, stacked
from modescape.report.verdict import judge
from modescape.study.offering import offer

from .test_contract import documented

pytestmark = pytest.mark.ci  # one study is trained for all of them


OF_STUDIES = [one for one in OF_NUMBERS if analyses.ANALYSES[one].only_for != analyses.GIVEN]


@pytest.fixture(scope="module", params=OF_STUDIES)
def name(request):
    return request.param


@pytest.fixture(scope="module")
def result(regression, name):
    return regression.result(name)


def test_the_result_has_the_documented_variables_and_no_others(name, result):
    assert "not_enough" not in result.attrs
    assert {str(key): (value.dims, value.attrs["units"]) for key, value in result.data_vars.items()} == documented(
        "regression"
    )[name]


def test_the_result_follows_the_schema_and_has_values(name, result):
    results.validate(result)
    assert (result.attrs["task"], result.attrs["target_unit"]) == ("regression", "mm")
    assert result.attrs["examples_word"] == "rows"
    unknown = {
        "decomposition": ("scale", "distance"),
        "curvature": ("correlation_low", "correlation_high"),
        "equal_cost": (
            "ece",
            "excess",
            "temperature",
            "ece_change",
            "ece_change_low",
            "ece_change_high",
        ),  # analyses of class probabilities
    }
    for key, values in result.data_vars.items():
        assert np.isfinite(values).any() or key in unknown.get(name, ()), key


def test_the_example_has_variables_of_the_result(name, result):
    made = example_of_numbers(name)
    assert {str(key): value.dims for key, value in made.data_vars.items()}.items() <= {
        str(key): value.dims for key, value in result.data_vars.items()
    }.items()


def test_a_second_run_gives_the_same(regression, name, result):
    again = analyses.measure(name, regression, **regression.recipe.settings.get(name, {}))
    for key in result.data_vars:
        np.testing.assert_array_equal(again[key].values, result[key].values, err_msg=str(key))


def test_networks_at_distance_0_are_the_solution(result):
    if "control" in result:
        assert np.nanmax(result["control"]) < 1e-4  # in standard deviations of the targets; float32


def test_the_map_is_the_law_of_the_squared_error(regression):
    drawn = regression.result("diversity_map")
    predictions = regression.predictions("test")
    predictive = np.stack([predictions.predictive(predictions.index(member, 4)) for member in range(3)])[:, :80]
    law = squared_error_law(predictive, predictions.label[:80])
    own = drawn.sel(approach="independent", metric="raw").isel(draw=0)
    # solutions were predicted in another stack, so that the last bits of float32 differ
    assert float(own["mean_squared_error"]) == pytest.approx(law.mean_member, rel=1e-6)
    assert float(own["diversity"]) == pytest.approx(law.diversity, rel=1e-6)
    whole = drawn["mean_squared_error"] - (1 - 1 / drawn.attrs["networks"]) * drawn["diversity"]
    np.testing.assert_allclose(drawn["ensemble_squared_error"], whole, rtol=1e-12)


def test_one_entry_of_every_method_averages_what_size_1_says(regression):
    test = offer(regression).predictions["test"]
    squared = np.square(stacked(test, test.groups[INDEPENDENT])[..., :1].astype(float) - test.label).mean((1, 2))
    score = regression.result("ensemble_methods")["score"].sel(approach="independent", metric="rmse")
    assert float(score.sel(size=1)) == pytest.approx(np.sqrt(squared).mean(), rel=1e-6)


def test_the_tunnel_lies_below_the_straight_line_by_the_loss_that_was_trained(regression):
    """With unscaled targets in place of standardised ones, the path used to go uphill."""
    settings = {"levels": 1, "steps": 60, "points": 9, "radii": 3, "examples": 60}
    loss = analyses.measure("tunnel", regression, **settings)["train_loss"]
    straight, tunnel = (loss.sel(approach=way).values for way in ("straight", "tunnel"))
    assert tunnel[[0, -1]].tolist() == pytest.approx(straight[[0, -1]].tolist(), rel=1e-5)
    assert tunnel[4] < straight[4]


def test_no_network_of_the_plane_lies_outside_its_bounds(regression):
    plane = regression.result("diversity_plane")
    error, diversity = plane["rmse"].values, plane["diversity"].values
    best = plane.attrs["baseline_rmse"]
    over = np.sqrt((error**2 + best**2) / 2)
    there = np.isfinite(diversity)
    assert (diversity[there] <= ((error + best) / over)[there] * (1 + 1e-9)).all()
    assert (diversity[there] >= (np.abs(error - best) / over)[there] * (1 - 1e-9)).all()


def test_the_verdict_speaks_in_the_targets_unit(regression):
    found = {name: regression.result(name) for name in OF_STUDIES}
    verdict = judge(found)
    words = " ".join([verdict.answer, *verdict.sentences, *verdict.why, *(card.value for card in verdict.cards)])
    assert "\N{NO-BREAK SPACE}mm" in words
    assert "points" not in words
    assert not re.search(r"accurac|labels|unit of the target", words)
    assert verdict.purchases
    assert {row.measured for row in verdict.purchases} == {"RMSE (mm)"}
    assert not verdict.equivalents


def test_the_page_speaks_of_rows(regression, tmp_path):
    import shutil

    copy = shutil.copytree(regression.path, tmp_path / "study")
    page = pipeline.report(copy).read_text(encoding="utf-8")
    own = re.sub(r"<script[^>]*>.*?</script>", " ", page[page.index("<body") :], flags=re.S)
    said = re.sub(r"<pre.*?</pre>", " ", own, flags=re.S)  # without the recipe, which names settings
    said = re.sub(r"<[^>]*>", " ", said)
    assert not re.search(r"\b(images?|pictures?)\b", said, re.IGNORECASE)
    assert "How good the predicted distributions are" in said


def test_figures_are_drawn_of_what_was_measured(name, result):
    assert figures.interactive(name, result)["panels"]
