"""Scores, gains, disagreement and cosines of fine-tuned members beside those of members from scratch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from modescape.covers import covers_of
from modescape.plots import style
from modescape.plots.charts import Chart, Panel, Series
from modescape.plots.interval_keys import by_covers
from modescape.plots.scores import better, scores

if TYPE_CHECKING:
    import xarray as xr

    from modescape.metrics import Score

Look: TypeAlias = "tuple[str, tuple[str, str]]"  # colour and mark

TITLE = "Fine-tuned members and members from scratch"
NAMES = ("Fine-tuned", "From scratch")
ONE, TOGETHER = (style.NEUTRAL, ("X", "x")), (style.BLUE, ("o", "circle"))  # a network, the ensemble
MOVED = (style.VERMILION, ("D", "diamond"))
DRAWN = 2  # scores, the first ones
STEPS = {"member_score": "One network", "score": "Ensemble", "gain": "Gain"}


def caption(dataset: xr.Dataset) -> str:
    """What is compared, of how many networks, and with which learning rates."""
    about = dataset.attrs
    networks = style.counted(int(about["networks"]), "network")
    rates = [f"{float(about[name]):g}" for name in ("learning_rate", "learning_rate_scratch")]
    both = f"both at the learning rate {rates[0]}"
    said = both if rates[0] == rates[1] else f"at the learning rates {rates[0]} and {rates[1]}"
    return style.sentences(
        f"{networks} of each kind, {style.counted(int(about['epochs']), 'epoch')} each,",
        f"{said}, none of which was tuned; on {style.tested_on(dataset)}.",
        "Cross: mean of single networks; disc: their ensemble; bars: 95 % intervals. Right of 0: fine-tuned networks",
        "have more of it. Displacement: what the trained weights that are in the checkpoint have moved from where each",
        "network began.",
        style.intervals(dataset),
        style.left_out(dataset),
    )


def panels(dataset: xr.Dataset) -> list[Panel]:
    """Scores and their differences, then the pairs."""
    found = []
    for metric, score in list(scores(dataset).items())[:DRAWN]:
        found += [_scores(dataset, metric, score), _differences(dataset, metric, score)]
    disagree = [_of_pairs(dataset, "disagreement", "Disagreement", TOGETHER, 100)]
    cosines = [
        _of_pairs(dataset, "cosine", "Cosine of weights", TOGETHER),
        _of_pairs(dataset, "displacement_cosine", "Cosine of displacements", MOVED),
    ]
    return [
        *found,
        _rows("Disagreement: right is more diverse", "Labelled differently (%)", disagree),
        _rows("Similarity of weights", "Cosine", cosines),
    ]


def describe(dataset: xr.Dataset) -> Chart:
    """All of it."""
    return Chart(title=TITLE, panels=panels(dataset), columns=2, covers=covers_of(dataset, "score"))


def _rows(title: str, label: str, series: list[Series]) -> Panel:
    return Panel(title=title, x_label=label, y_label="Members", series=series, rows=NAMES)


def _marks(name: str, look: Look, values: list[Any], factor: float, covers: str) -> Series:
    """One mark per row with its interval; ``values`` are low, middle and high, [row] each."""
    low, middle, high = (factor * np.asarray(own, dtype=float) for own in values)
    rows = np.arange(len(middle), dtype=float)
    ends: dict[str, Any] = {"low": low, "high": high, "intervals_along_x": True, "covers": covers}
    return Series(name=name, x=middle, y=rows, colour=look[0], marker=look[1], line=None, size=7, **ends)


def _scores(dataset: xr.Dataset, metric: str, score: Score) -> Panel:
    chosen = dataset.sel({"metric": metric}).transpose("approach", ...)
    series = [
        _marks(
            STEPS[name],
            look,
            [chosen[f"{name}{end}"].values for end in ("_low", "", "_high")],
            score.factor,
            covers_of(dataset, name),
        )
        for name, look in (("member_score", ONE), ("score", TOGETHER))
    ]
    return _rows(better(score, score.name), score.axis, series)


def _differences(dataset: xr.Dataset, metric: str, score: Score) -> Panel:
    chosen = dataset.sel({"metric": metric})
    zero = Series(name="Equal", x=np.zeros(2), y=np.array([0.0, 2.0]), colour=style.NEUTRAL, line="dash", width=1)
    ends = [[float(chosen[f"{name}_difference{end}"]) for name in STEPS] for end in ("_low", "", "_high")]
    marks = _marks("Fine-tuned minus from scratch", (style.PURPLE, ("s", "square")), ends, score.factor, "")
    apart = by_covers(marks, [covers_of(dataset, f"{name}_difference") for name in STEPS])
    return Panel(
        title=f"{score.name}: fine-tuned minus from scratch",
        x_label=score.of_differences("Difference"),
        y_label="Score of",
        series=[zero, *apart],
        rows=list(STEPS.values()),
    )


def _of_pairs(dataset: xr.Dataset, variable: str, name: str, look: Look, factor: float = 1) -> Series:
    values = [dataset[f"{variable}{end}"].transpose("approach").values for end in ("_low", "", "_high")]
    return _marks(name, look, values, factor, covers_of(dataset, variable))
