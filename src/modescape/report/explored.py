"""The explorer of the page, and the pictures at its top: what analyses add, put together."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from modescape.analyses import ANALYSES, figures
from modescape.plots.explored import TABS, Explored, View
from modescape.plots.packed import script_json
from modescape.plots.panels import Chart
from modescape.plots.plain_chart import plain_chart
from modescape.report.sections import text_of
from modescape.wording.examples import in_words_of, word_of
from modescape.wording.figures import in_words

if TYPE_CHECKING:
    import xarray as xr

COMPUTED = ("members", "reliability")  # tabs of `networks.js`
PICTURES = 2  # at the top of the page
PICTURE_HEIGHT = 300  # pixels: the answer, four cards and both pictures are one screen of 1280 x 900


@dataclass(frozen=True)
class Shown:
    """A picture at the top of the page."""

    json: str
    alternative: str  # in words


def explore(
    results: Mapping[str, xr.Dataset], drawn: Sequence[str], takeaways: Mapping[str, str] | None = None
) -> tuple[str, list[Shown]]:
    """The explorer as JSON that can stand inside a script element, "" where there is nothing; and the pictures.

    Args:
        results: analysis -> its result.
        drawn: analyses whose figures are in the page.
        takeaways: analysis -> what its figure says in a sentence.
    """
    parts = {name: _part(name, results) for name in ANALYSES if name in results}
    views = [
        (view, results[name])
        for name, part in parts.items()
        for view in part.views
        if not view.figure or view.figure in drawn
    ]
    order = list(TABS)
    views.sort(key=lambda one: (order.index(one[0].tab), one[0].place))
    networks = next((part.networks for part in parts.values() if part.networks), None)
    held = {view.tab for view, _ in views} | (set(COMPUTED) if networks else set())
    used = [tab for tab in order if tab in held]
    whole: dict[str, Any] = {
        "tabs": [[tab, TABS[tab]] for tab in used],
        "views": [_worded(_said(view, takeaways or {}), result).plain() for view, result in views],
    }
    if networks:
        whole["networks"] = networks
    return (script_json(whole) if used else ""), _pictures(parts, results)


def _part(name: str, results: Mapping[str, xr.Dataset]) -> Explored:
    """The part of an analysis: its own views, or its figure unchanged; empty for most."""
    analysis = ANALYSES[name]
    if "explore" in analysis.also:
        return analysis.part("explore").explore(results)
    if not analysis.tab:
        return Explored()
    title = text_of(name, results[name]).title
    return Explored(views=[View(tab=analysis.tab, title=title, figure=name, layers=analysis.layers)])


def _said(view: View, takeaways: Mapping[str, str]) -> View:
    """A figure as it stands says what its analysis concludes; other views have sentences of their own."""
    if not view.figure or view.sentences or not takeaways.get(view.figure):
        return view
    return dataclasses.replace(view, sentences={(): takeaways[view.figure]})


def _worded(view: View, result: xr.Dataset) -> View:
    """A view in the words of the examples."""
    word, grouped = word_of(result), "groups" in result.attrs

    def say(text: str) -> str:
        return in_words_of(word, text, grouped)

    return dataclasses.replace(
        view,
        title=say(view.title),
        about=say(view.about),
        choices=[
            dataclasses.replace(one, options=[(value, say(words)) for value, words in one.options])
            for one in view.choices
        ],
        charts={key: in_words(chart, word, grouped) for key, chart in view.charts.items()},
        sentences={key: say(sentence) for key, sentence in view.sentences.items()},
    )


def _pictures(parts: Mapping[str, Explored], results: Mapping[str, xr.Dataset]) -> list[Shown]:
    """The two that come first; where there are fewer, the first panels of figures."""
    found = sorted(
        (
            (picture.place, picture.chart, picture.words, name)
            for name, part in parts.items()
            for picture in part.pictures
        ),
        key=lambda one: one[0],
    )[:PICTURES]
    taken = {name for *_, name in found}
    for name, result in results.items():
        if len(found) < PICTURES and name in ANALYSES and name not in taken:
            chart = figures.described(name, result)
            if chart.panels:
                first = dataclasses.replace(chart, panels=chart.panels[:1], columns=1, scene=None)
                found.append((100, first, chart.title, name))
    return [_shown(chart, words, results[name]) for _, chart, words, name in found]


def _shown(chart: Chart, words: str, result: xr.Dataset) -> Shown:
    word, grouped = word_of(result), "groups" in result.attrs
    small = dataclasses.replace(in_words(chart, word, grouped), panel_height=PICTURE_HEIGHT)
    return Shown(script_json(plain_chart(small)), in_words_of(word, words, grouped))
