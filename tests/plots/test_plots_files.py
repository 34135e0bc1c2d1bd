"""Figures as files."""

import re

import pytest
from example_results import example_result

from modescape.analyses import figures
from modescape.analyses.confusion.example import example as confusion
from modescape.plots import files

NAMES = ('<b>cat & "dog"</b>', "ship $x_1$", "deer")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two figures saved twice, in two folders."""
    parent = tmp_path_factory.mktemp("figures")
    for copy in ("first", "second"):
        figures.save("confusion", confusion(3, 1, NAMES), parent / copy)
        figures.save("ensemble_size", example_result("ensemble_size", members=3), parent / copy)
    return parent


def test_save_writes_four_files_and_shares_one_script(folder):
    kinds = [f"{name}.{kind}" for name in ("confusion", "ensemble_size") for kind in ("csv", "html", "png", "svg")]
    assert sorted(path.name for path in (folder / "first").iterdir()) == sorted([*kinds, "plotly.min.js"])


def test_the_same_result_gives_the_same_bytes(folder):
    for path in (folder / "first").iterdir():
        assert path.read_bytes() == (folder / "second" / path.name).read_bytes(), path.name


def test_the_last_bit_of_the_layout_does_not_reach_the_files(monkeypatch):
    """The layout's solver may round differently from one process to the next."""
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    def saved():
        figure = figures.draw("ensemble_size", example_result("ensemble_size", members=3))
        files.settle(figure)
        return files.image(figure, "svg")

    plain, execute = saved(), ConstrainedLayoutEngine.execute

    def unsteady(self, figure):
        execute(self, figure)
        for axes in figure.axes:
            axes._set_position([value * (1 + 1e-15) for value in axes.get_position(original=True).bounds])

    monkeypatch.setattr(ConstrainedLayoutEngine, "execute", unsteady)  # what another machine's rounding would do
    assert saved() == plain


def test_png_has_200_dots_per_inch(folder):
    from PIL import Image

    with Image.open(folder / "first" / "ensemble_size.png") as image:
        assert image.info["dpi"] == pytest.approx((200, 200), abs=0.1)
        assert image.width == 1520


def test_svg_has_no_date(folder):
    assert "dc:date" not in (folder / "first" / "confusion.svg").read_text()


def test_web_page_holds_no_markup_of_class_names_and_no_address(folder):
    text = (folder / "first" / "confusion.html").read_text()
    assert "<b>" not in text
    assert "dog" in text
    assert re.findall(r'src="([^"]*)"', text) == ["plotly.min.js"]
    assert 'id="figure-confusion"' in text
    assert "http" not in text.replace("http-equiv", "")


def test_caption_stands_in_the_web_page_escaped():
    dataset = example_result("confusion", members=2).assign_attrs(left_out="member 1: <i>diverged</i>")
    text = files.page("confusion", figures.sheet("confusion", dataset), "T", figures.caption("confusion", dataset))
    assert "Left out: member 1: &lt;i&gt;diverged&lt;/i&gt;." in text


def test_letters_without_a_shape_do_not_stop_the_saving():
    figure = figures.draw("confusion", confusion(2, 1, ("\N{CJK UNIFIED IDEOGRAPH-732B}", "dog")))
    assert files.image(figure, "png").startswith(b"\x89PNG")
