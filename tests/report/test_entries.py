"""Analyses on the same question share one folded entry; others stand alone."""

import re

import pytest
from browsing import Opened
from example_page import make_content
from example_results import OF_NUMBERS, example_of_numbers, example_result
from test_page import attributes, folded, read

from modescape.analyses import ANALYSES
from modescape.analyses.themes import told
from modescape.report.entries import Piece, sections_of, themes_of
from modescape.report.page import build_page

GROUPS = [names for names in told(ANALYSES) if len(names) > 1]
EVERY = {  # kinds of made-up results: function, attributes to set
    "classes": (example_result, {}),
    "numbers": (example_of_numbers, {"task": "regression"}),
    "given": (example_result, {"given": 1, "variant": "given"}),
}


def group_of(name):
    return next(names for names in GROUPS if name in names)


@pytest.fixture(params=[names[0] for names in GROUPS])
def group(request):
    """Analyses that share an entry; the first gives it its name."""
    return group_of(request.param)


def entries_of(results, notes=None):
    pieces = {name: Piece.of(name, result) for name, result in results.items()}
    order = [name for name in ANALYSES if name in {**results, **(notes or {})}]
    themes = themes_of(sections_of(order, results, notes or {}, pieces))
    return [entry for _, of_theme in themes for entry in of_theme]


def sentences(text):
    return [one for one in re.split(r"(?<=[.:]) (?=[A-Z])", text) if one]


def test_three_things_are_told_once():
    assert sorted(map(len, GROUPS)) == [2, 2, 2]
    for lead, *others in GROUPS:
        for other in others:
            assert ANALYSES[other].theme == ANALYSES[lead].theme
        words = [ANALYSES[lead].part("words", task) for task in ("classification", "regression")]
        texts = [getattr(one, name) for one in words for name in ("TEXT", "NUMBERS", "GIVEN") if hasattr(one, name)]
        assert texts
        assert all(text.together and text.together.title != text.title for text in texts)


@pytest.mark.parametrize("kind", EVERY)
def test_an_entry_has_one_heading_and_no_sentence_twice(group, kind):
    make, attributes_of = EVERY[kind]
    if kind == "numbers" and not set(group) <= set(OF_NUMBERS):
        pytest.skip("is of classes")
    (entry,) = entries_of({name: make(name).assign_attrs(attributes_of) for name in group})
    assert [part.analysis for part in entry.parts] == group
    assert entry.name == group[0]
    texts = (entry.text.title, entry.text.shown, entry.text.reading, entry.takeaway)
    said = [sentence for text in texts for sentence in sentences(text)]
    assert len(said) == len(set(said))
    assert len(entry.takeaway) < 600
    seen = entry.parts[0].seen
    assert entry.takeaway.count(seen) == 1  # for one set of examples, stated once


def test_what_is_of_other_examples_says_so(group):
    lead, other = (example_result(name) for name in group)
    fewer = other.assign_attrs(examples=17)
    alone = entries_of({group[1]: fewer})[0].takeaway
    (entry,) = entries_of({group[0]: lead, group[1]: fewer})
    assert entry.takeaway.endswith(alone)


def test_without_its_partner_an_analysis_stands_as_it_is(group):
    for name in group:
        (entry,) = entries_of({name: example_result(name)})
        assert entry.text == Piece.of(name, example_result(name)).text
        assert (entry.name, len(entry.parts)) == (name, 1)


def test_what_is_not_shown_is_told_with_nothing(group):
    for name in group:
        other = next(one for one in group if one != name)
        found = entries_of({name: example_result(name)}, {other: "It was not made."})
        assert {entry.name: entry.note for entry in found} == {name: "", other: "It was not made."}


def test_both_figures_tables_and_data_are_in_the_page_and_every_name_is_a_place(content, group):
    html = build_page(content(results={name: example_result(name) for name in group}))
    reader = read(html)
    assert folded(reader) == group[:1]
    places = [attrs.get("id") for _, attrs in reader.elements]
    assert all(places.count(name) == 1 for name in group)
    drawn = [attrs["data-figure"] for attrs in attributes(reader, "div") if "data-figure" in attrs]
    assert [f"figure-{name}" for name in group] == [one for one in drawn if one.startswith("figure-")]
    data = {attrs["download"].split("-")[0] for attrs in attributes(reader, "a") if "csv" in attrs.get("download", "")}
    assert data == set(group)
    assert html.count("<h5>How to read it</h5>") == 1
    assert html.count("The figures in words and numbers") == 1


@pytest.mark.parametrize("partner", [True, False])
def test_prices_stand_once_and_the_evidence_leads_to_them(content, partner):
    lead, *others = group_of("ensemble_methods")
    names = [lead, *(others if partner else []), "calibration"]
    html = build_page(content(results={name: example_result(name) for name in names}))
    evidence, analyses = html.split('<section id="evidence"')[1].split('<section id="analyses"')
    assert html.count('<h5 id="gain-and-cost">') == analyses.count('<h5 id="gain-and-cost">') == 1
    assert "deep ensemble equivalent</th>" not in evidence
    assert '<a href="#gain-and-cost">' in evidence
    assert "independent networks by calibrated likelihood" in evidence


def test_without_a_section_of_them_nothing_leads_to_prices(content):
    results = {name: example_result(name) for name in ("ensemble_methods", "training")}
    assert "gain-and-cost" not in build_page(content(results=results, analyses=["training"]))


FRAMES = "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done))))"


def place_of(page, name):
    """Distance of a visible part from the top of the window, after nearby figures are drawn."""
    for _ in range(5):
        page.evaluate(FRAMES)
    return page.locator(f"[id='{name}']").bounding_box()["y"]


@pytest.mark.ci
@pytest.mark.browser
def test_the_name_of_each_leads_to_its_figure(chromium, tmp_path):
    """A link opens it and scrolls to it; figures drawn meanwhile do not push it out of view."""
    page_file, names = tmp_path / "report.html", group_of("solution_similarity")
    page_file.write_text(build_page(make_content(results={name: example_result(name) for name in names})), "utf-8")
    with Opened(chromium, page_file) as opened:
        for page in (opened.page, opened.context.new_page()):
            page.goto(f"{page_file.as_uri()}#{names[-1]}")
            assert abs(place_of(page, names[-1])) < 60
