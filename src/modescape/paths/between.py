"""The barrier between two networks in one call: as they are, reset, aligned, aligned and reset."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from statistics import NormalDist
from typing import Any

import numpy as np
from torch import nn

from modescape import tree
from modescape.alignment.aligning import Alignment, align
from modescape.alignment.running import State, separate
from modescape.errors import InputError
from modescape.landscape.criteria import Loss
from modescape.paths.barrier import barrier as height
from modescape.paths.path import POINTS, RESETS, Path, Profile

KINDS = ("raw", "raw_reset", "aligned", "aligned_reset")
NAN = float("nan")


@dataclass(frozen=True)
class Heights:
    """Barriers in one unit, with the ends of their intervals; NaN for those not asked for."""

    raw: float = NAN
    raw_low: float = NAN
    raw_high: float = NAN
    raw_reset: float = NAN
    raw_reset_low: float = NAN
    raw_reset_high: float = NAN
    aligned: float = NAN
    aligned_low: float = NAN
    aligned_high: float = NAN
    aligned_reset: float = NAN
    aligned_reset_low: float = NAN
    aligned_reset_high: float = NAN


@dataclass(frozen=True)
class Barrier(Heights):
    """Barriers in the loss (nats with cross-entropy); those in the error are in ``error``."""

    error: Heights = Heights()  # shares of wrong answers; all NaN where targets are not classes
    level: float = 0.95  # of the intervals, for new examples, with the networks and the position of the maximum fixed
    profiles: Mapping[str, Profile] = field(default_factory=dict)  # loss and error along each line, by kind
    alignment: Alignment | None = None


def barrier(
    model: nn.Module,
    a: State,
    b: State,
    batches: Any,
    *,
    loss: str | Loss = "cross_entropy",
    t: Any = POINTS,
    reset: str = "auto",
    reset_batches: Any = None,
    aligned: bool = True,
    method: str = "weights",
    partial: bool = False,
    level: float = 0.95,
    seed: int = 0,
) -> Barrier:
    """Measure the loss barrier on the straight line between two networks.

    max over t of L(w(t)) - [(1 - t) L(w(0)) + t L(w(1))], for the networks as they are (``raw``), with the units of
    ``b`` put in the order of ``a`` (``aligned``), and both with batch norm's statistics recomputed at each t, or
    REPAIR for networks without batch norm (``..._reset``).

    Args:
        model: the architecture.
        a: weights of one network: by name, a module, or a `ModelState`.
        b: weights of the other.
        batches: pairs (inputs, target) on which losses are measured.
        loss: a name (`modescape.landscape.criteria`), or a function (output, target) -> mean over a batch.
        t: positions from 0 to 1, or a number of equally spaced ones.
        reset: "auto", "batch_norm" or "repair", as for `Path.profile`; "none" leaves both ``..._reset`` out.
        reset_batches: data for the reset and for matching activations; default: ``batches``.
        aligned: False omits the aligned barriers.
        method: of the alignment, as for `align`, as are ``partial`` and ``seed``.
        partial: align the other units even if some feed an operation whose symmetry is unknown.
        level: of the intervals.
        seed: of the alignment.

    Returns:
        the barriers with intervals over examples (of the mean excess at the highest t, by its standard error), and what
        was measured at each t.

    Raises:
        InputError: on weights of another architecture, on batches without targets, or naming the layer for whose units
            no permutation is known.

    Source: Entezari et al. 2022, arXiv 2110.06296; Jordan et al. 2022, arXiv 2211.08403.
    """
    if reset not in RESETS:
        raise InputError(f"reset is {reset!r}; expected one of {', '.join(RESETS)}")
    if not 0 < level < 1:
        raise InputError(f"level is {level}; expected a number between 0 and 1")
    one, two = separate(model, a, "a"), separate(model, b, "b")
    settings = {"loss": loss, "t": t, "reset_batches": reset_batches}
    found = (
        align(model, one, two, _data(batches, reset_batches), method, partial=partial, seed=seed) if aligned else None
    )
    lines = {"raw": Path.straight(model, one, two)}
    if found is not None:
        lines["aligned"] = Path.straight(model, one, tree.parted(found.state, two))
    profiles = {}
    for name, line in lines.items():
        profiles[name] = line.profile(batches, reset="none", **settings)
        if reset != "none":
            profiles[f"{name}_reset"] = line.profile(batches, reset=reset, **settings)
    of_loss, of_error = {}, {}
    for name, profile in profiles.items():
        of_loss |= heights(name, profile.t, profile.losses, level)
        if profile.errors is not None:
            of_error |= heights(name, profile.t, profile.errors, level)
    return Barrier(**of_loss, error=Heights(**of_error), level=level, profiles=profiles, alignment=found)


def _data(batches: Any, reset_batches: Any) -> Any:
    return batches if reset_batches is None else reset_batches


def heights(name: str, t: np.ndarray, values: np.ndarray, level: float) -> dict[str, float]:
    """A barrier and both ends of its interval, by names.

    Args:
        name: of the barrier.
        t: positions, [t].
        values: loss or error of each example at each position, [t, example].
        level: of the interval (of a mean over examples).
    """
    high = float(height(t, values.mean(-1)))
    each = excess(t, values)
    width = NAN
    if len(each) > 1:
        width = NormalDist().inv_cdf((1 + level) / 2) * float(each.std(ddof=1)) / len(each) ** 0.5
    return {name: high, f"{name}_low": high - min(width, high), f"{name}_high": high + width}


def excess(t: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Each example's excess over the line between its values at the ends, at the position where the mean is highest.

    Args:
        t: positions, [t].
        values: loss or error of each example at each position, [t, example].

    Returns:
        [example], whose mean is the barrier.

    >>> excess(np.array([0.0, 0.5, 1.0]), np.array([[0.0, 1.0], [4.0, 1.0], [0.0, 1.0]])).tolist()
    [4.0, 0.0]
    """
    return highest(above_line(t, values))


def above_line(t: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Excess of each example over the line between its values at the ends, [t, example] -> [t, example]."""
    return values - ((1 - t)[:, None] * values[0] + t[:, None] * values[-1])


def highest(above: np.ndarray) -> np.ndarray:
    """The row [example] of an excess [t, example] with the largest mean; a row of NaN if there is one."""
    return above[int(above.mean(-1).argmax())]
