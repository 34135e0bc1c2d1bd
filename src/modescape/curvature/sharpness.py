"""How far the loss rises near a point: at worst within a ball, and on average over random steps of its radius."""

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
        """At many points."""
        ...

    def value_and_gradient(self, point: Any = None, /) -> tuple[float, Params]:
        """At one."""
        ...


@dataclass(frozen=True, eq=False)
class Sharpness:
    """What a ball around a point holds.

    Attributes:
        value: loss at the point.
        worst: the largest loss that was found in the ball, less that at the point; a lower bound of the largest.
        average: mean over random steps to the ball's surface, less the loss at the point.
        standard_error: of the average, over the steps.
        step: to where the worst was found, tensors by names.
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
    """The loss in the ball |step| <= radius, or |step / |w|| <= radius.

    Ascent by the gradient's direction on the ball's surface, from several random starts: of a quadratic that is the
    power iteration, and finds 1/2 radius^2 times the largest eigenvalue at a minimum. Every point is evaluated under
    the field's own batch-norm policy.

    Args:
        field: values and gradients.
        point: tensors by names; default: the field's point of interest.
        radius: weight units; a share of each weight where adaptive.
        adaptive: measure each weight's step by the weight's size, which no rescaling of layers changes (Kwon et al.
            2021, arXiv 2102.11600).
        ascents: random starts.
        steps: gradients of each.
        samples: random steps of the average.
        seed: of the streams.

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
