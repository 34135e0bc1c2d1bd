"""Reliability diagrams, and deep ensemble equivalents after calibration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from modescape.plots import charts, steps, style
from modescape.plots.charts import Chart, Panel, Series
from modescape.plots.scores import line_of

if TYPE_CHECKING:
    import xarray as xr

TITLE = "Calibration"
EXACT = "Confidence = accuracy"
EQUAL = "As good as independent networks"
OVER_ONE = 3  # place among the panels of that of each method against one network


@dataclass(frozen=True)
class _Kind:
    """How a kind of probabilities is named and drawn."""

    name: str
    colour: str
    marker: tuple[str, str]
    line: style.LineKind


RELIABILITY = {  # method: look; panel by panel
    "One network": {
        "single": _Kind("Single network", style.NEUTRAL, ("X", "x"), "solid"),
        "single, calibrated": _Kind("Single network, calibrated", style.NEUTRAL, ("s", "square"), "dot"),
    },
    "All networks averaged": {
        "independent": _Kind("Average as trained", style.BLUE, ("o", "circle"), "solid"),
        "independent, calibrated members": _Kind(
            "Average of calibrated networks", style.ORANGE, ("s", "square"), "dot"
        ),
        "independent, calibrated average": _Kind("Average, then calibrated", style.GREEN, ("h", "hexagon"), "dash"),
    },
}


def caption(dataset: xr.Dataset) -> str:
    """What marks are, where temperatures were fitted, and what an equivalent is."""
    return style.sentences(
        "Top: accuracy of the test images whose top probability falls into one of 15 bins; larger marks hold more",
        "images; on the diagonal, probabilities are calibrated. Calibrated: divided by a temperature fitted on",
        f"validation. On {style.tested_on(dataset)}. ECE: mean distance from the diagonal. Calibrated NLL: temperature",
        "fitted on one half of the test images, scored on the other, both ways, mean over splits; paired: minus that",
        "of one network on the same images. Equivalent: number",
        "of independent networks, interpolated, whose average has the same calibrated NLL; dashed: as many "
        "as there are;",
        f"defined from 1 to the {_most(dataset)} there are.",
        _below_one(dataset),
        "Bands: 95 % intervals, clipped at both ends.",
        style.intervals(dataset),
        style.from_members(dataset),
        steps.endings(dataset, "other_approach"),
    )


def panels(dataset: xr.Dataset) -> list[Panel]:
    """Two reliability diagrams, calibrated NLL over one network's (by size, of all), equivalents, that NLL, ECE."""
    return [
        *(_reliability(dataset, title, kinds) for title, kinds in RELIABILITY.items()),
        _against_size(dataset, "behind", "Calibrated NLL, paired: below 0 is better", "Minus one network's (nats)"),
        _over_one(dataset),
        _against_size(dataset, "equivalent", "Deep ensemble equivalents", "Equivalent number of networks (log scale)"),
        _against_size(dataset, "calibrated_nll", "Calibrated NLL: lower is better", "NLL (nats per example)"),
        _errors(dataset),
        _temperatures(dataset),
    ]


def _reliability(dataset: xr.Dataset, title: str, kinds: dict[str, _Kind]) -> Panel:
    series = [Series(name=EXACT, x=np.array([0.0, 100]), y=np.array([0.0, 100]), line="dash", width=1)]
    for method, kind in kinds.items():
        if method not in dataset["approach"].values:
            continue
        chosen = dataset.sel({"approach": method})
        share = np.nan_to_num(chosen["share"].values.astype(float))
        line = Series(
            name=kind.name,
            x=100 * chosen["confidence"].values,
            y=100 * chosen["accuracy"].values,
            colour=kind.colour,
            marker=kind.marker,
            line=kind.line,
            size=2 + 9 * np.sqrt(share),
            hover=[f"{100 * one:.1f} % of the images" for one in share],
        )
        series.append(line)
    return Panel(title=title, x_label="Confidence (%)", y_label="Accuracy (%)", series=series)


def _against_size(dataset: xr.Dataset, variable: str, title: str, label: str) -> Panel:
    size = dataset["size"].values.astype(float)
    series = []
    for method in (str(method) for method in dataset["other_approach"].values):
        low, middle, high = (
            dataset[f"{variable}{end}"].sel({"other_approach": method}).values for end in ("_low", "", "_high")
        )
        if variable == "equivalent":
            low, middle, high = _drawn_worths(dataset, method)
        ends = {} if variable == "calibrated_nll" else {"low": low, "high": high}  # those of the difference are drawn
        series.append(line_of(method, size, middle, group=f"size {method}", **ends))
    if variable == "behind":
        series.insert(0, charts.level("One network", 0.0, charts.span(size), width=1, in_legend=False))
    log = variable == "equivalent"  # one network and as many as there are, in one panel
    if log:
        ends = np.array(charts.span(size))
        series.insert(0, Series(name=EQUAL, x=ends, y=ends, line="dash", width=1, group=EXACT, in_legend=False))
    return Panel(
        title=title,
        x_label=f"Number of networks averaged{' (log scale)' if log else ''}",
        y_label=label,
        series=series,
        log_x=log,
        log_y=log,
        whole_x=True,
    )


def _most(dataset: xr.Dataset) -> int:
    """Independent networks that a method is compared with."""
    return int(dataset["calibrated_nll"].sel({"other_approach": "independent"}).notnull().sum())


def _drawn_worths(dataset: xr.Dataset, method: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Lower end, equivalent and upper end as drawn, [size]: open ends lie on 1 and on the number of networks."""
    low, middle, high = (
        np.minimum(dataset[f"equivalent{end}"].sel({"other_approach": method}).values.astype(float), _most(dataset))
        for end in ("_low", "", "_high")
    )
    there = np.isfinite(middle)
    return np.where(there, np.nan_to_num(low, nan=1.0), np.nan), middle, high


def _below_one(dataset: xr.Dataset) -> str:
    """Methods that are worse than one network even with all their networks, and by how much."""
    names = []
    for method in (str(method) for method in dataset["other_approach"].values):
        behind = dataset["behind"].sel({"other_approach": method}).values
        at = np.flatnonzero(np.isfinite(behind))[-1:]
        if at.size and dataset["equivalent_below"].sel({"other_approach": method}).values[at[0]]:
            names.append(f"{style.method_look(method).name} ({behind[at[0]]:.2g} nats worse)")
    return (
        f"Equivalent < 1, and in the differences alone, with all their networks: {', '.join(names)}." if names else ""
    )


def over_one(dataset: xr.Dataset) -> list[tuple[float, float, float, str, int]]:
    """Calibrated NLL of all networks of each method minus one network's, paired, the best first.

    Returns:
        The difference (nats), both ends of its interval, the method, and how many networks.
    """
    found = []
    for method in (str(method) for method in dataset["other_approach"].values):
        chosen = dataset.sel({"other_approach": method})
        at = np.flatnonzero(np.isfinite(chosen["behind"].values))[-1:]
        if at.size:
            low, value, high = (float(chosen[f"behind{end}"].values[at[0]]) for end in ("_low", "", "_high"))
            found.append((value, low, high, method, int(dataset["size"].values[at[0]])))
    return sorted(found, key=lambda one: one[0])


def _over_one(dataset: xr.Dataset) -> Panel:
    """What is worse than one network shows as worse."""
    found = over_one(dataset)
    zero = Series(
        name="One network",
        x=np.zeros(2),
        y=np.array([-0.4, max(len(found) - 0.6, 0.4)]),
        line="dash",
        width=1,
        in_legend=False,
    )
    marks = [
        charts.mark(
            method,
            np.array([value]),
            np.array([float(row)]),
            low=np.array([low]),
            high=np.array([high]),
            intervals_along_x=True,
            hover=[style.counted(size, "network")],
        )
        for row, (value, low, high, method, size) in enumerate(found)
    ]
    names = [style.method_look(method).name for *_, method, _ in found]
    label = "Difference in calibrated NLL (nats)"
    return charts.by_method("All networks against one", label, names, [zero, *marks])


def _errors(dataset: xr.Dataset) -> Panel:
    kinds = {method: kind for group in RELIABILITY.values() for method, kind in group.items()}
    kinds = {method: kind for method, kind in kinds.items() if method in dataset["approach"].values}
    series = [
        Series(
            name=kind.name,
            x=dataset["ece"].sel({"approach": [method]}).values,
            y=np.array([row]),
            colour=kind.colour,
            marker=kind.marker,
            line=None,
            size=6,
        )
        for row, (method, kind) in enumerate(kinds.items())
    ]
    return Panel(
        title="Calibration error: lower is better",
        x_label="ECE (0 to 1)",
        y_label="Probabilities of",
        series=series,
        rows=[kind.name for kind in kinds.values()],
    )


def _temperatures(dataset: xr.Dataset) -> Panel:
    member = dataset["member"].values.astype(float)
    one = charts.level("Temperature 1: as trained", 1.0, charts.span(member), in_legend=False)
    fitted = Series(
        name="Fitted temperature",
        x=member,
        y=dataset["temperature"].values,
        colour=style.BLUE,
        marker=("o", "circle"),
        line=None,
        in_legend=False,
    )
    return Panel(
        title="Above 1 is overconfident",
        x_label="Member",
        y_label="Fitted temperature",
        series=[one, fitted],
        whole_x=True,
    )


def describe(dataset: xr.Dataset) -> Chart:
    """Reliability, calibrated NLL, equivalents, ECE and temperatures."""
    return Chart(title=TITLE, panels=panels(dataset), columns=2, panel_size=(3.8, 2.8), panel_height=380)
