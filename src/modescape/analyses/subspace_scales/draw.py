"""Steps of each subspace method from a solution, and the step with the best ensemble."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from modescape.analyses import task_of
from modescape.plots import charts, steps, style
from modescape.plots.charts import Chart, Panel, Series
from modescape.plots.scores import in_target_unit, line_of, methods

if TYPE_CHECKING:
    import xarray as xr

TITLE = "How far to sample from a solution"
SOLUTION = "The solution itself"
CHOSEN = "Chosen: lowest NLL"
BEYOND = "Chosen: the last step tried"
MARKER, EDGE_MARKER = ("o", "circle"), ("s", "square")
X_LABEL = "Distance (share of length, log scale)"
QUANTITIES = {  # variable: title, axis label, factor, attribute with the solution's value
    "nll": ("Ensembles of {samples} samples: lower is better", "Validation NLL (nats)", 1.0, "solution_nll"),
    "accuracy": ("One sample: higher is better", "Validation accuracy (%)", 100.0, "solution_accuracy"),
    "rmse": ("One sample: lower is better", "Validation RMSE (unit of the target)", 1.0, "solution_rmse"),
}
AVERAGED = {"classification": "averaged probabilities", "regression": "mixture of the predictions"}
MEAN = {"classification": "accuracy", "regression": "root mean squared error"}


def caption(dataset: xr.Dataset) -> str:
    """The meaning of marks, and the choice on validation images."""
    members = int(dataset.attrs["members"])
    examples = style.counted(int(dataset.attrs["examples"]), f"{dataset.attrs.get('split', 'validation')} example")
    resampled = "chosen again on resampled members, draws and validation images"
    return style.sentences(
        "Each line is a method; each mark a step of its sweep, placed by how far its samples lie from the solution,",
        "root mean square, as a share of the length of the solution's weights; all methods take the same steps. Left:",
        f"negative log-likelihood of the {AVERAGED[task_of(dataset)]} of {_samples(dataset)} samples, mean over",
        f"ensembles made of {int(dataset.attrs['draws'])} draws around each of {style.counted(members, 'solution')};",
        f"right: mean {MEAN[task_of(dataset)]} of one sample. Measured on {examples}, so that the test set chooses",
        "nothing. Large hollow mark: the step that the other figures use; thick: where 95 % of the",
        f"choices lie when it is {resampled}.",
        "A distance of 0 is the dashed line. Losses far above the solution's lie beyond the panel.",
        steps.choices(dataset),
        steps.control(dataset),
        style.left_out(dataset),
    )


def panels(dataset: xr.Dataset) -> list[Panel]:
    """Loss of the ensemble and accuracy of a sample against the distance."""
    distance = dataset["distance"].transpose("approach", "draw").values
    distance = np.where(distance > 0, distance, np.nan)  # the solution itself is the dashed line
    over = charts.span(distance, default=(0.01, 1.0))
    drawn = []
    for variable, (title, label, factor, attribute) in QUANTITIES.items():
        if variable not in dataset:
            continue
        values = factor * dataset[variable].transpose("approach", "draw").values
        solution = factor * float(dataset.attrs[attribute])
        series = [charts.level(SOLUTION, solution, over)]
        for place, method in enumerate(methods(dataset)):
            series += _of_method(dataset, method, distance[place], values[place])
        series += _keys(dataset)
        drawn.append(
            Panel(
                title=title.format(samples=_samples(dataset)),
                x_label=X_LABEL,
                y_label=in_target_unit(dataset, label),
                series=series,
                x_range=(over[0] / 1.2, over[1] * 1.2),
                y_range=_near(values, solution) if variable in ("nll", "rmse") else None,
                log_x=True,
            )
        )
    return drawn


def _near(losses: np.ndarray, solution: float) -> tuple[float, float] | None:
    """Losses up to a little above the solution's, None where none is higher: the height of bad ones does not matter."""
    low, high = charts.span(losses, np.array([solution]), default=(0.0, 1.0))
    gain = max(solution - low, 0.03 * abs(solution))
    top = solution + 2.5 * gain
    return (low - 0.3 * gain, top) if high > top else None


def _of_method(dataset: xr.Dataset, method: str, distance: np.ndarray, values: np.ndarray) -> list[Series]:
    """The line of a method, its part within the interval of the choice, and the mark around the chosen step."""
    look = style.method_look(method)
    line = line_of(method, distance, values, size=4, hover=_hover(dataset, method))
    own = dataset.sel({"approach": method})
    choice = [float(own[name]) for name in ("chosen", "chosen_low", "chosen_high", "edge")]
    if not np.isfinite(choice).all():
        return [line]
    chosen, low, high, edge = map(int, choice)
    thick = slice(low, high + 1)
    within = Series(
        name=f"{look.name}, interval",
        group=method,
        x=distance[thick],
        y=values[thick],
        colour=look.colour,
        line=look.line,
        width=3,
        in_legend=False,
    )
    mark = Series(
        name=f"{look.name}, chosen",
        group=method,
        x=distance[[chosen]],
        y=values[[chosen]],
        colour=look.colour,
        marker=EDGE_MARKER if edge else MARKER,
        line=None,
        size=9,
        hollow=True,
        in_legend=False,
    )
    return [mark, within, line]


def _keys(dataset: xr.Dataset) -> list[Series]:
    nothing, found = np.empty(0), steps.stepping(dataset)
    looks = {CHOSEN: MARKER} | ({BEYOND: EDGE_MARKER} if found["edge"] else {})
    return [
        Series(name=name, x=nothing, y=nothing, marker=marker, line=None, size=9, hollow=True)
        for name, marker in looks.items()
    ]


def _hover(dataset: xr.Dataset, method: str) -> list[str]:
    own = dataset.sel({"approach": method}).transpose("draw")
    texts = []
    for step, scale, accepted in zip(*(own[name].values for name in ("step", "scale", "accepted")), strict=True):
        setting = f"step {step:.3g}, setting {scale:.4g}"
        texts.append(setting if np.isnan(accepted) else f"{setting}, {100 * accepted:.0f} % of draws accepted")
    return texts


def _samples(dataset: xr.Dataset) -> int:
    return int(dataset.attrs["samples"])


def describe(dataset: xr.Dataset) -> Chart:
    """Two panels against the distance."""
    return Chart(title=TITLE, panels=panels(dataset), columns=2, panel_size=(3.7, 2.9), panel_height=440)
