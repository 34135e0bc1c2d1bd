"""The explorer in a real browser: all views share one state, kept in the address; computed values equal NumPy's."""

import base64
import gzip
import re

import numpy as np
import pytest
from browsing import Opened
from example_results import example_result

from modescape import metrics
from modescape.plots.explored import TABS
from modescape.report.sections import text_of
from modescape.report.tables import csv_tables
from modescape.wording.reading import pick

pytestmark = [pytest.mark.browser, pytest.mark.ci]
STATE = "Object.fromEntries(location.hash.split('&').slice(1).map(part => part.split('=').map(decodeURIComponent)))"
MINUS = str.maketrans({"\N{MINUS SIGN}": "-"})


@pytest.fixture(scope="module")
def explorer(chromium, page_file):
    """The page, opened once; every test sets the state through the address."""
    with Opened(chromium, page_file, reduced_motion="reduce") as opened:  # no animation, so that clicks hit
        yield Explorer(opened, page_file.as_uri())
        assert opened.said == []
        assert set(opened.asked) == {page_file.as_uri()}


class Explorer:
    """What a reader does with the explorer and sees there."""

    def __init__(self, opened, address):
        self.page, self.address = opened.page, address

    def at(self, anew=False, **state):
        """Follow a link to a state, with ``anew`` in a fresh page."""
        link = "explorer" + "".join(f"&{key}={value}" for key, value in state.items())
        if anew:
            self.page.goto("about:blank")
        self.page.goto(f"{self.address}#{link}")
        self.page.evaluate("new Promise(done => setTimeout(done))")  # let the page handle the changed address
        self.page.wait_for_selector("#explorer-view[aria-busy=false] .view")
        return self

    @property
    def state(self):
        """The state in the address bar."""
        return self.page.evaluate(STATE)

    def view(self, title):
        """One view by its heading."""
        return self.page.locator("#explorer .view", has=self.page.get_by_role("heading", name=title, exact=True))

    def numbers(self, title):
        """All numbers in a view's sentence."""
        said = self.view(title).locator("> .said-of").inner_text().translate(MINUS)
        return [float(number) for number in re.findall(r"[-+]?\d+(?:\.\d+)?", said)]


SIZE, MEMBERS, RELIABILITY = "Gain against the number of networks", "Members, example by example", "Reliability"


def test_every_tab_opens_from_its_address_and_from_the_keys(explorer):
    names = explorer.at(anew=True).page.locator("#explorer [role=tab]").all_inner_texts()
    assert names == list(TABS.values())
    figures = "[...document.querySelectorAll('#explorer .plot svg[role=img]')]"
    empty = figures + ".filter(one => !one.querySelector('path, image')).length"
    explorer.page.focus("#tab-size")
    for tab in [*list(TABS)[1:], "size"]:
        explorer.page.keyboard.press("ArrowRight")
        explorer.page.wait_for_selector("#explorer-view[aria-busy=false]")
        by_keys = explorer.page.locator("#explorer .view > h3").all_inner_texts()
        assert explorer.page.evaluate("document.activeElement.id") == f"tab-{tab}"
        assert explorer.state["tab"] == tab
        assert by_keys
        assert (
            explorer.page.locator("#explorer .plot svg[role=img]").count() >= len(by_keys) - 1
        )  # one figure is drawn only on a click
        assert explorer.page.evaluate(empty) == 0
        assert explorer.at(tab=tab).page.locator("#explorer .view > h3").all_inner_texts() == by_keys
        explorer.page.focus(f"#tab-{tab}")
    explorer.page.keyboard.press("ArrowLeft")
    assert explorer.state["tab"] == list(TABS)[-1]


def test_a_link_opens_its_view_and_a_change_is_in_the_link(explorer):
    explorer.at(anew=True, tab="size", score="nll", interval="these", k=4)
    view = explorer.view(SIZE)
    assert [one.input_value() for one in view.locator("select").all()] == ["nll", "these"]
    assert view.locator("output").inner_text() == "4"
    before = view.locator("> .said-of").inner_text()
    view.locator("select").first.select_option("brier")
    view.locator("input[type=range]").focus()
    explorer.page.keyboard.press("ArrowRight")
    assert {"tab": "size", "score": "brier", "interval": "these", "k": "5"}.items() <= explorer.state.items()
    after = view.locator("> .said-of").inner_text()
    assert after != before
    explorer.page.reload()
    explorer.page.wait_for_selector("#explorer-view[aria-busy=false] .view")
    assert explorer.view(SIZE).locator("> .said-of").inner_text() == after


def test_what_a_link_does_not_know_is_the_first(explorer):
    explorer.at(
        anew=True,
        tab="nowhere",
        score="<b>",
        k="-1",
        interval="never",
        method="none",
        layer="9",
        members="0,99",
        pair="7",
        calibration="warm",
    )
    assert explorer.page.get_attribute("#tab-size", "aria-selected") == "true"
    view = explorer.view(SIZE)
    assert [one.input_value() for one in view.locator("select").all()] == ["accuracy", "new"]
    for tab in TABS:
        assert explorer.at(tab=tab).page.locator("#explorer .plot svg").count()


def test_a_link_says_which_predictions_are_seen(explorer):
    title = "All candidates, the best on top"
    said = {}
    for way in ("raw", "calibrated"):
        view = explorer.at(anew=True, tab="methods", calibration=way).view(title)
        assert view.locator("select").nth(1).input_value() == way
        said[way] = view.locator("> .said-of").inner_text()
    assert said["raw"] != said["calibrated"]


def test_the_legend_of_a_layer_names_intervals_where_it_draws_some(explorer):
    explorer.at(anew=True, tab="reliability")
    view = explorer.view("Calibration of the models, and temperature scaling")
    choice, intervals = view.locator("select").first, view.locator(".legend .interval")
    choice.select_option(label="Change of NLL: left is better")
    assert intervals.count() == 1
    choice.select_option(label="One network")  # that layer has no intervals
    assert intervals.count() == 0


def test_cards_are_the_results(explorer):
    cards = dict(
        zip(*(explorer.page.locator(f".card {part}").all_inner_texts() for part in ("dt", ".value")), strict=True)
    )
    sizes = example_result("ensemble_size")
    where = {"approach": "independent", "metric": "accuracy", "size": 10}
    for label, variable in (("Ensemble of 10", "score"), ("Gain of the ensemble", "gain")):
        shown = float(re.search(r"[\d.]+", cards[label])[0])
        assert shown == pytest.approx(100 * pick(sizes, variable, **where), abs=0.051)


@pytest.mark.parametrize(("kind", "ending"), [("new", ""), ("these", "_these")])
def test_gains_by_size_are_the_results(explorer, kind, ending):
    sizes = example_result("ensemble_size")
    explorer.at(tab="size", score="accuracy", interval=kind, k=6)
    where = {"approach": "independent", "metric": "accuracy", "size": 6}
    gain = [100 * pick(sizes, f"gain{end}", **where) for end in ("", f"_low{ending}", f"_high{ending}")]
    said = explorer.numbers(SIZE)
    assert said[0] == 6
    assert [said[1], *said[3:5]] == pytest.approx(gain, abs=0.051)
    assert said[5] == pytest.approx(gain[0] - 100 * pick(sizes, "gain", **{**where, "size": 5}), abs=0.051)


def test_scores_by_severity_are_the_results(explorer):
    shift = example_result("shift")
    method = str(shift["approach"].values[-1])
    explorer.at(tab="corruption", score="accuracy", method=method, severity=3)
    said = explorer.view("Under corruption: one network against a method").locator("> .said-of").inner_text()
    shown = [float(number) for number in re.findall(r"([\d.]+)\s% for", said)]
    at = {"metric": "accuracy", "severity": 3}
    scores = [pick(shift, "score", approach=one, **at) for one in ("single", method)]
    assert shown == pytest.approx([100 * score for score in scores], abs=0.051)
    paired = [float(one) for one in re.findall(r"paired, \+([\d.]+).* interval ([\d.]+) to ([\d.]+) for", said)[0]]
    gain = [100 * pick(shift, f"gain{end}", approach=method, **at) for end in ("", "_low", "_high")]
    assert paired == pytest.approx(gain, abs=0.051)


def averaged(dataset, members, temperature=1.0, each=False):
    """Log-probabilities of averaged members, with NumPy."""
    log_prob = dataset["log_prob"].values.astype(float)[members]

    def heated(values):
        values = values / temperature
        return values - np.log(np.exp(values).sum(-1, keepdims=True))

    together = np.log(np.exp(heated(log_prob) if each else log_prob).mean(0))
    return together if each else heated(together)


def test_ticked_members_are_averaged_as_numpy_does(explorer):
    dataset = example_result("member_predictions")
    label = dataset["label"].values
    view = explorer.at(anew=True, tab="members").view(MEMBERS)
    for name in ("1", "4", "8"):
        view.get_by_label(name, exact=True).uncheck()
    kept = [0, 2, 3, 5, 6, 7, 9]
    assert explorer.state["members"] == ",".join(map(str, kept))
    together, alone = averaged(dataset, kept), dataset["log_prob"].values[kept]
    count, *said = explorer.numbers(MEMBERS)
    assert count == 7
    expected = [100 * metrics.accuracy(together, label), metrics.nll(together, label)]
    expected += [100 * metrics.accuracy(alone, label).mean(), metrics.nll(alone, label).mean()]
    assert said[:4] == pytest.approx(expected, abs=0.0501, rel=0.002)
    explorer.at(anew=True, tab="members", members="3")
    assert view.locator("input:checked").count() == 1
    view.get_by_label("3", exact=True).uncheck()
    assert "Tick a member" in view.locator("> .said-of").inner_text()


def test_a_pair_shows_the_examples_it_disagrees_on_and_an_example_every_member(explorer):
    dataset = example_result("member_predictions")
    said = dataset["log_prob"].values.argmax(-1)
    view = explorer.at(anew=True, tab="members").view(MEMBERS)
    matrix, keyboard = view.locator(".two svg[role=img]"), explorer.page.keyboard
    assert view.locator(".two h3").inner_text() == "How far solutions differ"  # the matrix over all test examples

    def check(one, other):
        assert explorer.state["pair"] == f"{one},{other}"
        differ = np.flatnonzero(said[one] != said[other])
        assert (
            view.locator("h4").inner_text()
            == f"Members {one} and {other} disagree on {len(differ)} of {said.shape[1]} examples"
        )
        assert view.locator("button.example").count() == min(12, len(differ))
        names = [str(dataset["example"].values[at]) for at in differ[:12]]
        assert [one.split(":")[0] for one in view.locator("button.example b").all_inner_texts()] == names
        return differ

    matrix.focus()
    for keys, pair in (("Down Down Right Right", (2, 3)), ("Right Right", (2, 5))):  # starting from the pair 0, 1
        for key in keys.split():
            keyboard.press(f"Arrow{key}")
        keyboard.press("Enter")
        check(*pair)
    matrix.scroll_into_view_if_needed()
    chosen = view.locator(".two .chosen").bounding_box()  # the cell in row 2, column 5
    across = chosen["width"] - 2.5
    explorer.page.mouse.click(chosen["x"] + across / 2 - 4 * across, chosen["y"] + across / 2 + 2 * across)
    differ = check(4, 1)
    view.locator("button.example").nth(1).click()
    at = int(differ[1])
    assert explorer.state["example"] == str(dataset["example"].values[at])
    detail = view.locator(".plot-box").last
    assert detail.locator(".panel-title").inner_text().startswith(f"{at} (class {at % 10})")
    printed = detail.locator("svg > text").all_text_contents()
    shown = np.array([float(number or "nan") for number in printed]).reshape(10, 10)
    assert shown == pytest.approx(np.exp(dataset["log_prob"].values[:, at]), abs=0.0061)


def test_a_temperature_has_the_scores_of_metrics(explorer):
    dataset = example_result("member_predictions")
    label = dataset["label"].values
    explorer.at(anew=True, tab="reliability", temperature=1)
    slider = explorer.view("Reliability at a temperature").locator("input[type=range]")
    slider.focus()
    for _ in range(6):
        explorer.page.keyboard.press("ArrowRight")
    temperature = float(explorer.state["temperature"])
    assert temperature > 1
    for order in ("average", "members"):
        explorer.at(tab="reliability", temperature=temperature, order=order)
        found = averaged(dataset, list(range(10)), temperature, order == "members")
        shown, accuracy, nll, ece, *_ = explorer.numbers("Reliability at a temperature")
        assert shown == temperature
        assert accuracy == pytest.approx(100 * metrics.accuracy(found, label), abs=0.051)
        assert nll == pytest.approx(float(metrics.nll(found, label)), abs=0.0006)
        assert ece == pytest.approx(float(metrics.ece(found, label, bins=15)), abs=0.0015)


def test_what_is_set_off_is_set_off_in_all_figures(explorer):
    page = explorer.page
    button = explorer.view(SIZE).get_by_role("button", name="Independent solutions")
    explorer.at(anew=True, tab="size")
    button.click()
    assert explorer.state["set"] == "independent"
    page.click("#tab-methods")
    page.wait_for_selector("#explorer-view[aria-busy=false]")
    for part in ("#verdict", "#explorer"):  # all figures with that series, and no others
        holding = page.locator(f"{part} .chart", has=page.locator(".series[data-group=independent]")).count()
        assert 0 < holding == page.locator(f"{part} .chart.set-off").count()
    on = page.locator(".chart .series.on").evaluate_all("all => all.map(one => one.dataset.group)")
    assert set(on) == {"independent"}
    explorer.at(anew=True, tab="size", set="independent")
    assert button.get_attribute("aria-pressed") == "true"
    button.click()
    assert "set" not in explorer.state
    assert page.locator(".chart.set-off").count() == 0
    button.click()
    page.keyboard.press("Escape")
    assert "set" not in explorer.state
    explorer.at(anew=True, tab="methods")  # select a row by keyboard
    view = explorer.view("Methods within one run against independent networks")
    view.locator("svg[role=img]").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    group = explorer.state["set"]
    assert set(view.locator(".series.on").evaluate_all("all => all.map(one => one.dataset.group)")) == {group}


def test_layers_are_seen_one_at_a_time(explorer):
    explorer.at(anew=True, tab="landscape")
    view = explorer.page.locator("#explorer .view").first
    choice = view.locator("select").first
    titles = []
    for option in choice.locator("option").all():
        choice.select_option(option.get_attribute("value"))
        assert view.locator(".plot svg[role=img]").count() == 1
        titles.append(view.locator(".plot .panel-title").inner_text().split("\n")[0].rstrip(":"))
        figure = option.get_attribute("value").split(".")[0]
        assert view.locator("a").get_attribute("href") == f"#{figure}"
        assert view.locator("h3").inner_text() == text_of(figure, None).title
        assert view.locator(".space").count() == (figure == "surface")
        assert explorer.state["layer"] == option.get_attribute("value")
    assert titles == choice.locator("option").all_inner_texts()
    assert choice.locator("optgroup").count() > 2


def test_a_table_is_saved_as_it_was(explorer):
    table = csv_tables("ensemble_size", example_result("ensemble_size"))[0]
    explorer.page.goto(f"{explorer.address}#ensemble_size")
    link = explorer.page.locator(f"#ensemble_size a[download='{table.name}.gz']")
    packed = link.get_attribute("href").split(",")[1]
    assert gzip.decompress(base64.b64decode(packed)).decode() == table.text
    with explorer.page.expect_download() as saved:
        link.click()
    assert saved.value.suggested_filename == table.name
    assert saved.value.path().read_text(encoding="utf-8") == table.text


def test_a_tap_says_what_is_there_and_works_as_a_press(chromium, page_file):
    with Opened(chromium, page_file, width=375, has_touch=True, reduced_motion="reduce") as opened:
        explorer = Explorer(opened, page_file.as_uri()).at(tab="methods")
        page = opened.page
        title = "Methods within one run against independent networks"
        mark = explorer.view(title).locator(".series").nth(1).locator("path").last
        mark.scroll_into_view_if_needed()
        box = mark.bounding_box()
        page.touchscreen.tap(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        assert page.locator(".tip").is_visible()
        assert explorer.state["set"] == explorer.view(title).locator(".series.on").first.get_attribute("data-group")
        page.locator("#tab-members").tap()
        assert page.locator(".tip").is_hidden()
        view = explorer.view(MEMBERS)
        view.get_by_label("3", exact=True).tap()
        assert explorer.state["members"] == "0,1,2,4,5,6,7,8,9"
        assert opened.said == []
