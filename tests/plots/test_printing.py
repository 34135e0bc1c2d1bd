"""Figures for authors' documents: their size, their text, their panels."""

import itertools
import re

import numpy as np
import pytest
from example_results import example_result

from modescape.analyses import ANALYSES, figures
from modescape.authors.bibliography import bibliography, entries
from modescape.pipeline.authoring import NARROWEST
from modescape.plots import charts, printing
from modescape.plots.files import settle

STYLES = [("paper", 5.5), ("slides", 10.0), ("paper", 3.25)]


def size(pdf: bytes) -> list[float]:
    box = re.search(rb"/MediaBox \[ *([^\]]+)\]", pdf)
    assert box is not None
    return [float(side) for side in box[1].split()]


@pytest.mark.parametrize(("style", "width"), STYLES)
def test_a_figure_is_as_wide_as_asked_and_its_text_is_text_of_that_size(style, width):
    enlarged = printing.STYLES[style].enlarged
    chart = figures.described("ensemble_size", example_result("ensemble_size"))
    files = printing.files_of(printing.fitted(chart, width / enlarged), enlarged)
    left, bottom, right, top = size(files["pdf"])
    assert (left, bottom) == (0, 0)
    assert right == pytest.approx(72 * width)
    assert b"/FontFile2" in files["pdf"]  # glyphs of a TrueType font, not outlines
    head = files["svg"].decode().split(">", 3)[2]
    wide, high = (float(re.search(rf'{side}="([0-9.]+)pt"', head)[1]) for side in ("width", "height"))
    assert (wide, high) == (pytest.approx(72 * width), pytest.approx(top, rel=1e-4))
    view = [float(number) for number in re.search(r'viewBox="([^"]+)"', head)[1].split()]
    assert wide / view[2] == pytest.approx(enlarged)
    assert ">Number of" in files["svg"].decode()


def test_the_same_chart_gives_the_same_bytes():
    chart = printing.fitted(figures.described("training", example_result("training", 2, 3)), 5.5)
    assert printing.files_of(chart, 1.5) == printing.files_of(chart, 1.5)


def test_long_names_leave_room_for_the_axes():
    """A layout without space warns, which is an error here."""
    names = [f"one network trained {count} times as long (each calibrated first)" for count in (2, 3)]
    series = charts.Series(name="a", x=np.array([0.1, 0.2]), y=np.arange(2), line=None, marker=("o", "circle"))
    panel = charts.Panel(title="Loss", x_label="Loss (nats)", y_label="Candidate", series=[series], rows=names)
    chart = charts.Chart(title="", panels=[panel, panel], columns=2)
    for one in (printing.fitted(chart, 5.5), *printing.single(chart, 5.5), *printing.single(chart, 3.25)):
        figure = charts.draw_bare(one)
        settle(figure)
        assert all(axes.get_position().width * figure.get_size_inches()[0] > 0.7 for axes in figure.axes)


@pytest.mark.parametrize(
    ("name", "columns"), [("equal_cost", 2), ("connectivity", 1), ("surface", 1), ("trajectory_similarity", 2)]
)
def test_panels_of_the_narrowest_figure_have_axes(name, columns):
    """In one column, the two colour keys of the last panel would overlap."""
    chart = printing.fitted(figures.described(name, example_result(name)), NARROWEST)
    figure = charts.draw_bare(chart)
    settle(figure)
    wide = [axes.get_position().width * NARROWEST for axes in figure.axes[: len(chart.panels)]]
    assert (chart.columns, min(wide) > 0.4) == (columns, True), wide


def test_numbers_along_a_narrow_axis_stand_apart():
    values = np.linspace(0.00012, 0.00031, 9)
    series = charts.Series(name="a", x=values, y=values)
    panel = charts.Panel(title="Loss", x_label="Loss (nats)", y_label="Loss (nats)", series=[series])
    chart = printing.fitted(charts.Chart(title="", panels=[panel] * 3, columns=3), 5.5)
    figure = charts.draw_bare(chart)
    settle(figure)
    printing.thin_out(figure)
    for axes in figure.axes:
        left, right = axes.get_xlim()
        boxes = [
            label.get_window_extent()
            for tick, label in zip(axes.get_xticks(), axes.get_xticklabels(), strict=True)
            if left <= tick <= right
        ]
        assert 2 <= len(boxes) <= 4
        assert all(one.x1 < other.x0 for one, other in itertools.pairwise(boxes))


@pytest.mark.parametrize("name", ["connectivity", "calibration", "tsne"])
def test_every_panel_is_there_alone_with_its_own_axis(name):
    chart = figures.described(name, example_result(name))
    alone = printing.single(chart, 5.5)
    assert [len(one.panels) for one in alone] == [1] * len(chart.panels)
    assert [" ".join(one.title.split()) for one in alone] == [" ".join(panel.title.split()) for panel in chart.panels]
    assert not any(getattr(one.panels[0], "shared_y", False) for one in alone)


@pytest.mark.ci
@pytest.mark.parametrize("name", sorted(ANALYSES))
def test_titles_and_labels_stay_inside_and_apart(name):
    chart = printing.fitted(figures.described(name, example_result(name)), 5.5)
    figure = charts.draw_bare(chart)
    settle(figure)
    renderer, (right, top) = figure.canvas.get_renderer(), figure.get_size_inches() * figure.dpi
    titles = [axes._left_title.get_window_extent(renderer) for axes in figure.axes if axes.get_title(loc="left")]
    for box in titles:
        assert box.x0 >= -1
        assert box.x1 <= right + 12
        assert box.y1 <= top + 1
    for place, box in enumerate(titles):
        assert not any(box.overlaps(other) for other in titles[:place])
    for legend in (one.get_window_extent(renderer) for one in figure.legends):
        assert legend.x1 <= right + 1
        assert not any(legend.overlaps(box) for box in titles)


def test_a_long_name_in_a_legend_is_folded():
    """Snapshots have intervals of their own kind, of which the legend of a narrow figure says so."""
    chart, *_ = printing.single(figures.described("ensemble_size", example_result("ensemble_size")), 5.5)
    figure = charts.draw_bare(chart)
    settle(figure)
    (legend,) = figure.legends
    box = legend.get_window_extent(figure.canvas.get_renderer())
    assert max(len(text.get_text().split("\n")) for text in legend.get_texts()) > 1
    assert box.x1 <= figure.get_size_inches()[0] * figure.dpi
    assert box.y0 >= figure.axes[0].get_window_extent().y1


def test_every_source_is_in_the_bibliography_and_every_entry_is_of_a_figure():
    sources = {key for one in ANALYSES.values() for key in getattr(one.part("words"), "SOURCES", ())}
    assert sources == set(entries())
    written = bibliography(["li2018", "fort2019", "li2018"])
    assert re.findall(r"^@\w+\{(\w+),", written, re.MULTILINE) == ["modescape", "fort2019", "li2018"]
    assert written.count("{") == written.count("}")
