"""Helpers for the made-up results."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from modescape.analyses.stating import Variables

EXAMPLES = 10_000
CROSSED = "95 %: new members on new examples; ..._these: these members on new examples"


def stated(methods: Sequence[str], dim: str = "approach", draws: int = 0) -> dict:
    """Scale, distance and control of methods, as in every result with sampled networks; [method] or [method, draw]."""
    place = np.arange(len(methods), dtype=float)
    without = np.isin(methods, ("single", "independent"))
    scale = np.where(without | np.isin(methods, ("trajectory", "mc_dropout", "weight_average")), np.nan, 0.1 + place)
    distance, control = np.where(without, np.nan, 0.05 + 0.01 * place), np.where(without, np.nan, 0.0)
    dims, shape = ((dim, "draw"), (1, draws)) if draws else ((dim,), ())
    scale, distance = (np.multiply.outer(one, np.ones(draws)) if shape else one for one in (scale, distance))
    return {
        "scale": (dims, scale, "1", "setting of the method"),
        "distance": (dims, distance, "1", "distance over the length of the weights"),
        "control": ((dim,), control, "1", "difference at distance 0"),
    }


def interval(
    name: str, dims: tuple[str, ...], value: np.ndarray, half: Any, unit: str, *, these: bool = False
) -> Variables:
    """Both ends of an interval around a variable.

    Args:
        name: of the variable; its ends are ``..._low`` and ``..._high``.
        dims: of the variable.
        value: of the variable.
        half: half of the interval, or both ends.
        unit: of the variable.
        these: for these members, in ``..._low_these`` and ``..._high_these``.
    """
    ends = half if isinstance(half, tuple) else (value - half, value + half)
    which, whose = ("_these", "for these members") if these else ("", "of the 95 % interval")
    said = zip(("low", "high"), ("lower", "upper"), ends, strict=True)
    return {f"{name}_{end}{which}": (dims, values, unit, f"{word} end {whose}") for end, word, values in said}


def about(members: int, *, examples: int = EXAMPLES, repeats: int = 1, intervals: str = "none") -> dict[str, Any]:
    """Attributes of every dataset: arguments of `modescape.results.make_result`."""
    provenance = {"recipe_hash": "0123456789abcdef", "recipe_name": "example", "version": "0.1.0", "seed": 0}
    provenance |= {"examples": examples, "members": members, "repeats": repeats}
    return {"intervals": intervals, "provenance": provenance, "left_out": ""}


SUBSPACE = ("random", "dropout", "mc_dropout", "diagonal", "low_rank", "low_rank_scaled", "pca_random", "swag")
CLASSES = 10
METRICS = ("accuracy", "nll", "brier", "ece")
SCORE = "1 (nats for nll)"
SUBSPACES = ("random", "dropout", "diagonal", "low_rank", "low_rank_scaled", "pca_random", "swag")
# gain of K samples around one solution over the solution: accuracy, NLL, Brier, ECE; Jensen-Shannon of the samples
WITHIN = {
    "trajectory": (0.0115, -0.065, -0.038, -0.03, 0.091),
    "weight_average": (0.007, -0.05, -0.015, -0.012, np.nan),
    "random": (0.0065, -0.07, -0.039, -0.028, 0.082),
    "dropout": (0.005, -0.06, -0.03, -0.025, 0.061),
    "diagonal": (0.0085, -0.045, -0.025, -0.018, 0.023),
    "low_rank": (0.0095, -0.055, -0.032, -0.022, 0.046),
    "low_rank_scaled": (0.0115, -0.068, -0.039, -0.026, 0.050),
    "pca_random": (0.003, -0.03, -0.015, -0.012, 0.031),
    "swag": (0.010, -0.06, -0.034, -0.024, 0.042),
}
ALONE = np.array([0.718, 0.92, 0.453, 0.09])  # of one network
ACROSS = np.array([0.066, -0.23, -0.155, -0.055])  # gain of infinitely many networks
HALF = np.array([0.005, 0.016, 0.006, 0.004])  # half of an interval


def given_names(count: int) -> list[str]:
    """Names of given models, some of them awkward."""
    awkward = ["<b>wide</b> & $deep$", "a name that is longer than there is room for on any axis"]
    return [*awkward[:count], *(f"model-{number}" for number in range(2, count))]
