"""A path between two networks, and the loss and error along it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from modescape.alignment.running import Setting
from modescape.errors import InputError
from modescape.landscape.criteria import Loss
from modescape.paths.curves import SHAPES
from modescape.paths.repair import moments, repairing
from modescape.types import ModelState, Params

POINTS = 11  # positions at which a path is evaluated by default
RESETS = ("none", "batch_norm", "repair", "auto")


@dataclass(frozen=True)
class Profile:
    """Loss and error along a path, example by example."""

    t: np.ndarray  # positions, float64 [t]
    losses: np.ndarray  # nats (or the loss's own unit), float64 [t, example]
    errors: np.ndarray | None  # share of wrong answers, float64 [t, example]; None where targets are not classes

    @property
    def loss(self) -> np.ndarray:
        """Mean loss at each position, [t]."""
        return self.losses.mean(-1)

    @property
    def error(self) -> np.ndarray:
        """Share of wrong answers at each position, [t]; NaN where targets are not classes."""
        return self.losses.mean(-1) * np.nan if self.errors is None else self.errors.mean(-1)


@dataclass(frozen=True)
class Path:
    """The points that define a path between two networks of one architecture."""

    model: nn.Module
    shape: str  # of `SHAPES`
    points: Params  # trained tensors, both ends included, [point, ...]
    ends: tuple[Params, Params]  # buffers of both ends
    losses: Sequence[float] = ()  # of each step of the fit, at the step's own position and batch

    def __post_init__(self) -> None:
        if self.shape not in SHAPES:
            raise InputError(f"path is {self.shape!r}; expected one of {', '.join(SHAPES)}")

    @classmethod
    def straight(cls, model: nn.Module, a: ModelState, b: ModelState) -> Path:
        """The line between two networks."""
        points = {name: torch.stack([a.params[name], b.params[name]]) for name in a.params}
        return cls(model, "linear", points, (a.buffers, b.buffers))

    def at(self, t: float, batches: Any = None) -> Params:
        """Weights and buffers at a position.

        Args:
            t: from 0 to 1.
            batches: data on which batch-norm statistics are recomputed for exactly these weights; without it, those of
                the ends are interpolated, which is correct at the ends only.

        Raises:
            InputError: if t is outside.
        """
        if not 0 <= t <= 1:
            raise InputError(f"t is {t}; expected a position from 0 to 1")
        number = len(next(iter(self.points.values())))
        weights = SHAPES[self.shape](torch.tensor([t], dtype=torch.float64), number)[0]
        tensors = {
            name: torch.tensordot(weights.to(stacked), stacked, dims=1) if stacked.is_floating_point() else stacked[0]
            for name, stacked in self.points.items()
        }
        for name, one in self.ends[0].items():
            tensors[name] = torch.lerp(one, self.ends[1][name].to(one), t) if one.is_floating_point() else one
        return tensors if batches is None else Setting.of(self.model, batches).recomputed(tensors)

    def profile(
        self,
        batches: Any,
        *,
        loss: str | Loss = "cross_entropy",
        t: Any = POINTS,
        reset: str = "auto",
        reset_batches: Any = None,
    ) -> Profile:
        """Loss and error of every example at positions of the path.

        Args:
            batches: pairs (inputs, target).
            loss: a name (`modescape.landscape.criteria`), or a function (output, target) -> mean over a batch.
            t: positions, or a number of equally spaced ones, both ends included.
            reset: "none" (statistics of the ends are interpolated), "batch_norm" (recomputed at each position),
                "repair" (each unit's mean and standard deviation are set to those interpolated between the ends, arXiv
                2211.08403), "auto" (batch_norm if the network has it, else repair).
            reset_batches: data for the reset; default: ``batches``. Use training data if ``batches`` are test data.

        Raises:
            InputError: on an unknown name, or positions outside 0 to 1.
        """
        if reset not in RESETS:
            raise InputError(f"reset is {reset!r}; expected one of {', '.join(RESETS)}")
        setting = Setting.of(self.model, batches, loss, reset_batches)
        places = np.linspace(0, 1, t) if isinstance(t, int) else np.asarray(t, dtype=np.float64)
        repaired = reset == "repair" or (reset == "auto" and not setting.normalised)

        def state(place: float) -> Params:
            return self.at(place) if reset == "none" else setting.recomputed(self.at(place))

        targets = [moments(setting, state(end)) for end in (0.0, 1.0)] if repaired else None
        rows = []
        for place in places.tolist():
            tensors = state(place)
            if targets is None or place in (0.0, 1.0):  # at an end, repairing changes nothing
                rows.append(setting.examined(tensors))
            else:
                with repairing(setting, tensors, targets, place):
                    rows.append(setting.examined(tensors))
        found = [None if one is None else one.numpy() for _, one in rows]
        wrong = np.stack([one for one in found if one is not None]) if all(one is not None for one in found) else None
        return Profile(places, np.stack([each.numpy() for each, _ in rows]), wrong)
