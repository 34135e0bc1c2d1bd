"""How far the loss rises near a point: at most within a ball, and on average over random steps of its radius."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from modescape import rng, tree
from modescape.errors import InputError
from modescape.types import Params


class Value(Protocol):
    """A scalar field with a gradient, as `modescape.Landscape`."""

    @property
    def params(self) -> Params:
        """The point of interest."""
        ...

    def values(self, points: Any, /) -> np.ndarray:
        """Losses at many points, [point]."""
        ...

    def value_and_gradient(self, point: Any = None, /) -> tuple[float, Params]:
        """Loss and gradient at one point."""
        ...


@dataclass(frozen=True, eq=False)
class Sharpness:
    """The rise of the loss within a ball around a point.

    Attributes:
        value: loss at the point.
        worst: the largest loss found in the ball minus that at the point; a lower bound of the true maximum.
        average: mean over random steps to the ball's surface, minus the loss at the point.
        standard_error: of the average, over the steps.
        step: from the point to where the largest was found, tensors by name.
    """

    value: float
    worst: float
    average: float
    standard_error: float
    step: Params


def sharpness(
    field: Value,
    point: Mapping[str, Tensor] | None = None,
    radius: float = 0.05,
    *,
    adaptive: bool = False,
    ascents: int = 2,
    steps: int = 10,
    samples: int = 16,
    seed: int = 0,
) -> Sharpness:
    """Measure the rise of the loss in the ball |step| <= radius, or |step / |w|| <= radius if adaptive.

    Gradient ascent on the ball's surface, normalised, from several random starts: on a quadratic this is power
    iteration, and at a minimum finds 1/2 radius^2 times the largest eigenvalue. Every point is evaluated under the
    field's own batch-norm policy.

    Args:
        field: values and gradients.
        point: tensors by name; default: the field's point of interest.
        radius: in weight units; relative to each weight if adaptive.
        adaptive: measure each weight's step relative to the weight, invariant to rescaling of layers (Kwon et al.
            2021, arXiv 2102.11600).
        ascents: number of random starts.
        steps: gradient steps from each.
        samples: random steps for the average.
        seed: of the random steps and starts.

    Raises:
        InputError: if the radius is not above 0.
    """
    if not radius > 0:
        raise InputError(f"the radius is {radius}; expected a number above 0")
    base = field.params if point is None else {name: point[name] for name in field.params}
    brought = {} if point is None else {name: tensor for name, tensor in point.items() if name not in base}
    start = tree.ravel(base)
    size = start.abs() if adaptive else torch.ones_like(start)

    def at(unit: Tensor) -> Params:
        return brought | tree.unravel(start + radius * size * unit, base)

    def random(purpose: str, number: int) -> Tensor:
        drawn = rng.normal(torch.tensor(rng.key(seed, purpose, number), device=start.device), len(start)).to(start)
        return drawn / drawn.norm()

    value = float(field.values([brought | base])[0])
    around = field.values([at(random("ball", number)) for number in range(samples)]) - value
    best, where = 0.0, torch.zeros_like(start)
    for number in range(ascents):
        unit = random("ascent", number)
        for _ in range(steps):
            found, gradient = field.value_and_gradient(at(unit))
            if found - value > best:
                best, where = found - value, unit
            uphill = size * tree.ravel(gradient, base)
            length = uphill.norm()
            if not float(length) > 0 or not bool(torch.isfinite(length)):
                break
            unit = uphill / length
        last = float(field.values([at(unit)])[0]) - value
        if last > best:
            best, where = last, unit
    error = float(around.std(ddof=1) / np.sqrt(samples)) if samples > 1 else float("nan")
    average = float(around.mean()) if samples else float("nan")
    return Sharpness(value, best, average, error, tree.unravel(radius * size * where, base))
