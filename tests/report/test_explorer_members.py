"""Members whose names need escaping in the explorer's address, and a single member."""

import numpy as np
import pytest
from browsing import Opened

from modescape.analyses.member_predictions.example import example
from modescape.report.page import PageContent, build_page

pytestmark = [pytest.mark.browser, pytest.mark.ci]
NAMES = ["a,b&c=d|e.csv", "100%2C.csv", "x#1?.csv", "plain.csv"]  # names of files given to `compare`


def page_of(folder, names):
    """A page with predictions of that many members."""
    result = example(len(names)).assign_coords(member=names)
    page = folder / "report.html"
    content = PageContent(name="x", recipe_yaml="", manifest={}, results={"member_predictions": result})
    page.write_text(build_page(content))
    return page, result


def view_of(opened, address):
    """The view of members, after following a link."""
    opened.page.goto("about:blank")
    opened.page.goto(address)
    opened.page.wait_for_selector("#explorer-view[aria-busy=false] .view")
    return opened.page.locator("#explorer .view").first


def test_names_of_files_come_back_from_the_address(chromium, tmp_path):
    page, result = page_of(tmp_path, NAMES)
    said = result["log_prob"].values.argmax(-1)
    with Opened(chromium, page) as opened:
        view = view_of(opened, f"{page.as_uri()}#explorer&tab=members")
        view.get_by_label("plain.csv", exact=True).uncheck()
        view.locator(".two svg[role=img]").focus()
        for key in ("Right", "Enter"):  # from the pair 0, 1 on to 0, 2
            opened.page.keyboard.press(key if key == "Enter" else f"Arrow{key}")
        view = view_of(opened, opened.page.url)
        ticked = view.locator("input").evaluate_all("all => all.map(one => one.checked)")
        assert ticked == [True, True, True, False]
        differ = int(np.sum(said[0] != said[2]))
        head = f"Members {NAMES[0]} and {NAMES[2]} disagree on {differ} of 40 examples"
        assert view.locator("h4").inner_text() == head
        view.locator("button.example").first.press("Enter")
        assert opened.page.evaluate("document.activeElement.className") == "example"  # keys continue from there
        view = view_of(opened, f"{page.as_uri()}#explorer&tab=members&members=nobody")
        assert "Tick a member" in view.locator("> .said-of").inner_text()
        assert "average" not in view.locator(".examples").inner_text()
        view = view_of(opened, f"{page.as_uri()}#explorer&tab=members&members=plain.csv")
        view.get_by_label("plain.csv", exact=True).uncheck()
        view = view_of(opened, opened.page.url)  # the address also records that none is ticked
        assert not any(view.locator("input").evaluate_all("all => all.map(one => one.checked)"))
        assert opened.said == []


@pytest.mark.parametrize("address", ["#explorer&tab=members&members=0&pair=0,0", "#explorer&members=%E0%A4%A", "#%"])
def test_one_member_and_broken_addresses_leave_the_page_whole(chromium, tmp_path, address):
    page, _ = page_of(tmp_path, ["0"])
    with Opened(chromium, page) as opened:
        opened.page.goto("about:blank")
        opened.page.goto(f"{page.as_uri()}{address}")
        opened.page.locator("#explorer").scroll_into_view_if_needed()
        opened.page.wait_for_selector("#explorer-view[aria-busy=false] .view")
        assert opened.page.locator("#explorer .two").count() == 0  # no pair
        assert opened.page.locator("#theme").is_visible()  # all scripts ran
        assert opened.said == []


@pytest.mark.parametrize("pair", ["0", "0,0", "0,1,2", "0,nobody"])
def test_a_pair_that_is_none_is_the_first_in_the_matrix_too(chromium, tmp_path, pair):
    page, _ = page_of(tmp_path, ["0", "1", "2"])
    with Opened(chromium, page) as opened:
        boxes = []
        for address in ("0,1", pair):
            view = view_of(opened, f"{page.as_uri()}#explorer&tab=members&pair={address}")
            boxes.append(view.locator(".two .chosen").bounding_box())
            assert view.locator("h4").inner_text().startswith("Members 0 and 1 ")
        assert boxes[0] == boxes[1]
        assert opened.said == []


def test_no_figure_of_calibration_stays_without_a_member(chromium, tmp_path):
    page, _ = page_of(tmp_path, ["0", "1"])
    with Opened(chromium, page) as opened:
        view = view_of(opened, f"{page.as_uri()}#explorer&tab=reliability&members=1")
        assert view.locator(".plot").is_visible()
        view.get_by_label("1", exact=True).uncheck()
        assert "Tick a member" in view.locator("> .said-of").inner_text()
        assert not view.locator(".plot").is_visible()
        view.get_by_label("0", exact=True).check()
        assert view.locator(".plot").is_visible()


def test_a_choice_with_long_words_fits_into_a_narrow_window(chromium, tmp_path):
    page, _ = page_of(tmp_path, ["0", "1"])
    with Opened(chromium, page, width=320) as opened:
        view = view_of(opened, f"{page.as_uri()}#explorer&tab=reliability")
        view.locator("option").first.evaluate("one => { one.textContent = 'one network, '.repeat(9); }")
        root = "document.documentElement"
        assert opened.page.evaluate(f"{root}.scrollWidth - {root}.clientWidth") == 0
