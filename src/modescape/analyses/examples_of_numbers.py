"""Made-up results of a regression: those of classes, converted to its quantities and units, for tests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from modescape.metrics.ensemble import intervals_in_words
from modescape.metrics.scoring import NUMBERS
from modescape.offered import INDEPENDENT, InMemory

if TYPE_CHECKING:
    import xarray as xr

UNIT = "mm"
SCALE = 100.0  # of the target: an error of a half becomes 50 mm
ABOUT = {"task": "regression", "target_unit": UNIT, "examples_word": "rows"}
TARGET = "unit of the target"
NAMES = {  # variable of classes -> that of numbers, and its units
    **{name: (name.replace("accuracy", "rmse"), TARGET) for name in ("train_accuracy", "validation_accuracy")},
    **{name: (name.replace("accuracy", "rmse"), TARGET) for name in ("accuracy", "triangle_accuracy")},
    **{
        f"{start}disagreement{end}": (f"{start}prediction_distance{end}", TARGET)
        for start in ("", "stored_")
        for end in ("", "_low", "_high")
    },
    "agreement": ("prediction_distance", TARGET),
    **{f"normalized_disagreement{end}": (f"normalized_distance{end}", "1") for end in ("", "_low", "_high")},
    **{
        f"{name}{end}": (f"{name}{end}", TARGET)  # of shares of wrong answers
        for name in ("error_barrier", "aligned_error_barrier", "average_error_gain", "ensemble_error_gain")
        for end in ("", "_low", "_high")
    },
    "jensen_shannon": ("pair_distance", TARGET),
    "equal_distance_jensen_shannon": ("equal_distance_pair_distance", TARGET),
    "nll_best_temperature": ("nll_best_scale", "nats"),
    "brier_law": ("squared_error_law", "1"),
    **{f"{of}_brier": (f"{of}_squared_error", "square of the target's unit") for of in ("mean", "ensemble", "limit")},
}
OF_CLASSES = ("jensen_shannon_calibrated", "stored_jensen_shannon")
OF_ERRORS = ("disagreement", "both_wrong", "error_jaccard", "error_kappa")
METRICS = {"accuracy": "rmse", "nll": "nll", "brier": "crps", "calibrated_nll": "calibrated_nll", "raw": "raw"}


def as_numbers(dataset: xr.Dataset) -> xr.Dataset:
    """Convert a made-up result for classes into one for a regression.

    Args:
        dataset: the example of classes.
    """
    found = dataset.drop_vars([name for name in OF_CLASSES if name in dataset])
    if "error_jaccard" in dataset:  # errors of numbers are no shares: how far they go together
        about = {"units": "1", "long_name": "correlation of errors"}
        found = found.drop_vars([name for name in OF_ERRORS if name in found])
        found = found.assign(error_correlation=(dataset["error_kappa"].dims, dataset["error_kappa"].values, about))
    if "epoch" in dataset.dims and "jensen_shannon" in dataset and "epoch" in dataset["jensen_shannon"].dims:
        found = found.drop_vars("jensen_shannon")  # of pairs: it is the distance
    if "metric" in found.coords and not {"accuracy", "raw"}.isdisjoint(found["metric"].values):
        found = found.sel(metric=[name for name in found["metric"].values if name in METRICS])
        metrics = [METRICS[str(name)] for name in found["metric"].values]
        found = found.assign_coords(metric=("metric", metrics, dataset["metric"].attrs))
        found = _in_units(found)
    if "other_metric" in found.coords:
        names = map(str, found["other_metric"].values)  # of scores, or of variables
        selectors = [METRICS.get(name) or NAMES.get(name, (name,))[0] for name in names]
        found = found.assign_coords(other_metric=("other_metric", selectors, dataset["other_metric"].attrs))
    if "class" in found.dims:  # of what is stored of a prediction
        found = found.rename({"class": "x"})
    found = found.assign_attrs(intervals=intervals_in_words(found.attrs["intervals"], NUMBERS))
    attributes = {name.replace("accuracy", "rmse"): _number(name, value) for name, value in found.attrs.items()}
    for name in [name for name in NAMES if name in found]:
        new, units = NAMES[name]
        values = _values(name, np.asarray(found[name].values, dtype=float))
        about = {**dataset[name].attrs, "units": units, "long_name": f"{new.replace('_', ' ')} of numbers"}
        found = found.drop_vars(name).assign({new: (dataset[name].dims, values, about)})
    if "disagreement" in dataset and "normalized_disagreement" not in dataset and "other_epoch" in dataset.dims:
        over = found["prediction_distance"] / (SCALE / 2)
        about = {"units": "1", "long_name": "distance over the error"}
        found = found.assign(normalized_distance=(over.dims, over.values, about))
    return found.drop_attrs(deep=False).assign_attrs({**attributes, **ABOUT})


def _values(name: str, values: np.ndarray) -> np.ndarray:
    """Convert values: accuracies to errors, differences of labels to distances."""
    if "accuracy" in name or name == "agreement":
        return SCALE * (1 - values)
    return values if NAMES[name][1] in ("1", "nats") else SCALE * values


def _number(name: str, value: Any) -> Any:
    return SCALE * (1 - value) if name.endswith("_accuracy") else value


def _in_units(found: xr.Dataset) -> xr.Dataset:
    """Convert scores of classes to errors: positive, lower is better."""
    new = {}
    for name, values in found.data_vars.items():
        if "metric" not in values.dims or "rmse" not in found["metric"].values:
            continue
        factor = np.array([-SCALE if metric == "rmse" else 1.0 for metric in found["metric"].values])
        shift = np.where(factor < 0, SCALE, 0.0) * (not any(part in str(name) for part in ("gain", "difference")))
        shaped = [-1 if dim == "metric" else 1 for dim in values.dims]
        moved = shift.reshape(shaped) + factor.reshape(shaped) * np.asarray(values.values)
        new[name] = (values.dims, moved, values.attrs)
    for low in [name for name in new if "_low" in str(name)]:  # what was the lower end is the upper one
        high = str(low).replace("_low", "_high")
        ends = np.sort(np.stack([new[low][1], new[high][1]]), 0)
        new[low], new[high] = (new[low][0], ends[0], new[low][2]), (new[high][0], ends[1], new[high][2])
    return found.assign(new)


def held(random: np.random.Generator, members: int, target: np.ndarray, spread: float, known: bool = True) -> InMemory:
    """Predictions of networks whose means lie around the targets, for analyses to be measured on.

    Args:
        random: the generator.
        members: networks.
        target: [example, 1].
        spread: standard deviation of the means around the targets.
        known: whether the targets are.
    """
    mean = target + random.normal(0, spread, (members, *target.shape))
    variance = random.uniform(0.5, 2, mean.shape)
    nothing: dict[str, Any] = {name: np.zeros(members) for name in ("epochs", "scales", "steps", "distance")}
    return InMemory(
        values=np.concatenate([mean, np.log(variance)], -1),
        label=target if known else np.full_like(target, np.nan),
        class_names=["y"],
        members=np.arange(members),
        groups={INDEPENDENT: list(range(members))},
        **nothing,
    )
