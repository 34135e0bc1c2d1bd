"""Words about how far methods step from a solution, and about what batch-norm statistics alone change."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from modescape.plots.style import method_look

if TYPE_CHECKING:
    import xarray as xr


def stepping(dataset: xr.Dataset) -> dict[str, list[str]]:
    """Names of methods by their choice: "edge" (the last step that was tried), "none" (step 0) or "inside"."""
    found: dict[str, list[str]] = {"edge": [], "none": [], "inside": []}
    for method in dataset["method"].values:
        own = dataset.sel({"method": method})
        step = float(own["step"].sel(draw=int(own["chosen"])))
        kind = "edge" if int(own["edge"]) else "inside" if step else "none"
        found[kind].append(method_look(str(method)).name)
    return found


def choices(dataset: xr.Dataset | None) -> str:
    """Which methods do best with no step, and which with the last one that was tried; "" where none does."""
    if dataset is None or "edge" not in dataset:
        return ""
    found, sentences = stepping(dataset), []
    if found["none"]:
        sentences.append(
            f"No step helps {_listing(found['none'])}: best is the centre alone, where all samples are one."
        )
    if found["edge"]:
        sentences.append(
            f"The last step that was tried is the best of {_listing(found['edge'])}: a better one may lie beyond it."
        )
    return " ".join(sentences)


def statistics(dataset: xr.Dataset) -> str:
    """How far stored and recomputed batch-norm statistics differ for the solutions; "" without batch norm."""
    if not dataset.attrs.get("batch_norm_layers"):
        return ""
    (first, second), losses = (
        [float(dataset[f"{kind}_score"].sel(metric=metric)) for kind in ("stored", "recomputed")]
        for metric in ("accuracy", "nll")
    )
    used = "as here" if dataset.attrs.get("batch_norm") == "recompute" else "not as here"
    return (
        f"Batch norm: with the statistics of its training the mean solution has {100 * first:.1f} % accuracy and a "
        f"loss of {losses[0]:.3f} nats, with recomputed ones ({used}) {100 * second:.1f} % and {losses[1]:.3f} nats; "
        f"{100 * float(dataset['stored_disagreement'].mean()):.2g} % of the labels differ, and the Jensen-Shannon "
        f"divergence of the two is {float(dataset['stored_jensen_shannon'].mean()):.2g} nats."
    )


def place(scale: float, distance: float) -> str:
    """Setting and distance of a method for a pointer: "setting 0.1, distance 0.05"; "" where it has none."""
    parts = (("setting", scale), ("distance", distance))
    return ", ".join(f"{name} {value:.3g}" for name, value in parts if np.isfinite(value))


def _listing(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
