"""Accuracy, calibration and diversity on corrupted test images."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from modescape.covers import covers_of, keyed
from modescape.plain import ranges
from modescape.plots import steps, style
from modescape.plots.charts import Chart, HeatMap, Panel, Series
from modescape.plots.scores import (
    ALONE,
    ONE,
    divergence_panels,
    gain_covers,
    gain_panels,
    methods,
    paired_in_words,
    score_panels,
    scores,
)

if TYPE_CHECKING:
    import xarray as xr

TITLE = "Under corruption of the test images"
X_LABEL = "Severity (0: clean, 5: strongest)"
SCORES = 2  # that are drawn as they are, the first ones
TOGETHER = "independent"  # whose gain is drawn a corruption
PARTS = "each on a part of the test images of its own, the same at every severity"
ACCURACY = style.Scale(low=0, high=100, ticks=(0, 25, 50, 75, 100), label="Accuracy (%)")


def averaged(dataset: xr.Dataset) -> str:
    """Corruptions and examples over which a score is averaged, and those shown separately."""
    apart = selected(dataset)
    kinds = style.counted(dataset.sizes["corruption"] - len(without_effect(dataset)) - len(apart), "kind")
    return style.sentences(
        f"Mean over {kinds} of corruption at each severity ({style.one_line(dataset.attrs['source'])}), on",
        f"{style.tested_on(dataset)}; severity 0: the images as they are.",
        f"Shown separately, in no mean: {style.one_line(dataset.attrs['selected_words'])}." if apart else "",
    )


def caption(dataset: xr.Dataset) -> str:
    """The average, and the source of the corruptions."""
    left_out = without_effect(dataset)
    return style.sentences(
        averaged(dataset),
        "A subspace method averages",
        f"{int(dataset.attrs['samples'])} samples around one solution; independent + X averages over solutions, too.",
        paired_in_words(dataset),
        "Jensen-Shannon divergence: of equally many networks of each method; after calibration: each network's",
        f"temperature was fitted on validation images without corruption. By corruption: {PARTS}.",
        f"Bars: {keyed(covers_of(dataset, 'gain_of_corruption'))}.",
        left_out_sentence(left_out, dataset["effect"].attrs["units"]) if left_out else "",
        style.intervals(dataset),
        style.from_members(dataset),
        steps.endings(dataset),
    )


def panels(dataset: xr.Dataset) -> list[Panel | HeatMap]:
    """What methods gain over one network, scores and divergences against severity, then both by corruption."""
    drawn: list[Panel | HeatMap] = [
        *gain_panels(dataset, "severity", X_LABEL),
        *score_panels(dataset, "severity", X_LABEL, most=SCORES),
        *divergence_panels(dataset, "severity", X_LABEL),
    ]
    return drawn + by_corruption(dataset, ACCURACY, decimals=0)


def by_corruption(dataset: xr.Dataset, scale: style.Scale, decimals: int) -> list[Panel | HeatMap]:
    """What the average gains in the first score by corruption, at the last severity; beside it one network's score.

    Args:
        dataset: a result.
        scale: of the colours of the score.
        decimals: of the score in the cells.
    """
    found: list[Panel | HeatMap] = []
    if "gain_of_corruption" in dataset and TOGETHER in methods(dataset):
        found.append(_gain_by_corruption(dataset))
    if ALONE in methods(dataset):
        found.append(_alone_by_corruption(dataset, scale, decimals))
    return found


def _alone_by_corruption(dataset: xr.Dataset, scale: style.Scale, decimals: int) -> HeatMap:
    metric, score = next(iter(scores(dataset).items()))
    chosen = dataset["score_of_corruption"].sel({"approach": ALONE, "metric": metric})
    return HeatMap(
        title=f"{score.name} by {_kind(dataset).lower()}: one network",
        x_label=X_LABEL,
        y_label=_kind(dataset),
        matrix=score.factor * chosen.transpose("corruption", "severity").values,
        rows=_rows(dataset),
        columns=[str(int(severity)) for severity in dataset["severity"].values],
        scale=scale,
        decimals=decimals,
    )


def _gain_by_corruption(dataset: xr.Dataset) -> Panel:
    metric, score = next(iter(scores(dataset).items()))
    severity = int(dataset["severity"].values.max())
    chosen = dataset.sel({"approach": TOGETHER, "metric": metric, "severity": severity})
    low, value, high = (score.factor * chosen[f"gain_of_corruption{end}"].values for end in ("_low", "", "_high"))
    row = np.arange(len(value), dtype=float)
    zero = Series(name=ONE, x=np.zeros(2), y=np.array([0.0, max(row[-1], 1.0)]), line="dash", width=1, in_legend=False)
    look = style.method_look(TOGETHER)
    gains = Series(
        name=look.name,
        group=TOGETHER,
        x=value,
        y=row,
        low=low,
        high=high,
        intervals_along_x=True,
        colour=look.colour,
        marker=look.marker,
        line=None,
        size=5,
        in_legend=False,
    )
    side = "right" if score.higher_is_better else "left"
    return Panel(
        title=f"{look.name}, severity {severity}: {side} of 0 is better",
        x_label=score.of_differences(f"{score.name} minus one network's"),
        y_label=_kind(dataset),
        series=[zero, gains],
        rows=_rows(dataset),
        covers=covers_of(dataset, "gain_of_corruption"),
    )


def _kind(dataset: xr.Dataset) -> str:
    """What a row is; a selection of examples is no corruption."""
    return "Kind of shift" if selected(dataset) else "Corruption"


def _rows(dataset: xr.Dataset) -> list[str]:
    left_out = without_effect(dataset)
    return [
        corruption_name(name) + (" (left out)" if str(name) in left_out else "")
        for name in dataset["corruption"].values
    ]


def corruption_name(name: object) -> str:
    """A corruption as an axis names it: gaussian_noise -> gaussian noise."""
    return style.shortened(str(name).replace("_", " "), 20)


def without_effect(dataset: xr.Dataset) -> dict[str, str]:
    """The corruptions left out of all means -> the severities without effect, such as "1-5"."""
    if "without_effect" not in dataset:  # of an older version
        return {}
    lacking = dataset["without_effect"].transpose("corruption", "severity").values > 0
    severity = dataset["severity"].values
    names = map(str, dataset["corruption"].values)
    return {name: ranges(severity[row].tolist()) for name, row in zip(names, lacking, strict=True) if row.any()}


def selected(dataset: xr.Dataset) -> list[str]:
    """Subsets of the examples, not corrupted, each shown in a panel of its own."""
    return [name for name in str(dataset.attrs.get("selected", "")).split(", ") if name]


def left_out_sentence(left_out: dict[str, str], unit: str = "levels of 255") -> str:
    """Which corruptions are left out and why; "" where none is."""
    if not left_out:
        return ""
    named = ", ".join(f"{corruption_name(name)} ({severities})" for name, severities in left_out.items())
    more = " by more than a level" if unit.startswith("levels") else ""
    return (
        f"Left out of all means are corruptions that change fewer than one value in 1,000 of these images{more}, at "
        f"the severities in parentheses: {named}."
    )


def describe(dataset: xr.Dataset) -> Chart:
    """Gains, scores and divergences against severity, and by corruption."""
    drawn = panels(dataset)
    return Chart(
        title=TITLE, panels=drawn, columns=2, panel_size=(3.8, 2.5), panel_height=380, covers=gain_covers(dataset)
    )
