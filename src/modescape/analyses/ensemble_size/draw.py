"""What averaging more networks gains: scores against size for independent solutions and snapshots of one run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from modescape.plots import paper, style, web
from modescape.plots.scores import better, scores
from modescape.plots.sheet import Sheet, scatter

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TITLE = "What averaging more networks gains"
NAMES = {"independent": "Independent solutions", "snapshots": "Snapshots of one run"}
MARKED_SIZES = 20  # up to this many sizes each is marked by a dot
LAW = "Closed form (Brier)"
MEAN_MEMBER = "Mean member"
BAND = "95 % for new networks on new images"
HOLLOW = "95 % of test images alone"  # what an interval is of
ENDS = {"score": "", "low": "_low", "high": "_high"}  # ending of the variable's name


def caption(dataset: xr.Dataset) -> str:
    """What lines, bands and hollow marks are."""
    return style.sentences(
        f"Mean score over subsets of that size, on {style.tested_on(dataset)}; bands: 95 % intervals for new networks",
        "on new images (snapshots: for new runs).",
        "Hollow marks: of a single network or run, so the interval is of test images alone."
        if any(of_test_sampling_alone(dataset, method) for method in _methods(dataset))
        else "",
        "Dashed: the mean member.",
        "Thin line: the closed form B(k) = B(1) - (1 - 1/k) V of the Brier score.",
        style.intervals(dataset),
        style.left_out(dataset),
    )


def of_test_sampling_alone(dataset: xr.Dataset, method: str) -> bool:
    """Whether a method's intervals leave out that networks differ: those of a single network, or of a single run."""
    runs = dataset.attrs["members"] if method == "independent" else dataset.attrs.get("runs_of_snapshots", 1)
    return int(runs) == 1


def curve(dataset: xr.Dataset, method: str, metric: str) -> dict[str, np.ndarray]:
    """Sizes that have a score, with score, low and high in the units of the axis; arrays of shape [size]."""
    factor = scores(dataset)[metric].factor
    chosen = dataset.sel({"method": method, "metric": metric})
    values = {name: factor * chosen[f"score{end}"].values for name, end in ENDS.items()}
    there = np.isfinite(values["score"])
    return {"size": dataset["size"].values[there], **{name: value[there] for name, value in values.items()}}


def mean_member(dataset: xr.Dataset, metric: str) -> float:
    """Score of the mean member: the score minus the gain, of independent solutions, at the first size that has both."""
    chosen = dataset.sel({"method": _methods(dataset)[0], "metric": metric})
    alone = (chosen["score"] - chosen["gain"]).values
    alone = alone[np.isfinite(alone)]
    return scores(dataset)[metric].factor * float(alone[0]) if alone.size else float("nan")


def draw(dataset: xr.Dataset) -> Figure:
    """Every score against size, for papers."""
    from matplotlib.ticker import MaxNLocator

    with paper.looks():
        shown = scores(dataset)
        rows = (len(shown) + 1) // 2
        figure = paper.new_figure(7.6, 2.8 * rows)
        panels = figure.subplots(rows, 2, squeeze=False).ravel()
        for axes in panels[len(shown) :]:
            axes.remove()
        for axes, (metric, score) in zip(panels, shown.items(), strict=False):
            axes.axhline(mean_member(dataset, metric), color="0.35", linestyle="--", linewidth=1)
            for method in _methods(dataset):
                _draw_curve(axes, dataset, method, metric)
            paper.panel_title(axes, better(score, score.label))
            axes.set_xlabel("Networks averaged (number)")
            axes.set_ylabel(score.axis)
            axes.set_xlim(0.5, dataset["size"].values.max(initial=1) + 0.5)
            axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1, steps=[1, 2, 5, 10]))
        return paper.finish(figure, TITLE, caption(dataset), _keys(dataset))


def _draw_curve(axes: Axes, dataset: xr.Dataset, method: str, metric: str) -> None:
    values, looks = curve(dataset, method, metric), _looks(method)
    size, score = values["size"], values["score"]
    if not size.size:
        return
    axes.fill_between(size, values["low"], values["high"], color=looks["color"], alpha=0.2, linewidth=0)
    marked = None if len(size) <= MARKED_SIZES else [len(size) - 1]
    axes.plot(size, score, **looks, markevery=marked)
    alone = of_test_sampling_alone(dataset, method)
    if alone or len(size) == 1:  # of a single size the band has no width
        fill = "white" if alone else looks["color"]
        bars = _last_bar(values)[:, None]
        axes.errorbar(size[-1:], score[-1:], bars, **looks, markerfacecolor=fill, capsize=2, elinewidth=1)
    if metric == "brier":
        law = dataset["brier_law"].sel({"method": method}).values
        axes.plot(dataset["size"].values, law, color="0.1", linewidth=0.6, zorder=4)


def _last_bar(values: dict[str, np.ndarray]) -> np.ndarray:
    """Lengths of the interval at the largest size below and above the score; not negative, as bars cannot be; [2]."""
    score, low, high = (values[name][-1] for name in ("score", "low", "high"))
    return np.clip(np.array([score - low, high - score]), 0, None)


def _keys(dataset: xr.Dataset) -> list[Artist]:
    """Labelled lines for the legend."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    lines: list[Artist] = [
        Line2D([], [], **_looks(method), label=NAMES.get(method, method)) for method in _methods(dataset)
    ]
    hollow = {"color": "0.4", "marker": "o", "markerfacecolor": "white", "markersize": 5, "linestyle": "none"}
    alone = any(of_test_sampling_alone(dataset, method) for method in _methods(dataset))
    return [
        *lines,
        Line2D([], [], color="0.35", linestyle="--", linewidth=1, label=MEAN_MEMBER),
        Line2D([], [], color="0.1", linewidth=0.6, label=LAW),
        Patch(color="0.8", label=BAND),
        *([Line2D([], [], **hollow, label=HOLLOW)] if alone else []),
    ]


def _looks(method: str) -> dict[str, Any]:
    look = style.method_look(method)
    return {"color": look.colour, "marker": look.marker[0], "markersize": 4}


def draw_interactive(dataset: xr.Dataset) -> Sheet:
    """Every score against size, for the page."""
    shown = scores(dataset)
    rows = (len(shown) + 1) // 2
    figure = web.panels(rows, 2, [better(score, score.label) for score in shown.values()], 390 * rows)
    last = int(dataset["size"].values.max(initial=1))
    for place, (metric, score) in enumerate(shown.items()):
        row, column = place // 2 + 1, place % 2 + 1
        _trace_mean(figure, (row, column), mean_member(dataset, metric), last, score.axis)
        for method in _methods(dataset):
            _trace_curve(figure, (row, column), dataset, method, metric)
        ticks: dict[str, Any] = {"dtick": 1} if last <= 12 else {}
        figure.update_xaxes(
            title={"text": "Networks averaged (number)"}, range=[0.5, last + 0.5], row=row, col=column, **ticks
        )
        figure.update_yaxes(title={"text": score.axis}, row=row, col=column)
    _trace_keys(figure, any(of_test_sampling_alone(dataset, method) for method in _methods(dataset)))
    web.legend_rows(figure, 2)
    return figure


def _trace_mean(figure: Sheet, place: tuple[int, int], value: float, last: int, label: str) -> None:

    line = scatter(
        x=[0.5, last + 0.5],
        y=[value, value],
        mode="lines",
        line={"color": style.NEUTRAL, "width": 1.5, "dash": "dash"},
        name=MEAN_MEMBER,
        legendgroup="mean",
        legendrank=1001,  # after the methods
        showlegend=place == (1, 1),
        hovertemplate=f"mean member<br>{label}: %{{y:.4g}}<extra></extra>",
    )
    figure.add_trace(line, *place)


def _trace_curve(figure: Sheet, place: tuple[int, int], dataset: xr.Dataset, method: str, metric: str) -> None:

    values = curve(dataset, method, metric)
    size, score, low, high = (values[name] for name in ("size", "score", "low", "high"))
    if not size.size:
        return
    colour = style.method_look(method).colour
    name = NAMES.get(method, style.escaped(method))
    there = np.isfinite(low) & np.isfinite(high)
    band = scatter(
        x=np.concatenate([size[there], size[there][::-1]]),
        y=np.concatenate([low[there], high[there][::-1]]),
        fill="toself",
        fillcolor=style.transparent(colour, 0.2),
        line={"width": 0},
        mode="lines",
        hoverinfo="skip",
        legendgroup=method,
        showlegend=False,
    )
    line = scatter(
        x=size,
        y=score,
        mode="lines+markers",
        line={"color": colour, "width": 2},
        **_marks(method, values, of_test_sampling_alone(dataset, method)),
        customdata=np.stack([low, high], axis=1),
        hovertemplate=(
            f"{name}, %{{x}} averaged<br>{scores(dataset)[metric].axis}: %{{y:.4g}}"
            "<br>95 % interval %{customdata[0]:.4g} to %{customdata[1]:.4g}<extra></extra>"
        ),
        name=name,
        legendgroup=method,
        showlegend=place == (1, 1),
    )
    figure.add_trace(band, *place)
    figure.add_trace(line, *place)
    if metric == "brier":
        _trace_law(figure, place, dataset, method)


def _marks(method: str, values: dict[str, np.ndarray], alone: bool) -> dict[str, Any]:
    """Marker and error bars of a curve: a mark a size while there are few, the last one hollow and with a bar."""
    others = len(values["size"]) - 1
    look = style.method_look(method)
    kind = look.marker[1]
    bars = np.full((2, others + 1), np.nan)  # of zero length they would still have caps
    if alone or others == 0:  # of a single size the band has no width
        bars[:, -1] = _last_bar(values)
    return {
        "marker": {
            "color": look.colour,
            "symbol": [kind] * others + [f"{kind}-open" if alone else kind],
            "size": [7 if others < MARKED_SIZES else 0] * others + [9 if alone else 7],
            "line": {"width": [0] * others + [2 if alone else 0]},
            "opacity": 1,
        },
        "error_y": {
            "type": "data",
            "array": bars[1],
            "arrayminus": bars[0],
            "symmetric": False,
            "thickness": 1.5,
            "width": 4,
        },
    }


def _trace_law(figure: Sheet, place: tuple[int, int], dataset: xr.Dataset, method: str) -> None:

    line = scatter(
        x=dataset["size"].values,
        y=dataset["brier_law"].sel({"method": method}).values,
        mode="lines",
        line={"color": style.NEUTRAL, "width": 1},
        name=LAW,
        legendgroup="law",
        legendrank=1002,
        showlegend=method == _methods(dataset)[0],
        hoverinfo="skip",
    )
    figure.add_trace(line, *place)


def _trace_keys(figure: Sheet, alone: bool) -> None:
    """Say in the legend what bands and, where there are any, hollow marks are."""
    band = {"color": web.GREY, "size": 12, "symbol": "square"}
    hollow = {"color": style.NEUTRAL, "size": 9, "symbol": "circle-open", "line": {"width": 2}}
    for name, marker in ((BAND, band), *([(f"Hollow: {HOLLOW}", hollow)] if alone else [])):
        figure.add_trace(scatter(x=[None], y=[None], mode="markers", marker=marker, name=name, legendrank=1003), 1, 1)


def _methods(dataset: xr.Dataset) -> list[str]:
    return [str(method) for method in dataset["method"].values]
