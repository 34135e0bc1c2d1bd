"""The part of an analysis in the explorer of the page: charts selected by a reader's choices, pictures for the top.

A choice has one name wherever it is met (`score`, `interval`, `method`, ...): the page holds one state for all views.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from modescape.plots.packed import plain
from modescape.plots.panels import Chart
from modescape.plots.plain_chart import plain_chart

TABS = {  # of the explorer, in their order -> their names
    "size": "Size and cost",
    "methods": "Methods",
    "members": "Members",
    "reliability": "Calibration",
    "landscape": "Landscape",
    "corruption": "Shift",
    "learning": "Learning",
}


@dataclass(frozen=True, kw_only=True)
class Choice:
    """Something that a reader chooses."""

    name: str  # in the state of the page: "score"
    label: str  # in front of it
    options: Sequence[tuple[str, str]]  # value and words, the first one at first
    slider: bool = False  # the values are in an order
    last: bool = False  # at first the last one


@dataclass(frozen=True, kw_only=True)
class View:
    """Charts, one for every combination of choices, each with a sentence that its numbers carry."""

    tab: str  # of `TABS`
    title: str
    choices: Sequence[Choice] = ()
    charts: Mapping[tuple[str, ...], Chart] = field(default_factory=dict)  # values in the order of the choices
    sentences: Mapping[tuple[str, ...], str] = field(default_factory=dict)
    figure: str = ""  # in the place of charts: the figure of this analysis, as it stands below
    layers: bool = False  # of that figure one panel is seen at a time
    first: int = 0  # of the layers
    only: Sequence[int] = ()  # panels of that figure; (): all
    until: bool = False  # the first choice is the last step of a path that is drawn
    about: str = ""  # how to read it, a sentence
    place: int = 50  # within its tab, lower ones first

    def plain(self) -> dict[str, Any]:
        """For the page's script."""
        choices = [
            {"name": one.name, "label": one.label, "options": [list(option) for option in one.options]}
            | ({"slider": True} if one.slider else {})
            | ({"last": True} if one.last else {})
            for one in self.choices
        ]
        shared: dict[str, Any] = {
            "tab": self.tab,
            "title": self.title,
            "choices": choices,
            "about": self.about or None,
            "figure": self.figure or None,
            "layers": self.layers or None,
            "first": self.first or None,
            "only": list(self.only) or None,
            "until": self.until or None,
        }
        charts = {"|".join(key): plain_chart(chart) for key, chart in self.charts.items()}
        sentences = {"|".join(key): sentence for key, sentence in self.sentences.items()}
        return plain(shared | {"charts": charts, "sentences": sentences})


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A chart that stands at the top of the page."""

    chart: Chart
    place: int  # the two lowest are shown
    words: str  # the text alternative


@dataclass(frozen=True, kw_only=True)
class Explored:
    """The part of one analysis."""

    views: Sequence[View] = ()
    pictures: Sequence[Picture] = ()
    networks: Mapping[str, Any] | None = None  # what each network says of examples, for what the page computes itself


def explored_scores(names: Mapping[str, Any]) -> Choice:
    """The choice of a score.

    Args:
        names: score -> what is known of it (`modescape.metrics.scores.Score`).
    """
    return Choice(name="score", label="Score", options=[(name, score.label) for name, score in names.items()])
