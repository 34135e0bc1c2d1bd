"""Properties of every figure, over the registry and the made-up results of each analysis."""

import os
import re
import subprocess
import sys
from importlib import resources

import matplotlib
import numpy as np
import pytest
from charted import figure_of, matrices, of, scales
from example_results import example_result
from matplotlib.figure import Figure
from matplotlib.text import Text

from modescape.analyses import ANALYSES, figures
from modescape.analyses.confusion.example import example as confusion
from modescape.errors import InputError
from modescape.plots import style
from modescape.plots.packed import script_json

NAMES = sorted(ANALYSES)


NORMALISED = ["solution_similarity", "trajectory_similarity"]


def with_batch_norm(name):
    """A result in which normalisation layers raise the cosine, so that it is drawn a second time without them."""
    dataset = example_result(name)
    return dataset.assign(cosine=dataset["cosine"].copy(data=0.2 + 0.8 * dataset["cosine"].values))


@pytest.fixture(scope="module")
def papers():
    """Figures for papers from the made-up results, laid out once."""
    drawn = {name: figures.draw(name, example_result(name)) for name in NAMES}
    drawn |= {f"{name}, batch norm": figures.draw(name, with_batch_norm(name)) for name in NORMALISED}
    for figure in drawn.values():
        figure.canvas.draw()
    return drawn


@pytest.fixture(scope="module")
def webs():
    return {name: figure_of(name, example_result(name)) for name in NAMES}


def panels(figure):
    """The panels of a figure without its colour keys."""
    return [axes for axes in figure.axes if axes.get_label() != "<colorbar>"]


def named_rows(axes):
    """The labels drawn along the vertical axis."""
    return [label.get_text() for label in axes.get_yticklabels() if label.get_visible() and label.get_text()]


UNITLESS = re.compile(  # counts, and names of rows and columns
    r"Number of [a-z ]+|Epoch|Member|Members|Method|Model|Candidate|Layer|Part|Group|Example|Network|Corruption"
    r"|Kind of shift|(Predicted|True) class|Score of|Probabilities of|Rank of the singular value"
    r"|Straight line between solutions"
)
PURE = re.compile(  # dimensionless quantities, by their names
    r"Cosine|CKA|Correlation|Learning rate|Singular value|(Fitted t|T)emperature|Share of [a-z ,]+"
    r"|Minus one network's|Difference( in [A-Za-z ]+)?|Change of [A-Za-z ]+|[A-Za-z ]+ minus (it|one network's)"
)


def says_its_unit(label):
    """Whether an axis has a unit in parentheses or needs none; never "(number)", "(name)" or "(1)"."""
    label = " ".join(label.replace("<br>", " ").split())
    assert not re.search(r"\((number|name|kind|1\)|1,)", label), label
    return "(" in label or any(known.fullmatch(label) for known in (UNITLESS, PURE))


def test_unknown_figure_is_refused_and_the_known_ones_named():
    with pytest.raises(InputError, match=r"no figure 'tnse'.*tsne"):
        figures.draw("tnse", example_result("tsne"))


@pytest.mark.ci
@pytest.mark.parametrize(
    ("work", "unwanted"),
    [
        ("", "matplotlib numpy xarray"),
        ("[figures.draw(n, example_results.example_result(n, 2, 2)) for n in ANALYSES]", "matplotlib.pyplot"),
    ],
)
def test_no_library_is_imported_without_need(work, unwanted):
    code = f"import sys\nfrom modescape.analyses import ANALYSES, figures\nimport example_results\n{work}"
    code = code if work else code.replace("import example_results", "")
    show = f"print([name for name in {unwanted.split()} if name in sys.modules])"
    paths = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", f"{code}\n{show}"], capture_output=True, text=True, env=paths)
    assert (done.stdout.strip(), done.stderr) == ("[]", "")


@pytest.mark.parametrize("name", NAMES)
def test_axes_of_papers_are_labelled_with_units(name, papers):
    figure = papers[name]
    assert isinstance(figure, Figure)
    assert figure.get_suptitle()
    for axes in panels(figure):
        assert says_its_unit(axes.get_xlabel()), axes.get_title(loc="left")
        shares_labels = axes is not panels(figure)[0] and not named_rows(axes)  # rows are named once, on the left
        assert shares_labels or says_its_unit(axes.get_ylabel()), axes.get_title(loc="left")
        assert axes.get_title(loc="left")
    for axes in set(figure.axes) - set(panels(figure)):
        assert says_its_unit(axes.get_ylabel())


@pytest.mark.parametrize("name", NAMES)
def test_axes_of_the_page_are_labelled_with_units(name, webs):
    figure = webs[name]
    for number, panel in enumerate(figure["panels"]):
        assert says_its_unit(panel["x"]["label"])
        assert panel.get("shares") or panel.get("rows") or says_its_unit(panel["y"]["label"]), panel["title"]
        assert number or not panel.get("shares")
    assert all(says_its_unit(scale["label"]) for scale in figure["scales"])


@pytest.mark.parametrize("name", NAMES)
def test_the_page_has_a_shape_for_every_mark(name, webs):
    shapes = (resources.files("modescape.plots") / "page" / "marks.js").read_text().partition("const MARKS = {")[2]
    marks = {one["marker"] for one in [*of(webs[name]), *webs[name]["legend"]] if "marker" in one}
    assert not [mark for mark in marks if not re.search(rf'[ "]{mark}"?[:,]', shapes)]


def text_boxes(figure):
    """Every text that is drawn, with its bounding box in pixels."""
    beyond = set()  # tick labels outside the axis have a box but are not drawn
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            low, high = sorted(axis.get_view_interval())
            beyond |= {tick.label1 for tick in axis.get_major_ticks() if not low <= tick.get_loc() <= high}
    drawn = [text for text in figure.findobj(Text) if text.get_visible() and text.get_text().strip()]
    return [(text.get_text(), text.get_window_extent()) for text in drawn if text not in beyond]


@pytest.mark.parametrize("name", [*NAMES, *(f"{name}, batch norm" for name in NORMALISED)])
def test_no_two_texts_overlap(name, papers):
    figure = papers[name]
    boxes = text_boxes(figure)
    assert len(boxes) > 10
    width, height = figure.canvas.get_width_height()
    for place, (text, box) in enumerate(boxes):
        assert min(box.x0, box.y0, width - box.x1, height - box.y1) >= -1, f"cut off: {text!r}"
        for other_text, other in boxes[:place]:
            wide = min(box.x1, other.x1) - max(box.x0, other.x0)
            high = min(box.y1, other.y1) - max(box.y0, other.y0)
            assert wide <= 0.5 or high <= 0.5, f"{text!r} lies on {other_text!r}"


@pytest.mark.parametrize("name", ["confusion", "trajectory_similarity"])
def test_compared_panels_have_one_colour_scale(name, papers, webs):
    images = [axes.images[0] for axes in panels(papers[name])]
    # confusion: three methods; trajectories: cosine and disagreement of three members
    for group in [images] if name == "confusion" else [images[::2], images[1::2]]:
        assert len(group) == 3
        assert len({(image.norm.vmin, image.norm.vmax, image.cmap.name) for image in group}) == 1
    drawn = [scale["label"] for scale in scales(webs[name])]
    assert len(drawn) == (3 if name == "confusion" else 6)
    assert len(webs[name]["scales"]) == (1 if name == "confusion" else 2)


def test_disagreement_has_the_same_colours_within_a_run_and_across_runs(webs):
    within, across = (webs[name]["scales"][1] for name in ("trajectory_similarity", "solution_similarity"))
    assert {**within, "label": ""} == {**across, "label": ""}
    assert (within["low"], within["high"]) == (0, 1)


def test_both_cosines_have_one_scale(papers):
    images = [axes.images[0] for axes in panels(papers["solution_similarity, batch norm"])[:2]]
    assert [(image.norm.vmin, image.norm.vmax) for image in images] == [(0, 1), (0, 1)]
    figure = figure_of("solution_similarity", with_batch_norm("solution_similarity"))
    assert [panel["scale"] for panel in matrices(figure)] == [0, 0, 1, 2]
    assert (figure["scales"][0]["low"], figure["scales"][0]["high"]) == (0, 1)


EDGES = [(1, 1), pytest.param(2, 2, marks=pytest.mark.long), (64, 200)]  # 2 x 2 without pixels is drawn above


@pytest.mark.ci
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("members", "epochs"), EDGES)
def test_few_and_many_can_be_drawn_and_the_settings_of_matplotlib_stay(name, members, epochs):
    dataset = example_result(name, members=members, epochs=epochs)
    names = set(matplotlib.rcParams) - {"backend"}  # reading the backend selects one
    before = {key: matplotlib.rcParams[key] for key in names}
    figure = figures.draw(name, dataset)
    assert {key: matplotlib.rcParams[key] for key in names} == before
    figure.set_dpi(30)  # few pixels: only errors matter here
    figure.canvas.draw()
    # the report has room for figures of 7 MB together
    assert len(script_json(figures.interactive(name, dataset))) < 1_500_000


@pytest.mark.ci
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("all_absent", [False, pytest.param(True, marks=pytest.mark.long)])
def test_cells_without_a_value_can_be_drawn(name, all_absent):
    dataset = example_result(name, members=3, epochs=3)
    for variable in dataset.data_vars:
        values = np.array(dataset[variable].values, dtype=float)
        values.ravel()[slice(None) if all_absent else slice(None, None, 3)] = np.nan
        dataset[variable] = dataset[variable].copy(data=values)
    figure = figures.draw(name, dataset)
    figure.set_dpi(30)
    figure.canvas.draw()
    assert figure.axes
    assert script_json(figures.interactive(name, dataset))


@pytest.mark.parametrize("classes", [2, 12, 13, 100])
def test_any_number_of_classes(classes):
    dataset = confusion(3, 1, tuple(f"{number}" for number in range(classes)))
    figure = figures.draw("confusion", dataset)
    cells = figure.axes[0].texts
    assert len(cells) == (classes**2 if classes <= style.PRINTED_ROWS else 0)
    assert 1 < len(figure.axes[0].get_xticklabels()) <= 25
    figure.set_dpi(30)
    figure.canvas.draw()
    printed = [panel.get("printed", False) for panel in figure_of("confusion", dataset)["panels"]]
    assert printed == [classes <= style.PRINTED_ROWS] * 3


@pytest.mark.parametrize("name", NAMES)
def test_members_left_out_are_named(name):
    dataset = example_result(name, members=2, epochs=2).assign_attrs(left_out="member 2: diverged at epoch 1")
    assert "Left out: member 2: diverged at epoch 1." in figures.caption(name, dataset)
