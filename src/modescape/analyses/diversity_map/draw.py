"""The exact law of diversity and error: Brier score of an ensemble as straight lines over diversity and mean error."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from modescape.plots import charts, fields, steps, style
from modescape.plots.charts import Chart, Panel, Series
from modescape.plots.scores import in_target_unit, methods
from modescape.wording.numbers import significant

if TYPE_CHECKING:
    import xarray as xr

TITLE = "Quality, diversity and the score of the average"
ISO = "Equal score of the average"
NAMES = {  # error: what it is, its axis, that of V, before a score under the pointer
    "brier": ("Brier score", "Mean network's Brier score (0 to 2)", "Diversity V (Brier units)", "Brier"),
    "squared_error": (
        "squared error",
        "Mean network's squared error (unit of the target, squared)",
        "Diversity V (unit of the target, squared)",
        "squared error",
    ),
}
METRICS = {  # metric: title
    "raw": "As trained",
    "calibrated": "Each network calibrated",
    "raw, shifted": "As trained, on shifted images",
    "calibrated, shifted": "Each network calibrated, on shifted images",
}
STAR = ("*", "star")
WORST = 1.5  # a panel ends at this many times the lowest mean score of its networks, or below
LINES = 9  # iso-lines in a panel, about
ROUNDING = 1e-6  # below 1 by no more than this is 1
SMALLEST, LARGEST = 4.0, 8.0  # marks, points


def _given(dataset: xr.Dataset) -> bool:
    """Whether it is of predictions that were given: nothing is known of weights or training."""
    return dataset.attrs.get("variant") == "given"


def caption(dataset: xr.Dataset) -> str:
    """The law, and what colour and size of a mark are."""
    networks, (low, high) = _networks(dataset), charts.span(dataset["training_epochs"].values)
    beyond = _beyond(dataset)
    cost = f" ({low:,.0f} to {high:,.0f})" if high > low else ""
    lacking = style.one_line(dataset.attrs.get("without_effect", "")).replace("_", " ")
    swept = "" if _given(dataset) else " of a method at one step of its sweep"
    return style.sentences(
        f"A mark is a set of {networks} networks{swept}, on {style.tested_on(dataset)}.",
        f"Across: V, the mean over pairs of half the squared distance of their {_said(dataset)}. Up: the mean",
        f"network's {NAMES[error_of(dataset)][0]}. The average of all {networks} has exactly the score Up",
        f"\N{MINUS SIGN} (1 \N{MINUS SIGN} 1/{networks}) V, written on the grey lines: lower right is better.",
        ""
        if _given(dataset)
        else "Colour: mean height of the training loss above the straight line from the solution to the networks "
        f"(grey: not measured). Size: training epochs of the set{cost}.",
        "" if _metrics(dataset) == ["raw"] else "Calibrated: each network's temperature fitted on validation.",
        f"Not drawn: {style.counted(beyond, 'set')} of worse networks, where lines leave the panels." if beyond else "",
        f"Left out, as corruptions without effect at the severities in parentheses: {lacking}." if lacking else "",
        style.from_members(dataset),
        steps.control(dataset),
        style.left_out(dataset),
    )


def error_of(dataset: xr.Dataset) -> str:
    """The error whose law the map draws, as variables have it."""
    return "brier" if "mean_brier" in dataset else "squared_error"


def _said(dataset: xr.Dataset) -> str:
    return "probabilities" if error_of(dataset) == "brier" else "predictions"


def panels(dataset: xr.Dataset) -> list[Panel]:
    """A panel for each of as trained, calibrated, and both under shift; a row has one pair of axes' ranges."""
    scale = _barrier_scale(dataset)
    maps: list[Panel] = []
    _, up, across, _ = NAMES[error_of(dataset)]
    for metric in _metrics(dataset):
        x_range, y_range = _ranges(dataset, metric)
        iso, notes = _iso_lines(dataset, x_range, y_range)
        series = [_of_method(dataset, metric, method, scale) for method in methods(dataset)]
        keys = [] if maps else [_key(method) for method in methods(dataset)]
        maps.append(
            Panel(
                title="As given" if _given(dataset) and metric == "raw" else METRICS.get(metric, metric),
                x_label=in_target_unit(dataset, across),
                y_label=in_target_unit(dataset, up),
                series=[*iso, *series, *keys],
                x_range=x_range,
                y_range=y_range,
                notes=notes,
                wide=len(_metrics(dataset)) == 1,
            )
        )
    return maps


def _key(method: str) -> Series:
    """The entry of a method in the legend: its marks in the panels have the colours of the scale."""
    look, nothing = style.method_look(method), np.empty(0)
    marker = STAR if method == "independent" else look.marker
    return Series(name=look.name, x=nothing, y=nothing, colour=look.colour, marker=marker, line=look.line, group=method)


def _of_method(dataset: xr.Dataset, metric: str, method: str, scale: style.Scale) -> Series:
    chosen, look = dataset.sel({"approach": method, "metric": metric}), style.method_look(method)
    cost = dataset["training_epochs"].sel({"approach": method}).values.astype(float)
    return Series(
        name=look.name,
        x=chosen["diversity"].values,
        y=chosen[f"mean_{error_of(dataset)}"].values,
        colour=look.colour,
        marker=STAR if method == "independent" else look.marker,
        line=look.line,
        width=1,
        size=mark_sizes(cost, dataset["training_epochs"].values) * (1.4 if method == "independent" else 1),
        values=dataset["barrier"].sel({"approach": method}).values,
        scale=scale,
        hover=_hover(
            chosen, cost, _networks(dataset), [equivalent(dataset, metric, method, at) for at in range(len(cost))]
        ),
        group=method,
        in_legend=False,
    )


def _hover(chosen: xr.Dataset, cost: np.ndarray, networks: int, equivalents: list[str]) -> list[str]:
    texts, error = [], error_of(chosen)
    for draw, epochs in enumerate(cost):
        score, height = (float(chosen[name].values[draw]) for name in (f"ensemble_{error}", "barrier"))
        parts = [
            steps.place(float(chosen["scale"].values[draw]), float(chosen["distance"].values[draw])),
            f"average of {networks}: {NAMES[error][3]} {f'{score:.4f}' if error == 'brier' else f'{score:.4g}'}",
            f"deep ensemble equivalent: {equivalents[draw]}" if equivalents[draw] else "",
            f"barrier {height:.3g} nats" if np.isfinite(height) else "",
            f"{epochs:,.0f} training epochs" if np.isfinite(epochs) else "",
        ]
        texts.append(", ".join(part for part in parts if part))
    return texts


def equivalent(dataset: xr.Dataset, metric: str, method: str, draw: int) -> str:
    """What a set is worth in independent networks, with its interval for new members; "" where that is not known."""
    numbers = _numbers(dataset, metric, method)
    number, low, high = (float(numbers[f"equivalent{end}"][draw]) for end in ("", "_low", "_high"))
    if np.isnan(number):
        return ""
    text = _number(number)
    if number < 1 - ROUNDING and "independent" in dataset["approach"].values:
        error = error_of(dataset)
        one = float(_numbers(dataset, metric, "independent")[f"mean_{error}"][0])
        text = f"{text}, {significant(float(numbers[f'ensemble_{error}'][draw]) - one)} worse than one"
    known = not (np.isnan(low) or np.isnan(high)) and low < high
    return f"{text} ({_number(low)} to {_number(high)})" if known else text


def _numbers(dataset: xr.Dataset, metric: str, method: str) -> dict[str, np.ndarray]:
    """The arrays that `equivalent` reads, [draw]; selecting single values with xarray takes 20 times as long."""
    error = error_of(dataset)
    names = [*(f"equivalent{end}" for end in ("", "_low", "_high")), f"mean_{error}", f"ensemble_{error}"]
    place = [list(dataset["metric"].values).index(metric), list(dataset["approach"].values).index(method)]
    held = {name: dataset.variables[name] for name in names}
    return {name: one.transpose("metric", "approach", "draw").values[tuple(place)] for name, one in held.items()}


def _number(number: float) -> str:
    """A number of networks as text; also where no number of them is as good."""
    if number < 1 - ROUNDING:
        return "< 1"
    return "beyond any number" if np.isinf(number) else f"{number:.3g}" if number < 1000 else f"{number:,.0f}"


def mark_sizes(cost: np.ndarray, every: np.ndarray) -> np.ndarray:
    """Diameters of marks: their area grows with the cost, from the smallest cost of the result to the largest."""
    low, high = charts.span(every)
    share = (cost - low) / (high - low) if high > low else np.zeros_like(cost)
    area = SMALLEST**2 + np.nan_to_num(share) * (LARGEST**2 - SMALLEST**2)
    return np.sqrt(area)


def _iso_lines(
    dataset: xr.Dataset, x_range: tuple[float, float], y_range: tuple[float, float]
) -> tuple[list[Series], list[tuple[float, float, str]]]:
    """Lines y - (1 - 1/K) x = Brier score of the ensemble, at round scores, and where their scores are written."""
    slope = 1 - 1 / _networks(dataset)
    (left, right), (low, high) = x_range, y_range
    step = _round_step((high - low + slope * (right - left)) / LINES)
    lines, notes = [], []
    for count in range(
        max(0, int(np.ceil((low - slope * right) / step))), int(np.floor((high - slope * left) / step)) + 1
    ):
        score = step * count
        ends = np.array([left, right])
        lines.append(Series(name=ISO, x=ends, y=score + slope * ends, colour="#A8A8A8", width=0.7, group="iso"))
        place = _place_of_note(score, slope, x_range, y_range)
        if place is not None and all(_apart(place, note[:2], x_range, y_range) for note in notes):
            notes.append((*place, f"{score:.{_decimals(step)}f}"))
    return lines, notes


def _place_of_note(
    score: float, slope: float, x_range: tuple[float, float], y_range: tuple[float, float]
) -> tuple[float, float] | None:
    """Just above the line where it leaves the panel, at the right or at the top; None where that is in a corner."""
    (left, right), (low, high) = x_range, y_range
    x, top = right - 0.05 * (right - left), high - 0.05 * (high - low)
    y = score + slope * x + 0.03 * (high - low)
    if y > top and slope > 0:
        y = top
        x = (top - 0.03 * (high - low) - score) / slope
    inside = left + 0.05 * (right - left) <= x <= right and low + 0.04 * (high - low) <= y <= top
    return (x, y) if inside else None


def _apart(
    one: tuple[float, float], other: tuple[float, float], x_range: tuple[float, float], y_range: tuple[float, float]
) -> bool:
    across, up = (abs(a - b) / (end - start) for a, b, (start, end) in zip(one, other, (x_range, y_range), strict=True))
    return across > 0.12 or up > 0.07


def _round_step(size: float) -> float:
    """1, 2 or 5 times a power of ten, not less than this."""
    power = 10.0 ** np.floor(np.log10(size))
    return float(next(power * one for one in (1, 2, 5, 10) if power * one >= size * (1 - 1e-9)))


def _decimals(step: float) -> int:
    return max(0, int(np.ceil(-np.log10(step) - 1e-9)))


def drawn(dataset: xr.Dataset, metric: str) -> np.ndarray:
    """Which sets the axis ranges cover, bool [method, draw]: good ones, and always independent networks.

    A sweep ends with networks at chance level, which would fill the panels.
    """
    mean = dataset[f"mean_{error_of(dataset)}"].sel({"metric": metric}).transpose("approach", "draw").values
    low, _ = charts.span(mean)
    independent = np.array([[name == "independent"] for name in methods(dataset)])
    return np.isfinite(mean) & ((mean <= WORST * low) | independent)


def _beyond(dataset: xr.Dataset) -> int:
    """Sets that lie outside their panel."""
    count = 0
    for metric in _metrics(dataset):
        (left, right), (low, high) = _ranges(dataset, metric)
        chosen = dataset.sel({"metric": metric})
        x, y = chosen["diversity"].values, chosen[f"mean_{error_of(dataset)}"].values
        inside = (left <= x) & (x <= right) & (low <= y) & (y <= high)
        count += int((np.isfinite(x) & np.isfinite(y) & ~inside).sum())
    return count


def _ranges(dataset: xr.Dataset, metric: str) -> tuple[tuple[float, float], tuple[float, float]]:
    """Ranges of both axes, the same for raw and calibrated predictions on one set of images; V starts at 0."""
    x, y = [], []
    for one in _metrics(dataset):
        if one.endswith("shifted") == metric.endswith("shifted"):
            chosen, shown = dataset.sel({"metric": one}).transpose("approach", "draw"), drawn(dataset, one)
            x.append(chosen["diversity"].values[shown])
            y.append(chosen[f"mean_{error_of(dataset)}"].values[shown])
    _, right = charts.span(*x, default=(0, 0.1))
    low, high = charts.span(*y, default=(0, 1))
    right, margin = max(right, 1e-3), max(0.1 * (high - low), 1e-3)
    return (-0.04 * right, 1.12 * right), (low - margin, high + margin)


def _barrier_scale(dataset: xr.Dataset) -> style.Scale:
    values = fields.loss_scale(np.clip(dataset["barrier"].values, 0, None))
    return style.Scale(low=0, high=values.high, ticks=values.ticks, label="Barrier to the solution (nats)")


def _metrics(dataset: xr.Dataset) -> list[str]:
    return [str(metric) for metric in dataset["metric"].values]


def _networks(dataset: xr.Dataset) -> int:
    return int(dataset.attrs["networks"])


def describe(dataset: xr.Dataset) -> Chart:
    """Up to four maps."""
    return Chart(title=TITLE, panels=panels(dataset), columns=2, panel_size=(4.4, 3.6), panel_height=480)
