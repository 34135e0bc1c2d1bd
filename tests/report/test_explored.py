"""The explorer's data: every combination of choices has a chart, and numbers equal those of the results."""

import base64
import io
import itertools
import json
from dataclasses import replace

import numpy as np
import pytest
from example_results import OF_NUMBERS, example_of_numbers, example_result
from PIL import Image

from modescape.analyses import ANALYSES
from modescape.analyses.equal_cost.draw import shown
from modescape.analyses.equal_cost.explore import explore as explore_candidates
from modescape.analyses.equal_cost.verdict import longer_card
from modescape.analyses.figures import described
from modescape.decision import Decision
from modescape.decision.labelled import table_of_result
from modescape.plots.explored import TABS
from modescape.report.explored import explore
from modescape.report.sections import text_of

EXPLORED = [name for name, one in ANALYSES.items() if "explore" in one.also or one.tab]


def unpacked(value):
    """The arrays in the page's packed data."""
    kinds = {"f4": "<f4", "f8": "<f8", "i1": "<i1", "i2": "<i2", "i4": "<i4"}
    if isinstance(value, dict) and "bdata" in value:
        flat = np.frombuffer(base64.b64decode(value["bdata"]), kinds[value["dtype"]])
        return flat.reshape([int(size) for size in value["shape"].split(",")]) if "shape" in value else flat
    if isinstance(value, dict):
        return {key: unpacked(inner) for key, inner in value.items()}
    return [unpacked(inner) for inner in value] if isinstance(value, list) else value


@pytest.fixture(scope="module")
def results():
    return {name: example_result(name) for name in ANALYSES}


@pytest.fixture(scope="module")
def whole(results):
    return json.loads(explore(results, list(results))[0])


def test_tabs_are_in_order_and_each_has_a_view(whole):
    assert [tab for tab, _ in whole["tabs"]] == list(TABS)
    assert {view["tab"] for view in whole["views"]} == set(TABS)


def test_every_combination_of_choices_has_a_chart_and_no_sentence_is_left_over(whole):
    for view in whole["views"]:
        options = [[value for value, _ in choice["options"]] for choice in view["choices"]]
        every = {
            "|".join(values) for count in range(len(options) + 1) for values in itertools.product(*options[:count])
        }
        full = ["|".join(values) for values in itertools.product(*options)]
        assert set(view["charts"]) | set(view["sentences"]) <= every, view["title"]
        if not view.get("figure"):
            assert all(any(key == part or key.startswith(f"{part}|") for part in view["charts"]) for key in full)


def test_a_figure_that_is_not_on_the_page_has_no_view(results):
    held = json.loads(explore(results, [])[0])
    assert not any(view.get("figure") for view in held["views"])


def test_gains_are_those_of_the_result_and_the_two_kinds_of_interval_are_apart(whole, results):
    view = next(one for one in whole["views"] if one["title"] == "Gain against the number of networks")
    data = results["ensemble_size"].sel(metric="accuracy", approach="independent")
    for kind, end in (("new", ""), ("these", "_these")):
        lines = view["charts"][f"accuracy|{kind}"]["panels"][0]["series"]
        line = unpacked(next(one for one in lines if one["group"] == "independent"))
        np.testing.assert_allclose(line["y"], 100 * data["gain"].values, rtol=1e-6)
        band = np.stack([100 * data[f"gain_{side}{end}"].values for side in ("low", "high")])
        np.testing.assert_allclose(line["band"], band, rtol=1e-6)
    gain = 100 * float(data["gain"].sel(size=4))
    said = view["sentences"]["accuracy|new|4"].replace("\N{NO-BREAK SPACE}", " ")
    assert said.startswith(f"4 networks: accuracy +{gain:.1f} points (95 % interval ")
    assert "new members on new examples" in said
    assert "these members on new examples" in view["sentences"]["accuracy|these|4"]
    assert said.endswith("Price: 4 times the training and 4 forward passes per prediction.")


def test_rows_of_methods_are_in_order_and_hold_their_intervals(whole, results):
    view = next(one for one in whole["views"] if one["title"].startswith("Methods within one run"))
    data = results["ensemble_methods"]
    panel = unpacked(view["charts"]["nll|these"]["panels"][0])
    rows = panel["series"][1:]  # the first is 0
    found = np.array([float(one["x"][0]) for one in rows])
    assert (np.diff(found) >= 0).all()  # less is better
    assert [float(one["y"][0]) for one in rows] == list(range(len(rows)))
    for one in rows:
        size = int(data.attrs["samples"]) if one["group"] == "independent" else 1
        own = data.sel(approach=one["group"], metric="nll", size=size)
        np.testing.assert_allclose(one["x"][0], float(own["gain"]), rtol=1e-6)
        ends = [float(own[f"gain_{side}_these"]) for side in ("low", "high")]
        np.testing.assert_allclose(np.ravel(one["bars"]), ends, rtol=1e-6)


def test_the_map_of_corruptions_is_better_above_0_with_intervals(whole, results):
    view = next(one for one in whole["views"] if one["tab"] == "corruption")
    data = results["shift"].sel(approach="independent").transpose("metric", "corruption", "severity")
    for metric, factor in (("accuracy", 100), ("nll", -1)):
        panel = unpacked(view["charts"][f"{metric}|independent"]["panels"][1])
        gain = factor * data["gain_of_corruption"].sel(metric=metric).values
        np.testing.assert_allclose(panel["matrix"], gain, rtol=1e-5)
        there = np.isfinite(gain)
        assert (panel["low"][there] <= panel["matrix"][there] + 1e-6).all()
        assert (panel["high"][there] >= panel["matrix"][there] - 1e-6).all()
    assert len(view["charts"]["ece|independent"]["panels"]) == 1  # without scores of examples, there is no map
    assert "gaussian blur" in view["about"]


def test_the_longer_run_has_the_bar_of_its_paired_difference_and_says_for_whom(whole, results):
    (view,) = [one for one in whole["views"] if one["title"] == "Gain against the number of networks"]
    table = table_of_result(results["equal_cost"])
    places = [at for at, one in enumerate(table.candidates) if one.advice == "train_longer" and one.at_full_cost]
    place = next(at for at in places if table.candidates[at].calibration == "none")
    for metric, factor in (("accuracy", 100), ("nll", 1)):
        panel = unpacked(view["charts"][f"{metric}|new"]["panels"][0])
        line, bar = [one for one in panel["series"] if one["group"] == "Train longer"]
        found = table.difference(place, 0, metric)
        np.testing.assert_allclose(np.ravel(bar["bars"]), [factor * found.low, factor * found.high], rtol=1e-5)
        np.testing.assert_allclose(line["y"], factor * found.value, rtol=1e-5)
    legend = [entry["name"] for entry in view["charts"]["nll|new"]["legend"]]
    assert any(name.endswith("bar: 95 %, these members on new examples") for name in legend)


def test_a_longer_run_that_is_advised_has_a_card_unless_the_one_at_full_cost_is_it(results):
    table = table_of_result(results["equal_cost"])
    place = next(at for at, one in enumerate(table.candidates) if one.advice == "train_longer")
    decision = Decision(advice="train_longer", chosen=place, gain=table.difference(place, 0), net=table.gain(place))
    assert longer_card(table, decision, "") == []  # at the ensemble's cost, it already has one
    third = replace(table.candidates[place], name="one network trained 3 times as long", at_full_cost=False)
    shorter = replace(table, candidates=tuple(third if at == place else one for at, one in enumerate(table.candidates)))
    (card,) = longer_card(shorter, decision, "")
    assert card.label.startswith("One network trained 3 times as long")
    assert " against one network, these members" in card.note
    assert "95\N{NO-BREAK SPACE}% interval" in card.note
    assert longer_card(shorter, replace(decision, advice="ensemble"), "") == []


def test_what_members_say_is_kept_to_a_thousandth_of_a_nat_and_pictures_to_the_pixel(whole, results):
    data, held = results["member_predictions"], unpacked(whole["networks"])
    log_prob = data["log_prob"].values
    np.testing.assert_allclose(held["log_prob"].reshape(log_prob.shape) / held["step"], log_prob, atol=6e-4)
    assert held["label"].tolist() == data["label"].values.tolist()
    about = held["pictures"]
    sheet = np.asarray(Image.open(io.BytesIO(base64.b64decode(about["address"].partition("base64,")[2]))))
    for at, picture in enumerate(data["picture"].values):
        row, column = divmod(at, about["columns"])
        top, left = row * about["high"], column * about["wide"]
        assert (sheet[top : top + about["high"], left : left + about["wide"]] == picture).all()


def test_pictures_at_the_top_are_two_even_where_no_analysis_offers_one(results):
    assert len(explore(results, [])[1]) == 2
    alone = {name: results[name] for name in ("confusion", "training")}
    assert len(explore(alone, [])[1]) == 2
    assert explore({}, []) == ("", [])


@pytest.mark.parametrize("name", [name for name in EXPLORED if name in OF_NUMBERS])
def test_regressions_are_explored_in_their_own_scores(name):
    data = example_of_numbers(name)
    found = json.loads(explore({name: data}, [name])[0] or "{}")
    assert "accuracy" not in json.dumps(found.get("views", [])).lower().replace("accuracy_", "")


@pytest.mark.parametrize("name", EXPLORED)
def test_of_one_member_and_one_epoch_what_is_there_is_shown(name):
    text, firsts = explore({name: example_result(name, members=1, epochs=1)}, [name])
    views = json.loads(text)["views"] if text else []
    assert all(view.get("figure") or view["charts"] for view in views)
    assert "NaN" not in text
    assert all(json.loads(first.json)["panels"] and first.alternative for first in firsts)


def test_prices_that_are_not_known_are_not_named():
    dataset = example_result("equal_cost")
    space = "\\u00a0"
    one_pass = f"1{space}forward pass per prediction"
    assert f'"no more training and {one_pass}"' in explore({"equal_cost": dataset}, [])[0]
    dataset["training"][:] = np.nan  # given networks
    text = explore({"equal_cost": dataset}, [])[0]
    assert f"{space}times the training" not in text
    assert f'"{one_pass}"' in text
    costs, _ = json.loads(text)["views"]
    assert [cost for cost, _ in costs["choices"][0]["options"]] == ["passes"]
    assert all(unpacked(chart)["panels"][0]["series"] for chart in costs["charts"].values())


def test_networks_that_others_trained_have_no_price_of_training_and_no_longer_run():
    dataset = example_result("ensemble_size")
    assert "times the training" in explore({"ensemble_size": dataset}, [])[0]
    dataset.attrs["given"] = 1
    text = explore({"ensemble_size": dataset}, [])[0]
    assert "times the training" not in text
    assert "longer run" not in text


def test_gains_of_earlier_versions_have_one_kind_of_interval():
    dataset = example_result("ensemble_size").drop_vars(["gain_low_these", "gain_high_these"])
    (view,) = json.loads(explore({"ensemble_size": dataset}, [])[0])["views"]
    assert [choice["options"] for choice in view["choices"]][1] == [["new", "new members on new examples"]]
    assert all("|new" in key for key in view["charts"])


def test_the_figure_of_an_analysis_without_views_of_its_own_stands_as_it_is(whole):
    found = {view["figure"]: view for view in whole["views"] if "figure" in view}
    as_they_are = {name: one for name, one in ANALYSES.items() if one.tab}
    assert len(as_they_are) > 5
    for name, one in as_they_are.items():
        assert (found[name]["tab"], found[name].get("layers", False)) == (one.tab, one.layers)
        assert found[name]["title"] == text_of(name, None).title


def test_every_view_has_a_takeaway(results):
    takeaways = {name: f"What {name} says." for name in results}
    for view in json.loads(explore(results, list(results), takeaways)[0])["views"]:
        options = [[value for value, _ in choice["options"]] for choice in view["choices"]]
        for values in itertools.product(*options):
            said = [view["sentences"].get("|".join(values[:count]), "") for count in range(len(values) + 1)]
            assert any(said), (view["title"], values)


def test_every_panel_of_calibration_is_a_layer_but_the_one_that_stands_among_methods(whole, results):
    view = next(one for one in whole["views"] if one.get("figure") == "calibration")
    titles = [panel.title for panel in described("calibration", results["calibration"]).panels]
    assert [title for at, title in enumerate(titles) if at not in view["only"]] == ["All networks against one"]


@pytest.mark.parametrize("way", ["raw", "calibrated"])
def test_candidates_are_seen_raw_or_calibrated(whole, results, way):
    table = table_of_result(results["equal_cost"])
    view = next(one for one in whole["views"] if one["title"].startswith("All candidates"))
    rows = view["charts"][f"nll|{way}"]["panels"][0]["rows"]
    labels = {one.label: one.calibration for one in table.candidates}
    assert len(rows) > 2
    assert {labels[row] == "none" for row in rows} == {way == "raw"}
    best = max(
        (at for at in range(1, len(labels)) if table.candidates[at].label in rows), key=lambda at: table.gain(at).value
    )
    assert view["sentences"][f"nll|{way}"].startswith(f"Best: {table.candidates[best].label}, NLL ")


def test_the_picture_of_the_best_candidates_says_how_many_there_are(results):
    count = sum(map(len, shown(table_of_result(results["equal_cost"]))))
    (picture,) = explore_candidates(results).pictures
    (panel,) = picture.chart.panels
    assert len(panel.rows) < count
    assert panel.title == f"Negative log-likelihood: the best {len(panel.rows)} of {count} candidates"
