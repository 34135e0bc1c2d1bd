"""Properties of every figure of a regression on rows: labels with units, space for text, and the words for rows."""

import re

import pytest
from charted import texts
from example_results import OF_NUMBERS, example_of_numbers, example_result
from test_plots_contract import named_rows, panels, says_its_unit, text_boxes

from modescape.analyses import ANALYSES, figures
from modescape.report.sections import summarize, text_of
from modescape.results import validate

OF_IMAGES = re.compile(r"\b(images?|pictures?)\b", re.IGNORECASE)
OF_CLASSES = re.compile(r"accurac|\blabels?\b|Jensen|Brier|probabilities|temperature\b", re.IGNORECASE)


@pytest.fixture(scope="module", params=OF_NUMBERS)
def name(request):
    return request.param


@pytest.fixture(scope="module")
def dataset(name):
    return example_of_numbers(name)


@pytest.fixture(scope="module")
def web(name, dataset):
    return figures.interactive(name, dataset)


def said(name, dataset, web):
    """All words of a section: the figure's, the caption, the summary, what is shown and how to read it."""
    words, summary = text_of(name, dataset), summarize(name, dataset)
    figure = "\n".join(texts(web))
    rows = "\n".join(cell for row in summary.rows for cell in row)
    around = (figures.caption(name, dataset), summary.text, "\n".join(summary.header))
    return figure, (*around, rows, words.title, words.shown, words.reading)


def test_which_analyses_have_a_counterpart_and_why_others_have_none():
    reasons = {name: one.numbers for name, one in ANALYSES.items() if name not in OF_NUMBERS}
    assert "confusion" in reasons
    assert "see calibration" in reasons["confusion"]


def test_the_example_follows_the_schema(dataset):
    validate(dataset)
    assert dataset.attrs["task"] == "regression"


def test_nothing_is_said_of_images_in_a_figure_or_of_classes_at_all(name, dataset, web):
    figure, others = said(name, dataset, web)
    assert not OF_IMAGES.search(figure), name
    assert not OF_IMAGES.search(others[0]), name  # only the caption; the page adapts the rest to rows
    found = [match for text in (figure, *others) if (match := OF_CLASSES.search(text))]
    assert not found, found


@pytest.mark.parametrize("of_classes", sorted(ANALYSES))
def test_a_figure_of_classes_of_rows_says_nothing_of_images(of_classes):
    made = example_result(of_classes).assign_attrs(examples_word="rows")
    words = [*texts(figures.interactive(of_classes, made)), figures.caption(of_classes, made)]
    assert not [text for text in words if OF_IMAGES.search(text)]


def test_axes_have_labels_with_units_in_the_targets_own(web):
    titles = [panel[axis]["label"] for panel in web["panels"] for axis in "xy"]
    assert all(says_its_unit(text) for text in titles if text)
    assert not any("unit of the target" in text for text in titles)


@pytest.mark.ci
def test_texts_of_papers_have_room(name, dataset):
    figure = figures.draw(name, dataset)
    figure.canvas.draw()
    for axes in panels(figure):
        assert says_its_unit(axes.get_xlabel())
        assert says_its_unit(axes.get_ylabel()) or (axes is not panels(figure)[0] and not named_rows(axes))
    boxes = text_boxes(figure)
    for place, (text, box) in enumerate(boxes):
        for other_text, other in boxes[:place]:
            wide = min(box.x1, other.x1) - max(box.x0, other.x0)
            high = min(box.y1, other.y1) - max(box.y0, other.y0)
            assert wide <= 0.5 or high <= 0.5, f"{text!r} lies on {other_text!r}"


@pytest.mark.ci
@pytest.mark.parametrize(
    ("members", "epochs"), [(1, 1), *(pytest.param(*sizes, marks=pytest.mark.long) for sizes in ((2, 2), (64, 200)))]
)
def test_few_and_many_can_be_drawn(name, members, epochs):
    dataset = example_of_numbers(name, members, epochs)
    figure = figures.draw(name, dataset)
    figure.set_dpi(30)
    figure.canvas.draw()
    assert figures.interactive(name, dataset)["panels"]
