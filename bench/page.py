"""How fast a page responds in headless Chromium: first paint, interactions, scrolling; and its size and height.

python bench/page.py studies/digits/report.html [...]

Each interaction is timed from before the event until two frames later, so that drawing is included. Processor seconds
are those of the page's own process (Performance.getMetrics: TaskDuration), which a busy machine lengthens less than
wall-clock time. Long tasks are those the browser reports, above 50 ms of wall-clock time.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import sys
from pathlib import Path
from typing import Any

from playwright.sync_api import CDPSession, Page, sync_playwright

REPEATS = 5
PAINT = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime"
WATCH = """window.longTasks = [];
new PerformanceObserver(list => longTasks.push(...list.getEntries().map(one => one.duration))).observe({
  entryTypes: ["longtask"] });"""
TIMED = """async act => {
  const start = performance.now();
  await (0, eval)(act);
  await new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)));
  return performance.now() - start;
}"""
SLIDE = """(() => { const one = document.querySelector("#explorer input[type=range]"); if (!one) return;
  one.value = Number(one.value) < one.max ? Number(one.value) + 1 : 0; one.dispatchEvent(new Event("input")); })()"""
CHOOSE = """(() => { const one = document.querySelector("#explorer select"); if (!one) return;
  one.selectedIndex = (one.selectedIndex + 1) % one.length; one.dispatchEvent(new Event("change")); })()"""
TICK = """document.querySelector("#explorer .ticks input")?.click()"""


def processor_seconds(session: CDPSession) -> float:
    """Processor seconds of the page since it was opened."""
    return next(
        one["value"] for one in session.send("Performance.getMetrics")["metrics"] if one["name"] == "TaskDuration"
    )


def timed(page: Page, session: CDPSession, act: str, repeats: int = REPEATS) -> dict[str, float]:
    """Milliseconds of an interaction: the first, and the median of the next, by the clock and by the processor."""
    clock, processor = [], []
    for _ in range(repeats):
        before = processor_seconds(session)
        clock.append(page.evaluate(f"({TIMED})({json.dumps(act)})"))
        processor.append(1000 * (processor_seconds(session) - before))
    rest = slice(1, None) if repeats > 1 else slice(None)
    numbers = (clock[0], processor[0], statistics.median(clock[rest]), statistics.median(processor[rest]))
    return dict(
        zip(("first", "first_processor", "median", "median_processor"), (round(one, 1) for one in numbers), strict=True)
    )


def measure(page: Page, file: Path) -> dict[str, Any]:
    """All numbers of one page."""
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})  # by default, durations are wall-clock times
    page.add_init_script(WATCH)
    page.goto(file.as_uri())
    page.wait_for_timeout(1500)
    found: dict[str, Any] = {
        "bytes": file.stat().st_size,
        "first_contentful_paint": page.evaluate(PAINT),
        "processor_until_idle": round(1000 * processor_seconds(session)),
        "tall": page.evaluate("document.documentElement.scrollHeight"),
    }
    page.evaluate("document.querySelector('#explorer')?.scrollIntoView()")
    page.wait_for_timeout(800)
    for tab in page.evaluate("[...document.querySelectorAll('[role=tab]')].map(one => one.id)"):
        found[tab] = {"open": timed(page, session, f"document.getElementById('{tab}').click()", 1)}
        acts = {"slide": SLIDE, "choose": CHOOSE} | (
            {"tick": TICK} if tab in ("tab-members", "tab-reliability") else {}
        )
        found[tab] |= {name: timed(page, session, act) for name, act in acts.items()}
    page.evaluate("window.scrollTo(0, 0)")
    page.wait_for_timeout(500)
    page.evaluate("longTasks.length = 0")
    for _ in range(page.evaluate("Math.ceil(document.documentElement.scrollHeight / 400)")):
        page.mouse.wheel(0, 400)
        page.wait_for_timeout(60)
    found["long_tasks_of_scrolling"] = page.evaluate("longTasks")
    return found


def main() -> None:
    path = shutil.which("chromium") or shutil.which("google-chrome")
    print(json.dumps({"load": os.getloadavg(), "cores": os.cpu_count()}))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        for name in sys.argv[1:]:
            context = browser.new_context(viewport={"width": 1280, "height": 900}, bypass_csp=True)
            print(json.dumps({name: measure(context.new_page(), Path(name).resolve())}, indent=1))
            context.close()
        browser.close()


if __name__ == "__main__":
    main()
