"""What sizes of ensembles add to the explorer: the gain against the number of networks, and what the next one adds."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from modescape.analyses.ensemble_size.draw import called, of_test_sampling_alone
from modescape.covers import NEW, THESE, covers_of
from modescape.decision.candidates import Difference
from modescape.decision.labelled import table_of_result
from modescape.plots import style
from modescape.plots.charts import Chart, Panel, Series, level
from modescape.plots.explored import Choice, Explored, Picture, View, explored_scores
from modescape.plots.scores import line_of, methods, scores
from modescape.wording.numbers import count
from modescape.wording.reading import holding, pick
from modescape.wording.scores import difference, unit

if TYPE_CHECKING:
    import xarray as xr

    from modescape.metrics.scores import Score

ENDINGS = {"new": "", "these": "_these"}  # value of the choice -> ending of the variables
UNNAMED = {"new": NEW, "these": THESE}  # of results of earlier versions, which do not say
ABOUT = (
    "Score of the average of k networks minus that of one network, mean over subsets of that size. The two kinds of "
    "interval answer different questions: one is drawn at a time."
)
OF_LONGER = f" The bar of the longer run is for {THESE}."


def explore(results: Mapping[str, xr.Dataset]) -> Explored:
    """Gains against size by score and kind of interval; the first score's is a picture."""
    dataset = results["ensemble_size"]
    known = scores(dataset)
    largest = _largest(dataset)
    named = {kind: covers_of(dataset, "gain", which=ending) for kind, ending in ENDINGS.items()}
    words = {text or UNNAMED[kind]: kind for kind, text in named.items()}  # of a pair one kind
    covers = [(kind, text) for text, kind in words.items() if f"gain_low{ENDINGS[kind]}" in dataset]
    if not known or largest < 2 or not covers:
        return Explored()
    kinds = [kind for kind, _ in covers]
    sizes = [(str(size), str(size)) for size in range(2, largest + 1)]
    choices = [
        explored_scores(known),
        Choice(name="interval", label="95 % interval for", options=covers),
        Choice(name="k", label="Networks", options=sizes, slider=True),
    ]
    longer = _longer(results)
    charts = {(name, kind): _chart(dataset, name, kind, longer.get(name)) for name in known for kind in kinds}
    sentences = {
        (name, kind, size): _sentence(dataset, name, kind, int(size))
        for name in known
        for kind in kinds
        for size, _ in sizes
    }
    view = View(
        tab="size",
        title="Gain against the number of networks",
        choices=choices,
        charts=charts,
        sentences=sentences,
        about=ABOUT + (OF_LONGER if longer else ""),
        place=10,
    )
    first = next(iter(known))
    words = f"Gain in {known[first].short} against the number of networks. {sentences[first, kinds[0], str(largest)]}"
    return Explored(views=[view], pictures=[Picture(chart=charts[first, kinds[0]], place=10, words=words)])


def _longer(results: Mapping[str, xr.Dataset]) -> dict[str, tuple[str, Difference]]:
    """Score -> what one network trained as long as all members is called, and gains; {} where there is none."""
    candidates = holding(results, "covariance", "training")
    if candidates is None:
        return {}
    table = table_of_result(candidates)
    places = [
        place
        for place, one in enumerate(table.candidates)
        if one.advice == "train_longer" and one.at_full_cost and one.calibration == "none"
    ]
    if not places:
        return {}
    name = table.candidates[places[0]].label
    return {metric: (name, table.difference(places[0], 0, metric)) for metric in table.scores}


def _level(longer: tuple[str, Difference], factor: float, largest: float) -> list[Series]:
    """What the long run gains: a line across, and at its end the bar of its interval, which is for these networks."""
    name, gain = longer[0].capitalize(), longer[1].scaled(factor)
    looks: dict[str, Any] = {"colour": style.VERMILION, "group": "Train longer"}
    line = level(f"{name}; bar: 95 %, {THESE}", gain.value, (0.5, largest + 0.5), width=1.3, **looks)
    bar = Series(
        name=name,
        x=np.array([largest + 0.3]),
        y=np.array([gain.value]),
        low=np.array([gain.low]),
        high=np.array([gain.high]),
        marker=("^", "triangle-up"),
        line=None,
        in_legend=False,
        **looks,
    )
    return [line, bar]


def _largest(dataset: xr.Dataset) -> int:
    """The most networks that are averaged, snapshots apart: their gain is not over one network."""
    others = [str(method) for method in dataset["approach"].values if str(method) != "snapshots"]
    known = (
        dataset["gain"].sel({"approach": others}).notnull().any([dim for dim in dataset["gain"].dims if dim != "size"])
    )
    return int(dataset["size"].values[known.values].max(initial=1))


def _chart(dataset: xr.Dataset, metric: str, kind: str, longer: tuple[str, Difference] | None) -> Chart:
    score = scores(dataset)[metric]
    ending = ENDINGS[kind]
    largest = float(_largest(dataset))
    zero = Series(name="One network", x=np.array([0.5, largest + 0.5]), y=np.zeros(2), line="dash", width=1)
    series = [zero]
    for method in methods(dataset):
        if method == "snapshots" or (kind == "new" and of_test_sampling_alone(dataset, method)):
            continue  # the gain of snapshots is over the mean snapshot, not over one network
        series.append(_line(dataset, method, metric, ending, score))
    if longer and math.isfinite(longer[1].value):
        series += _level(longer, score.factor, largest)
    side = "higher" if score.higher_is_better else "lower"
    panel = Panel(
        title=f"{score.label}: gain by averaging ({side} is better)",
        x_label="Networks averaged",
        y_label=score.of_differences(f"{score.name} minus one network's"),
        series=series,
        x_range=(0.5, largest + 0.5),
        whole_x=True,
    )
    return Chart(
        title=panel.title, panels=[panel], columns=1, panel_height=330, covers=covers_of(dataset, "gain", which=ending)
    )


def _line(dataset: xr.Dataset, method: str, metric: str, ending: str, score: Score) -> Series:
    chosen = dataset.sel({"approach": method, "metric": metric})
    there = np.isfinite(chosen["gain"].values)
    value, low, high = (
        score.factor * chosen[name].values[there] for name in ("gain", f"gain_low{ending}", f"gain_high{ending}")
    )
    whose = covers_of(dataset, "gain", method, which=ending)
    size = dataset["size"].values[there].astype(float)
    line = line_of(method, size, value, low=low, high=high, covers=whose)
    return dataclasses.replace(line, name=called(dataset, method))


def _sentence(dataset: xr.Dataset, metric: str, kind: str, size: int) -> str:
    """What so many networks gain, what the last of them adds, and the price."""
    ending = ENDINGS[kind]
    words = covers_of(dataset, "gain", which=ending)
    where = {"approach": "independent", "metric": metric}
    value, low, high = (
        pick(dataset, name, **where, size=size) for name in ("gain", f"gain_low{ending}", f"gain_high{ending}")
    )
    if not math.isfinite(value):
        return ""
    score, behind = scores(dataset)[metric], unit(metric, dataset)
    number, bounds = difference(metric, low, value, high)
    told = "" if math.isfinite(low) and not low <= 0 <= high else "; the interval includes 0"
    whose = f", {words}" if words else ""  # which results of an earlier version do not say
    interval = f"95 % interval {bounds}{whose}{told}" if math.isfinite(low) else "no interval"
    step, _ = difference(metric, math.nan, value - pick(dataset, "gain", **where, size=size - 1), math.nan)
    before = f", {step}{behind} of it by the last one" if size > 2 else ""
    training = "" if dataset.attrs.get("given") else f"{size} times the training and "  # what others spent is not known
    return (
        f"{count(size, 'network')}: {score.short} {number}{behind} ({interval}){before}. Price: {training}"
        f"{count(size, 'forward pass', 'forward passes')} per prediction."
    )
