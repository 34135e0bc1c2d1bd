"""Figures as files."""

import re

import numpy as np
import pytest
from browsing import Opened
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
    assert sorted(path.name for path in (folder / "first").iterdir()) == sorted([*kinds, "figures.js"])


def test_the_same_result_gives_the_same_bytes(folder):
    for path in (folder / "first").iterdir():
        assert path.read_bytes() == (folder / "second" / path.name).read_bytes(), path.name


def test_the_last_bit_of_the_layout_does_not_reach_the_files(monkeypatch):
    """The layout solver may round differently between processes."""
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

    monkeypatch.setattr(ConstrainedLayoutEngine, "execute", unsteady)  # as rounding on another machine would
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
    assert re.findall(r'src="([^"]*)"', text) == ["confusion.svg", "figures.js"]  # shown first without scripts
    assert 'id="figure-confusion"' in text
    assert "http" not in text.replace("http-equiv", "")


def test_the_script_beside_pages_has_the_licence_of_what_it_carries(folder):
    page, script = ((folder / "first" / name).read_text() for name in ("confusion.html", "figures.js"))
    assert "D3 (ISC; parts of it BSD-3-Clause, MIT, Apache-2.0 and Unlicense)" in page
    assert "Mike Bostock" in script
    assert "this permission notice appear in all copies" in " ".join(script.split())


def test_caption_stands_in_the_web_page_escaped():
    dataset = example_result("confusion", members=2).assign_attrs(left_out="member 1: <i>diverged</i>")
    caption = figures.caption("confusion", dataset)
    text = files.page("confusion", figures.interactive("confusion", dataset), "<T>", caption)
    assert "Left out: member 1: &lt;i&gt;diverged&lt;/i&gt;." in text
    assert "<h1>&lt;T&gt;</h1>" in text


def test_the_page_of_a_figure_drawn_by_hand_shows_its_svg_and_runs_nothing():
    text = files.page("mine-lengths", None, "Lengths", "A caption.")
    assert '<img src="mine-lengths.svg" alt="Lengths">' in text
    assert "<script" not in text
    assert "A caption." in text


@pytest.mark.ci
@pytest.mark.browser
@pytest.mark.parametrize(("width", "scheme"), [(375, "dark"), (1280, "light")])
def test_pages_of_one_figure_are_drawn_in_a_browser(chromium, tmp_path, width, scheme):
    for name in ("surface", "confusion"):
        figures.save(name, example_result(name), tmp_path)
        with Opened(chromium, tmp_path / f"{name}.html", width=width, scheme=scheme) as opened:
            opened.wait_for_figures()
            page = opened.page
            empty = "[...document.querySelectorAll('.plot svg[role=img]')].filter(one => !one.querySelector('image'))"
            assert page.evaluate(f"{empty}.length") == 0
            assert page.evaluate("document.querySelectorAll('canvas.scene').length") == (name == "surface")
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            shade = page.evaluate("getComputedStyle(document.body).backgroundColor.match(/[0-9]+/g).map(Number)[0]")
            assert (shade < 128) == (scheme == "dark")
            assert opened.said == []
            assert [address.rsplit("/", 1)[1] for address in opened.asked] == [f"{name}.html", "figures.js"]


SECTOR = """({radii, angles, values}) => {
  const {xs, ys, filled} = modescape.raster({x: radii, y: angles, values});
  return {xs, ys, filled: filled.map(line => line.map(one => one === undefined ? 'outside' : one))};
}"""


@pytest.mark.ci
@pytest.mark.browser
@pytest.mark.parametrize(("radii", "angles"), [((0, 2), (-27, 117)), ((0.5, 1), (90, 350))])
def test_a_sector_on_the_page_is_bilinear_between_its_values_and_ends_where_they_do(chromium, tmp_path, radii, angles):
    figures.save("tunnel", example_result("tunnel"), tmp_path)  # any page with the script
    radius, angle = np.linspace(*radii, 21), np.radians(np.linspace(*angles, 37))
    values = 3 * radius + 0.5 * angle[:, None]
    values[18, 10] = np.nan
    with Opened(chromium, tmp_path / "tunnel.html") as opened:
        given = {"radii": radius.tolist(), "angles": angle.tolist(), "values": values.tolist()}
        found = opened.page.evaluate(SECTOR, given)
    across, up = np.meshgrid(*(np.convolve(found[key], [0.5, 0.5], "valid") for key in ("xs", "ys")))
    far, turn = np.hypot(across, up), np.arctan2(up, across)
    turn = angle[0] + (turn - angle[0]) % (2 * np.pi)
    outside = np.array([[one == "outside" for one in line] for line in found["filled"]])
    np.testing.assert_array_equal(outside, (turn > angle[-1]) | (far < radii[0]) | (far > radii[1]))
    drawn = np.array([[np.nan if one in ("outside", None) else one for one in line] for line in found["filled"]])
    lost = ~outside & ~np.isfinite(drawn)
    near = (np.abs(far - radius[10]) < radius[1] - radius[0]) & (np.abs(turn - angle[18]) < angle[1] - angle[0])
    np.testing.assert_array_equal(lost, ~outside & near)
    there = np.isfinite(drawn)
    np.testing.assert_allclose(drawn[there], (3 * far + 0.5 * turn)[there], atol=1e-9)


def test_letters_without_a_shape_do_not_stop_the_saving():
    figure = figures.draw("confusion", confusion(2, 1, ("\N{CJK UNIFIED IDEOGRAPH-732B}", "dog")))
    assert files.image(figure, "png").startswith(b"\x89PNG")
