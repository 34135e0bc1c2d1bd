"""The page by the rules of axe-core: names, roles, contrast, landmarks, order."""

import importlib.resources

import pytest
from browsing import Opened
from example_page import make_content
from example_results import example_result

from modescape.report.page import build_page

pytestmark = [pytest.mark.browser, pytest.mark.ci]
SHOWN = ("member_predictions", "ensemble_size", "shift")  # these have every kind of control
RUN = """async (where, rules) => {
  const only = rules.length ? { runOnly: { type: "rule", values: rules } } : {};
  const found = await axe.run({ include: where, exclude: [[".plot svg"]] }, { ...only, resultTypes: ["violations"] });
  return [found.passes.length, found.violations.flatMap(
    one => one.nodes.map(node => `${one.id}: ${node.target} ${node.html.slice(0, 200)} ${node.failureSummary}`))];
}"""


@pytest.fixture(scope="module")
def small_page(tmp_path_factory):
    """A page with few analyses, since axe checks every element."""
    file = tmp_path_factory.mktemp("page") / "report.html"
    file.write_text(build_page(make_content(results={name: example_result(name) for name in SHOWN})), encoding="utf-8")
    return file


def test_nothing_is_in_the_way_of_anyone(chromium, small_page):
    pytest.importorskip("axe_playwright_python")
    axe = importlib.resources.files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")
    with Opened(chromium, small_page, bypass_csp=True) as opened:
        opened.wait_for_figures(everything=True)
        page = opened.page
        page.evaluate(axe)

        def found(where, *rules):
            passed, violations = page.evaluate(f"([where, rules]) => ({RUN})(where, rules)", [where, list(rules)])
            assert passed > 0
            return violations

        assert found("html") == []
        for tab in page.locator("[role=tab]").all():
            tab.click()
            page.wait_for_selector("#explorer-view[aria-busy=false]")
            assert found("#explorer") == []
        page.emulate_media(color_scheme="dark")
        page.wait_for_timeout(300)
        assert found("html", "color-contrast") == []
