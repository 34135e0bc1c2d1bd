"""Whether another run of the recipe gives the same bits, and why not where it may not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

MEASURED = (
    "Made on a GPU by a plan that was measured: a run that goes on with this study keeps its groups and kernels, and "
    "so its bits, but a study begun anew may measure others, which add in another order. Its float32 sums then differ "
    "in their last bits, and training magnifies that. compute.determinism: strict measures nothing."
)
ATOMICS = (
    "Made on a GPU with a network that is not one of this package: if torch adds with atomics somewhere in its "
    "gradient (indexing, interpolation, pooling of windows that overlap), the order of those sums is not fixed, and "
    "repeated runs may differ in their last bits whatever the plan. The kernels of this package use no atomics."
)


SAMPLES = (
    "This network draws random numbers when it is evaluated: its predictions are a sample of what it may say. They "
    "come from streams named by its weights, so the same weights always say the same here."
)


MIXES = (
    "What this network says of an image depends on the images that are evaluated with it: its predictions hold for the "
    "batches in which they were made."
)


def network_notes(manifest: Mapping[str, Any]) -> list[str]:
    """Sentences on what is unusual about the network, as its trial found it."""
    network = manifest.get("network") or {}
    notes = {"draws_in_evaluation": SAMPLES, "mixes_examples": MIXES}
    return [note for habit, note in notes.items() if network.get(habit)]


def repeat_notes(manifest: Mapping[str, Any], own_network: bool) -> list[str]:
    """Sentences on why repeated runs may differ in their last bits; none for a study that was made on a CPU.

    Args:
        manifest: of the study.
        own_network: the network is the user's, so what torch does in its gradient is not known.
    """
    plan = manifest.get("plan") or {}
    if plan.get("device") != "cuda":
        return []
    return [MEASURED] * bool(plan.get("measured")) + [ATOMICS] * own_network
