"""Pages opened from the disk in a real browser, Chromium."""

import os
import shutil

import pytest

DRAWN = """(found => found.length > 0 && found.every(figure => figure.querySelector('svg')))(
  [...document.querySelectorAll('.plot[data-figure]')].filter(one => one.checkVisibility()))"""
OPEN_ALL = "document.querySelectorAll('details').forEach(part => { part.open = true; })"


@pytest.fixture(scope="session")
def chromium():
    """One Chromium per session; without one the tests are skipped, or fail if MODESCAPE_BROWSER is "required"."""
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        path = None
    if path is None:
        missing = pytest.fail if os.environ.get("MODESCAPE_BROWSER") == "required" else pytest.skip
        missing("these tests need Chromium and playwright")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


class Opened:
    """A page with its console messages and requests."""

    def __init__(self, browser, path, width=1200, height=900, scheme="light", **settings):
        self.context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme, **settings)
        self.page = self.context.new_page()
        self.said, self.asked = [], []
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("dialog", lambda dialog: (self.said.append(dialog.message), dialog.dismiss()))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.on("popup", lambda popup: self.said.append("popup"))
        self.page.goto(path.as_uri())

    def wait_for_figures(self, everything=False):
        """Wait until figures near the viewport are drawn; with ``everything``, open all parts and draw as for print."""
        if everything:
            self.page.evaluate(OPEN_ALL)
            self.page.evaluate("['beforeprint', 'afterprint'].forEach(name => window.dispatchEvent(new Event(name)))")
        # not wait_for_function: the page's own policy forbids the eval that it needs
        for _ in range(200):
            if self.page.evaluate(DRAWN):
                return
            self.page.wait_for_timeout(100)
        pytest.fail("a figure was not drawn within 20 s")

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.context.close()
