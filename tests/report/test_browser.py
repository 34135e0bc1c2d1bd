"""The page in a real browser: Chromium, opened from the disk."""

import pytest
from browsing import OPEN_ALL, Opened
from example_page import EVIL, make_content
from example_results import example_result

from modescape.analyses import ANALYSES
from modescape.report.page import build_page

pytestmark = pytest.mark.browser


@pytest.mark.ci
def test_every_figure_is_drawn_without_network_errors_or_foreign_code(chromium, page_file):
    with Opened(chromium, page_file) as opened:
        opened.wait_for_figures(everything=True)
        page = opened.page
        count = page.evaluate("document.querySelectorAll('details .plot[data-figure] .panels').length")
        assert count == len(ANALYSES)
        empty = "[...document.querySelectorAll('.plot svg[role=img]')].filter(one => !one.querySelector('path, image'))"
        assert page.evaluate(f"{empty}.map(one => one.getAttribute('aria-label'))") == []
        assert page.inner_text("h1") == EVIL
        page.click("#theme")
        page.emulate_media(media="print")
        page.pdf()
        page.wait_for_timeout(200)
        assert opened.said == []
        assert opened.asked == [page_file.as_uri()]


@pytest.mark.ci
@pytest.mark.parametrize("lines", [0, 1])
def test_the_answer_is_one_screen(chromium, tmp_path, lines):
    """The sentence, four numbers and two pictures fit the window of a small laptop, with a longer sentence, too."""
    page_file, names = tmp_path / "report.html", ("solution_similarity", "ensemble_size", "equal_cost", "cyclic")
    content = make_content(name="digits", results={name: example_result(name) for name in names})
    cards = '<dl class="cards'
    page = build_page(content).replace(cards, f"<p>{'more<br>' * lines}</p>{cards}", 1)
    page_file.write_text(page, encoding="utf-8")
    with Opened(chromium, page_file, width=1280, height=800) as opened:
        assert opened.page.locator("#verdict .card").count() == 4
        assert opened.page.locator("#verdict .firsts .plot-box").count() == 2
        ends = "[...document.querySelectorAll('#verdict *')].map(one => one.getBoundingClientRect().bottom)"
        assert max(opened.page.evaluate(ends)) <= 800


@pytest.mark.ci
def test_colours_follow_the_system_and_the_button(chromium, tmp_path):
    page_file, name = tmp_path / "report.html", "training"  # one figure is enough
    page_file.write_text(build_page(make_content(results={name: example_result(name)})), encoding="utf-8")
    colour = "getComputedStyle(document.body).backgroundColor"
    text = "getComputedStyle(document.querySelector('.plot .axes text')).fill"
    seen = {}
    for scheme in ("light", "dark"):
        with Opened(chromium, page_file, scheme=scheme) as opened:
            opened.wait_for_figures()
            seen[scheme] = (opened.page.evaluate(colour), opened.page.evaluate(text))
            opened.page.click("#theme")
            opened.page.wait_for_timeout(400)
            seen[scheme + " switched"] = (opened.page.evaluate(colour), opened.page.evaluate(text))
    assert seen["light"] == seen["dark switched"]
    assert seen["dark"] == seen["light switched"]
    assert all(light != dark for light, dark in zip(seen["light"], seen["dark"], strict=True))


CUT_OFF = """() => [...document.querySelectorAll(".plot")].flatMap(plot => {
  const room = plot.getBoundingClientRect();
  const beyond = text => {
    const box = text.getBoundingClientRect();
    return box.width > 0 && (box.left < room.left - 1 || box.right > room.right + 1);
  };
  const texts = [...plot.querySelectorAll("text, p, .legend li, .key")];
  return texts.filter(beyond).map(text => `${plot.dataset.figure} ${text.textContent}`);
})"""


@pytest.mark.ci
def test_phone_has_no_sideways_scroll_and_every_box_can_be_reached(chromium, page_file):
    with Opened(chromium, page_file, width=375) as opened:
        # folded, with every analysis; digits, which has half of them, is 13,000 pixels tall
        assert opened.page.evaluate("document.documentElement.scrollHeight") < 16_000
        opened.wait_for_figures(everything=True)
        opened.page.wait_for_timeout(200)
        assert opened.page.evaluate("document.documentElement.scrollWidth") <= 375
        wide = "[...document.querySelectorAll('.plot-box, .table-box')].filter(b => b.scrollWidth > b.clientWidth)"
        assert opened.page.evaluate(wide + ".map(box => box.outerHTML.slice(0, 200))") == []  # all fit
        long = "[...document.querySelectorAll('pre')].filter(b => b.scrollWidth > b.clientWidth)"
        assert opened.page.evaluate(long + ".every(b => b.tabIndex === 0)")
        assert opened.page.evaluate(CUT_OFF) == []  # titles and axis labels in the narrowest figures


@pytest.mark.ci
def test_keys_reach_the_skip_link_the_button_and_the_contents(chromium, page_file):
    with Opened(chromium, page_file) as opened:
        reached = []
        for _ in range(4):
            opened.page.keyboard.press("Tab")
            reached.append(
                opened.page.evaluate("document.activeElement.id || document.activeElement.getAttribute('href')")
            )
        assert reached[:2] == ["#verdict", "theme"]
        opened.page.focus("nav a[href='#analyses']")
        opened.page.keyboard.press("Enter")
        opened.page.wait_for_timeout(100)
        assert opened.page.evaluate("location.hash") == "#analyses"


POOR_CONTRAST = r"""() => {
  const linear = value => (value /= 255) <= .04045 ? value / 12.92 : ((value + .055) / 1.055) ** 2.4;
  const light = colour => {
    const [r, g, b] = colour.match(/[\d.]+/g).slice(0, 3).map(Number).map(linear);
    return .2126 * r + .7152 * g + .0722 * b;
  };
  const behind = element => {
    for (; element; element = element.parentElement) {
      const colour = getComputedStyle(element).backgroundColor;
      if (!/, 0\)$/.test(colour)) return colour;
    }
  };
  const ratio = element => {
    const [one, other] = [light(getComputedStyle(element).color), light(behind(element))];
    return (Math.max(one, other) + .05) / (Math.min(one, other) + .05);
  };
  const text = "main :is(p, a, h2, h3, li, dt, .value, .note, th, td, summary, code), h1, #theme, nav a, footer p";
  const all = [...document.querySelectorAll(text)].filter(element => !element.closest(".plot"));
  return all.length < 50 ? ["nothing found"] : all.filter(element => ratio(element) < 4.5).map(e => e.outerHTML);
}"""


@pytest.mark.ci
def test_text_has_contrast_in_both_schemes(chromium, page_file):
    for scheme in ("light", "dark"):
        with Opened(chromium, page_file, scheme=scheme) as opened:
            assert opened.page.evaluate(POOR_CONTRAST) == []


@pytest.mark.ci
def test_a_scene_is_drawn_when_it_is_seen_and_turned_by_keys(chromium, tmp_path):
    page_file, name = tmp_path / "report.html", "surface"
    page_file.write_text(build_page(make_content(results={name: example_result(name)})), encoding="utf-8")
    pixels = "document.querySelector('details canvas.scene').toDataURL()"
    with Opened(chromium, page_file, width=375) as opened:
        page = opened.page
        opened.wait_for_figures(everything=True)
        page.locator("details canvas.scene").scroll_into_view_if_needed()
        page.wait_for_timeout(200)
        assert page.evaluate("document.documentElement.scrollWidth") <= 375
        seen = [page.evaluate(pixels)]
        for key in ("ArrowRight", "ArrowUp"):
            page.focus("details canvas.scene")
            page.keyboard.press(key)
            page.wait_for_timeout(100)
            seen.append(page.evaluate(pixels))
        page.select_option("details .turn select", "1")
        page.wait_for_timeout(100)
        seen.append(page.evaluate(pixels))
        page.click("#theme")
        page.wait_for_timeout(100)
        seen.append(page.evaluate(pixels))
        assert len(set(seen)) == len(seen)
        page.focus("details .turn button[data-turn=back]")
        page.keyboard.press("Enter")
        page.click("#theme")
        page.select_option("details .turn select", "0")
        page.wait_for_timeout(100)
        assert page.evaluate(pixels) == seen[0]
        assert opened.said == []
        assert opened.asked == [page_file.as_uri()]


@pytest.mark.parametrize(("width", "media"), [(320, "screen"), (680, "print")])  # A4 within its margins: 680 px
def test_numbers_of_cards_and_tables_are_whole_in_narrow_windows_and_on_paper(chromium, page_file, width, media):
    with Opened(chromium, page_file, width=width) as opened:
        opened.page.emulate_media(media=media)
        size = "one => [one.getBoundingClientRect().height, parseFloat(getComputedStyle(one).lineHeight)]"
        heights = opened.page.locator("#verdict .value").evaluate_all(f"all => all.map({size})")
        assert heights
        assert all(high < 1.5 * line for high, line in heights)
        opened.page.evaluate(OPEN_ALL)
        cut = "all => all.filter(one => one.scrollWidth > one.clientWidth).length"
        assert opened.page.locator(".table-box:visible").evaluate_all(cut) <= 2  # those of more than a dozen columns
