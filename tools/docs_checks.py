"""Checks of the built site: links and anchors, external resources, and behaviour of pages in a browser."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

NARROW = 375  # pixels, as on a phone
LOADING = dict.fromkeys(("script", "img", "iframe", "source", "video"), "src") | {"link": "href", "object": "data"}
FETCHED = re.compile(r"(?:url\(|@import)\s*['\"]?((?:https?:)?//[^'\")\s]+)")  # what style sheets load from other hosts
OWN = ("file:", "data:", "blob:")


class Page(HTMLParser):
    """The anchors, links and resources of a page."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.anchors: set[str] = {""}
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Collect id, link and resource of an element."""
        has = {name: value for name, value in attrs if value is not None}
        self.anchors |= {has[name] for name in ("id", "name") if name in has}
        if tag == "a" and "href" in has:
            self.links.append(has["href"])
        if tag in LOADING and LOADING[tag] in has:
            self.loaded.append(has[LOADING[tag]])


def pages_of(html: Path) -> dict[Path, Page]:
    """Every page of the site."""
    return {path: Page(path) for path in sorted(html.rglob("*.html"))}


def broken_links(html: Path) -> Iterator[str]:
    """Broken links and missing resources within the site, by page."""
    pages = pages_of(html)
    for path, page in pages.items():
        for link in {*page.links, *page.loaded}:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            to = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            where = f"{path.relative_to(html)}: '{link}'"
            if not to.is_file():
                yield f"{where} leads nowhere"
            elif to in pages and unquote(parts.fragment) not in pages[to].anchors:
                yield f"{where} leads to a place that is not there"


def resources_from_elsewhere(html: Path) -> Iterator[str]:
    """Resources that pages and style sheets would load from other hosts."""
    for path, page in pages_of(html).items():
        for link in page.loaded:
            if urlsplit(link).netloc:
                yield f"{path.relative_to(html)} loads {link}"
    for path in sorted(html.rglob("*.css")):
        for link in FETCHED.findall(path.read_text(encoding="utf-8")):
            yield f"{path.relative_to(html)} loads {link}"


def looked_at(html: Path) -> list[str]:
    """Problems of pages in a browser: requests to other hosts, console errors, sideways scrolling.

    Without Playwright or a Chromium nothing is checked, and a line on standard output says so.
    """
    browser = shutil.which("chromium") or shutil.which("chromium-browser")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        browser = None
    if browser is None:
        print("no Playwright or no Chromium: the pages were not opened")
        return []
    wrong: list[str] = []
    with sync_playwright() as started:
        chromium = started.chromium.launch(executable_path=browser, args=["--no-sandbox"])
        tab = chromium.new_page(viewport={"width": NARROW, "height": 900})
        tab.on("request", lambda asked: asked.url.startswith(OWN) or wrong.append(f"a page asks for {asked.url}"))
        tab.on("console", lambda said: said.type != "error" or wrong.append(f"{Path(tab.url).name}: {said.text}"))
        tab.on("pageerror", lambda error: wrong.append(f"{Path(tab.url).name}: {error}"))
        for path in sorted(set(html.rglob("*.html")) - {html / "index.html"}):  # a redirect
            tab.goto(path.as_uri(), wait_until="load")
            wide = tab.evaluate("document.documentElement.scrollWidth")
            if wide > NARROW:
                wrong.append(f"{path.relative_to(html)} is {wide} pixels wide on a screen of {NARROW}")
        chromium.close()
    return wrong
