"""Densities of the eigenvalues, their ends along a run, and sharpness against test loss and disagreement."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from modescape.analyses import task_of
from modescape.analyses.likeness import LIKENESS, Likeness
from modescape.covers import covers_of, tagged
from modescape.plots import charts, steps, style
from modescape.plots.charts import Chart, Panel, Series
from modescape.plots.scores import in_target_unit
from modescape.wording.numbers import fixed, significant

if TYPE_CHECKING:
    import xarray as xr

TITLE = "Curvature of the training loss"
ROUNDING = 1e-6  # nats per squared weight: rounding error of float32
LEAST = 1e-5  # of a density, over its largest value: lower ones are not drawn
EIGENVALUE = "Eigenvalue (nats per squared weight)"
BALLS = {  # approach -> title, label of the axis
    "ball": ("Sharpness", "Largest rise in a ball (nats)"),
    "adaptive": ("Relative sharpness", "Largest rise in a relative ball (nats)"),
}
DOT, SQUARE = ("o", "circle"), ("s", "square")
RANKS = (style.BLUE, style.VERMILION, style.GREEN, style.PURPLE, style.ORANGE, style.SKY)


def caption(dataset: xr.Dataset) -> str:
    """The matrix of the eigenvalues, how they were computed, and the limits of correlations over few networks."""
    attrs, members = dataset.attrs, dataset.sizes["member"]
    return style.sentences(
        f"Hessian of the loss on {style.counted(int(attrs['training_examples']), 'training example')}, of",
        f"{style.counted(members, 'member')}; {style.counted(int(attrs['probes']), 'random vector')} and",
        f"{style.counted(int(attrs['steps']), 'product')} of each (stochastic Lanczos quadrature), every eigenvalue",
        f"drawn as a Gaussian of standard deviation {significant(float(attrs['deviation']))}.",
        f"The largest eigenvalue of a point is exact to {_error(dataset)}, the smallest is an upper bound."
        if np.isfinite(dataset["largest"].values).any()
        else "",
        f"Second row: along the run of member {attrs['followed']}." if "epoch" in dataset.dims else "",
        "Sharpness: the largest rise of the training loss that was found within",
        f"{float(attrs['radius']):g} weight units of the solution, and (relative) within",
        f"{float(attrs['adaptive_radius']):g} where each weight's step is divided by its size.",
        f"{style.intervals(dataset)}",
        correlations(dataset),
        steps.batch_norm(dataset) if attrs["batch_norm"] != "none" else "",
        f"{style.counted(gaps, 'point')} without a finite loss or derivative: left out."
        if (gaps := attrs["gaps"])
        else "",
        style.left_out(dataset),
    )


def _error(dataset: xr.Dataset) -> str:
    """The largest error of the largest eigenvalue of a point."""
    errors = [dataset[name].values[..., 0] for name in ("largest_error", "epoch_largest_error") if name in dataset]
    most = charts.span(*errors)[1]
    return "rounding" if most < ROUNDING else f"{steps.small(most)}"


def correlations(dataset: xr.Dataset) -> str:
    """Whether any rank correlation differs from 0, and a caution about multiple intervals."""
    low, value, high = (dataset[f"correlation{end}"].values.ravel() for end in ("_low", "", "_high"))
    there = np.isfinite(low) & np.isfinite(high)
    if not there.any():
        return "There are too few members for the interval of a rank correlation." if np.isfinite(value).any() else ""
    apart = int(((low > 0) | (high < 0))[there].sum())
    number = int(there.sum())
    if not apart:
        other = words(dataset, str(dataset["other_metric"].values[1]))[0]
        return (
            f"The intervals of all {number} rank correlations (of both kinds of sharpness, the largest eigenvalue and "
            f"the trace) include 0: these members do not show whether curvature goes with test loss or {other}."
        )
    return (
        f"{apart} of {number} intervals of rank correlations {'exclude' if apart > 1 else 'excludes'} 0; with so many, "
        "one may do so by chance."
    )


def describe(dataset: xr.Dataset) -> Chart:
    """Densities and the ends of the spectra, the same along a run where there is one, and four clouds of members."""
    panels = [_densities(dataset), _members(dataset)]
    if "epoch" in dataset.dims:
        panels += [_along(dataset), _traces(dataset)]
    if dataset.sizes["member"] > 1:
        panels += [_against(dataset, ball, str(name)) for ball in BALLS for name in dataset["other_metric"].values]
    return Chart(
        title=TITLE,
        panels=panels,
        columns=2,
        panel_size=(3.9, 2.8),
        panel_height=380,
        covers=covers_of(dataset, "trace"),
    )


def _densities(dataset: xr.Dataset) -> Panel:
    """All members as thin lines; the first in colour, with its interval over random vectors."""
    places, members = dataset["x"].values, dataset["member"].values
    values, low, high = (dataset[f"density{end}"].transpose("member", "x").values for end in ("", "_low", "_high"))
    least = LEAST * charts.span(values)[1]
    shown = np.where(values >= least, values, np.nan)
    first = int(np.argmax(np.isfinite(shown).any(1)))
    gaps = np.full((len(members), 1), np.nan)
    others = Series(  # in one series, a gap between two
        name="All members",
        x=np.concatenate([np.broadcast_to(places, shown.shape), gaps], axis=1).ravel(),
        y=np.concatenate([shown, gaps], axis=1).ravel(),
        numbers=("member", np.repeat(members, len(places) + 1)),
        width=0.8,
        opacity=0.7,
    )
    ends: dict[str, Any] = {"low": np.maximum(low[first], least), "high": high[first]}
    own = Series(name=f"Member {members[first]}", x=places, y=shown[first], colour=style.BLUE, width=1.2, **ends)
    return Panel(
        title="Density of the eigenvalues (log scale)",
        x_label=EIGENVALUE,
        y_label="Density (squared weight per nat)",
        series=[others, own],
        log_y=True,
    )


def _members(dataset: xr.Dataset) -> Panel:
    """The largest eigenvalues and the trace of each member."""
    members = dataset["member"].values
    trace, low, high = (dataset[f"trace{end}"].values for end in ("", "_low", "_high"))
    looks: dict[str, Any] = {"x": members, "line": None}
    series = [
        *_ranks(dataset["largest"].transpose("eigenvalue", "member").values, marker=DOT, **looks),
        Series(name="Trace", y=trace, low=low, high=high, marker=SQUARE, **looks),
    ]
    return Panel(
        title=_title("Largest and trace", log := _wide(series)),
        x_label="Member",
        y_label=EIGENVALUE,
        series=series,
        log_y=log,
        whole_x=True,
    )


def _along(dataset: xr.Dataset) -> Panel:
    """The largest eigenvalues at epochs of a run, and the smallest where it is negative."""
    epochs = dataset["epoch"].values
    series = _ranks(dataset["epoch_largest"].transpose("eigenvalue", "epoch").values, x=epochs, marker=DOT)
    below = -dataset["epoch_smallest"].values
    series.append(Series(name="Smallest, sign reversed", x=epochs, y=below, line="dash", marker=SQUARE))
    return Panel(
        title=_title("Eigenvalues along a run", log := _wide(series)),
        x_label="Epoch",
        y_label=EIGENVALUE,
        series=series,
        log_y=log,
        whole_x=True,
    )


def _traces(dataset: xr.Dataset) -> Panel:
    """The trace at epochs of a run, with its interval over random vectors."""
    trace, low, high = (dataset[f"epoch_trace{end}"].values for end in ("", "_low", "_high"))
    series = [Series(name="Trace", x=dataset["epoch"].values, y=trace, low=low, high=high, marker=SQUARE)]
    log = _wide(series)
    return Panel(
        title=_title("Trace along a run", log),
        x_label="Epoch",
        y_label="Trace (nats per squared weight)",
        series=series,
        log_y=log,
        whole_x=True,
    )


def _ranks(values: np.ndarray, **looks: Any) -> list[Series]:
    """A series for each of the largest eigenvalues [rank, place]."""
    return [
        Series(
            name="Largest" if not rank else f"{style.ordinal(rank + 1)} largest", y=own, colour=RANKS[rank % 6], **looks
        )
        for rank, own in enumerate(values)
    ]


def _against(dataset: xr.Dataset, ball: str, other: str) -> Panel:
    """Sharpness of the members against another quantity."""
    chosen = dataset.sel({"metric": ball, "other_metric": other})
    low, value, high = (float(chosen[f"correlation{end}"]) for end in ("_low", "", "_high"))
    said = f"rank correlation {fixed(value, 2)}" if np.isfinite(value) else "no rank correlation"
    whose = f";\n{tagged(covers_of(dataset, 'correlation'))}"
    ends = f" ({fixed(low, 2)} to {fixed(high, 2)}{whose})" if np.isfinite(low) else ""
    (title, x_label), (name, label) = BALLS[ball], words(dataset, other)
    series = [
        Series(
            name="Members",
            x=dataset["sharpness"].sel({"approach": ball}).values,
            y=dataset[other].values,
            numbers=("member", dataset["member"].values),
            colour=style.BLUE,
            marker=DOT,
            line=None,
            size=5,
            in_legend=False,
        )
    ]
    return Panel(
        title=f"{title} and {name}\n{said}{ends}",
        x_label=x_label,
        y_label=label,
        series=series,
    )


def words(dataset: xr.Dataset, other: str) -> tuple[str, str]:
    """The name of a quantity of members, and the label of its axis."""
    if other == "test_loss":
        return "test loss", "Test loss (nats per example)"
    likeness: Likeness = LIKENESS[task_of(dataset)]
    if likeness.difference.units == "1":
        return "disagreement", "Disagreement with others (share)"
    return "distance of predictions", in_target_unit(dataset, "Distance from others (unit of the target)")


def _title(text: str, log: bool) -> str:
    return f"{text} (log scale)" if log else text


def _wide(series: list[Series]) -> bool:
    """Whether values and ends of intervals are all above 0 and span more than a decade."""
    values = np.concatenate([part for one in series for part in (one.y, one.low) if part is not None])
    known = values[np.isfinite(values)]
    return bool(known.size and known.min() > 0 and known.max() > 10 * known.min())
