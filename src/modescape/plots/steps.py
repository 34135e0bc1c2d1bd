"""Words about how far methods step from a solution, and about what batch-norm statistics alone change."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from modescape.methods import BOTH
from modescape.plots import style
from modescape.plots.style import method_look

if TYPE_CHECKING:
    import xarray as xr

BATCH_NORM = {  # policy: sentence
    "recompute": "Batch-norm statistics, if any, are recomputed at every point.",
    "stored": "Batch-norm statistics, if any, are those of a solution.",
}


def batch_norm(dataset: xr.Dataset) -> str:
    """Whose batch-norm statistics networks at the points of a cut or a path have; "" where it is not known."""
    return BATCH_NORM.get(str(dataset.attrs.get("batch_norm", "")), "")


def similar(dataset: xr.Dataset) -> str:
    """The definition of similarity to a solution."""
    if "accuracy" in dataset:
        return (
            "Similarity: max(0, 1 \N{MINUS SIGN} d / (1 \N{MINUS SIGN} a)), d the share of labels that differ from the "
            "solution's, a the accuracy there."
        )
    return (
        "Similarity: max(0, 1 \N{MINUS SIGN} d / \N{SQUARE ROOT}(e\N{SUPERSCRIPT TWO} + b\N{SUPERSCRIPT TWO})), d the "
        "root mean square distance from the solution's predictions, e and b the errors there and of the solution."
    )


def stepping(dataset: xr.Dataset) -> dict[str, list[str]]:
    """Names of methods by their choice: "edge" (the last step that was tried), "none" (step 0) or "inside"."""
    found: dict[str, list[str]] = {"edge": [], "none": [], "inside": []}
    for method in dataset["approach"].values:
        own = dataset.sel({"approach": method})
        chosen, edge = float(own["chosen"]), float(own["edge"])
        if not np.isfinite([chosen, edge]).all():
            continue
        step = float(own["step"].sel(draw=int(chosen)))
        kind = "edge" if edge else "inside" if step else "none"
        found[kind].append(method_look(str(method)).name)
    return found


def choices(dataset: xr.Dataset | None) -> str:
    """Which methods do best with no step, and which with the last one that was tried; "" where none does."""
    if dataset is None or "edge" not in dataset:
        return ""
    found, sentences = stepping(dataset), []
    if found["none"]:
        sentences.append(
            f"No step was better than the centre alone, where all samples are one, for {_listing(found['none'])}."
        )
    if found["edge"]:
        sentences.append(
            f"The last step tried is the best of {_listing(found['edge'])}: a better one may lie beyond it."
        )
    if unsure := _unsettled(dataset):
        sentences.append(
            f"Whether any step helps is unclear for {_listing(unsure)}: the 95 % interval of the choice reaches "
            "down to no step."
        )
    return " ".join(sentences)


def _unsettled(dataset: xr.Dataset) -> list[str]:
    """Methods whose chosen step is beyond 0 and has an interval that begins at 0."""
    found = []
    for method in dataset["approach"].values:
        own = dataset.sel({"approach": method})
        low, chosen = float(own["chosen_low"]), float(own["chosen"])
        if not np.isfinite([low, chosen]).all():
            continue
        if own["step"].sel(draw=int(chosen)) > 0 and own["step"].sel(draw=int(low)) == 0:
            found.append(method_look(str(method)).name)
    return found


def statistics(dataset: xr.Dataset) -> str:
    """How far stored and recomputed batch-norm statistics differ for the solutions; "" without batch norm."""
    if not dataset.attrs.get("batch_norm_layers"):
        return ""
    numbers = "stored_disagreement" not in dataset  # of a regression
    (first, second), losses = (
        [float(dataset[f"{kind}_score"].sel(metric=metric)) for kind in ("stored", "recomputed")]
        for metric in ("rmse" if numbers else "accuracy", "nll")
    )
    used = "as here" if dataset.attrs.get("batch_norm") == "recompute" else "not as here"
    if numbers:
        return (
            f"Batch norm: with the statistics of its training the mean solution has an RMSE of {first:.4g} and a loss "
            f"of {losses[0]:.3f} nats, with recomputed ones ({used}) {second:.4g} and {losses[1]:.3f} nats; their "
            f"predictions are {float(dataset['stored_prediction_distance'].mean()):.2g} apart."
        )
    return (
        f"Batch norm: with the statistics of its training the mean solution has {100 * first:.1f} % accuracy and a "
        f"loss of {losses[0]:.3f} nats, with recomputed ones ({used}) {100 * second:.1f} % and {losses[1]:.3f} nats; "
        f"{100 * float(dataset['stored_disagreement'].mean()):.2g} % of the labels differ, and the Jensen-Shannon "
        f"divergence of the two is {float(dataset['stored_jensen_shannon'].mean()):.2g} nats."
    )


def place(scale: float, distance: float) -> str:
    """Setting and distance of a method: "setting 0.1, distance 0.05", or that it does not step; "" for solutions."""
    if np.isnan(scale) and distance == 0:
        return "moves no weights"
    parts = (("setting", scale), ("distance", distance))
    words = ", ".join(f"{name} {value:.3g}" for name, value in parts if np.isfinite(value))
    return f"{words} (no step)" if scale == 0 else words


def places(dataset: xr.Dataset, dim: str = "approach") -> str:
    """Where each method's networks lie, for a caption; "" where no method steps. Sums over solutions are left out."""
    parts = []
    for method in (str(name) for name in dataset[dim].values if not str(name).startswith(BOTH)):
        own = dataset.sel({dim: method})
        if words := place(float(own["scale"]), float(own["distance"])):
            parts.append(f"{method_look(method).name}: {words}")
    if not parts:
        return ""
    return f"Setting of each, and its distance from the solution over the length of the weights: {'; '.join(parts)}."


def small(value: float) -> str:
    """A number of one digit without an "e": 0.02, 7 x 10 to the power of -7 with a raised exponent."""
    digit, _, power = f"{value:.1g}".partition("e")
    times = "\N{NO-BREAK SPACE}\N{MULTIPLICATION SIGN}\N{NO-BREAK SPACE}10"
    return f"{digit}{times}{str(int(power)).translate(style.SUPERSCRIPTS)}" if power else digit


def control(dataset: xr.Dataset) -> str:
    """How far networks at distance 0 are from the solution; "" where no method steps."""
    values = dataset["control"].values if "control" in dataset else np.array([])
    if not np.isfinite(values).any():
        return ""
    most = float(np.nanmax(values))
    if dataset.attrs.get("task") == "regression":
        return (
            f"Control: at distance 0 no prediction differs from the solution's by more than {small(most)} deviations."
        )
    return f"Control: at distance 0 no probability differs from the solution's by more than {small(most)}."


def endings(dataset: xr.Dataset, dim: str = "approach") -> str:
    """The end of every caption on networks around solutions: their distances, the control, and missing members."""
    return style.sentences(places(dataset, dim), control(dataset), style.left_out(dataset))


def _listing(names: list[str]) -> str:
    """Names in a sentence; a comma inside a name becomes parentheses."""
    split = [name.partition(", ") for name in names]
    names = [f"{name} ({setting})" if setting else name for name, _, setting in split]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
