"""Regression with one or several outputs; the network predicts means and, optionally, log-variances.

Outputs are in standard deviations of the training targets: the first half means, the second log-variances. What is
predicted, stored and scored is in the target's unit.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from modescape.errors import InputError
from modescape.tasks.base import Field, Stored, constant, slope_of

if TYPE_CHECKING:
    import numpy as np
    import torch
    from torch import Tensor

    from modescape import recipe

STORED = Stored(
    fields=(
        Field("mean", "unit of the target", "predicted mean"),
        Field("log_variance", "1", "logarithm of the predicted variance in squares of the target's unit"),
    ),
    axis="output",
    target=Field("target", "unit of the target", "true value"),
    target_kind="float64",
)
LEAST, MOST = -12.0, 12.0  # log-variance of an output in the loss: deviations of 1/400 to 400 of the targets'
FAR = 20.0  # robust standard deviations of the training targets beyond which a target is reported as out of scale


@dataclass(frozen=True)
class Regression:
    """Gaussian likelihood of standardised targets, or half the squared error where the mean alone is predicted.

    Targets are [..., example, output].
    """

    names: tuple[str, ...]  # of the outputs
    mean: tuple[float, ...]  # of the training targets, [output]
    deviation: tuple[float, ...]  # likewise
    variance: bool = True  # whether the network predicts it; else it is estimated from validation errors
    unit: str = ""  # of the target

    @property
    def kind(self) -> str:
        """See `Task`."""
        return "regression"

    @property
    def column(self) -> str:
        """See `Task`."""
        return "rmse"

    @property
    def stored(self) -> Stored:
        """Means and log-variances."""
        return STORED

    @classmethod
    def of(cls, about: Mapping[str, Any]) -> Regression:
        """The inverse of `as_dict`."""
        numbers = {key: tuple(map(float, about[key])) for key in ("mean", "deviation")}
        return cls(tuple(map(str, about["names"])), **numbers, variance=about["variance"], unit=str(about["unit"]))

    def as_dict(self) -> dict[str, Any] | None:
        """See `Task`."""
        numbers = {"mean": list(self.mean), "deviation": list(self.deviation)}
        return {"kind": self.kind, "names": list(self.names), **numbers, "variance": self.variance, "unit": self.unit}

    @classmethod
    def of_targets(cls, settings: recipe.Task, train: np.ndarray, names: tuple[str, ...]) -> Regression:
        """The task of a recipe, with the scale of the training targets [example, output].

        Raises:
            InputError: on settings of classes, and on a constant target.
        """
        if settings.class_weights is not None:
            raise InputError("task.class_weights is set, and the targets are numbers, not classes; leave it out")
        return cls.fit(train, names, variance=settings.variance, unit=settings.unit)

    @classmethod
    def fit(cls, train: np.ndarray, names: tuple[str, ...], *, variance: bool, unit: str) -> Regression:
        """With the mean and the deviation of the training targets [example, output].

        Raises:
            InputError: if a target is the same everywhere.
        """
        mean, deviation = train.mean(0), train.std(0)
        for name, spread, centre in zip(names, deviation.tolist(), mean.tolist(), strict=True):
            if not spread > 1e-12 * abs(centre):
                raise InputError(
                    f"the target {name!r} is {centre:g} in all {len(train):,} training examples; nothing can be "
                    "learned from a constant. Name another column, or give more examples"
                )
        return cls(names, tuple(mean.tolist()), tuple(deviation.tolist()), variance, unit)

    @property
    def outputs(self) -> int:
        """Numbers of a target."""
        return len(self.names)

    @property
    def width(self) -> int:
        """Numbers that the network gives."""
        return self.outputs * (2 if self.variance else 1)

    @property
    def predicted(self) -> int:
        """Means and log-variances."""
        return 2 * self.outputs

    def check(self, target: np.ndarray, name: str) -> None:
        """Check that targets are finite and not too large.

        Raises:
            InputError: naming the row.
        """
        import numpy as np

        if target.ndim != 2 or target.shape[1] != self.outputs or target.dtype.kind != "f":
            raise InputError(
                f"{name}: targets are {target.dtype} {list(target.shape)}, expected [example, {self.outputs}]"
            )
        rows = np.flatnonzero(~np.isfinite(target).all(1))
        if len(rows):
            raise InputError(
                f"{name}: the target of row {rows[0]} is {target[rows[0]].tolist()}, expected finite numbers; "
                f"{len(rows)} such rows"
            )

    @staticmethod
    def far(target: np.ndarray, train: np.ndarray, name: str) -> tuple[str, ...]:
        """A sentence about targets far out of the scale of the training targets; empty if there are none.

        The scale is 1.48 times the median distance of the training targets from their median, which a few outliers
        among them do not affect; if half of the targets are equal, it is their standard deviation.
        """
        import numpy as np

        centre = np.median(train, axis=0)
        scale = 1.4826 * np.median(np.abs(train - centre), axis=0)
        apart = np.abs(target - centre) / np.where(scale > 0, scale, train.std(0))
        rows, outputs = np.nonzero(apart > FAR)
        if not len(rows):
            return ()
        count = len(set(rows.tolist()))
        many = "1 target" if count == 1 else f"{count:,} targets"
        lies = "lies" if count == 1 else "lie"
        return (
            f"{many} {name} {lies} more than {FAR:g} deviations from the median training target (such as "
            f"{target[rows[0], outputs[0]]:g}); {'it dominates' if count == 1 else 'they dominate'} the squared error.",
        )

    def smoothed(self, share: float) -> Regression:
        """Not possible.

        Raises:
            InputError: always.
        """
        raise InputError(
            f"train.label_smoothing is {share:g}, and a regression has no classes to smooth over; set it to 0"
        )

    def seen(self, target: Tensor) -> Tensor:
        """In standard deviations from the mean, float32."""
        mean, deviation = (constant(values, target.device, target.dtype) for values in (self.mean, self.deviation))
        return ((target - mean) / deviation).float()

    def loss(self, output: Tensor, target: Tensor) -> Tensor:
        """- log density in nats of the standardised target, or half the squared error; sum over outputs."""
        import torch

        wide = output.to(torch.promote_types(output.dtype, torch.float32))
        if not self.variance:
            return 0.5 * (wide - target).square().sum(-1)
        mean, log_variance = wide.chunk(2, -1)
        return _nll(mean, log_variance.clamp(LEAST, MOST), target)

    def mean_loss(self, output: Tensor, target: Tensor) -> Tensor:
        """Mean over the examples."""
        return self.loss(output, target).mean(-1)

    def slope(self, output: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """By autograd."""
        return slope_of(lambda own: self.mean_loss(own, target), output)

    def tally(self, output: Tensor, target: Tensor) -> Tensor:
        """Squared errors in the target's unit, mean over outputs, float64."""
        import torch

        deviation = constant(self.deviation, output.device, torch.float64)
        error = (output[..., : self.outputs].double() - target.double()) * deviation
        return error.square().mean(-1).sum(-1)

    def tally_kind(self) -> torch.dtype:
        """Sums of squares."""
        import torch

        return torch.float64

    def told(self, mean: Tensor) -> Tensor:
        """The RMSE."""
        return mean.sqrt()

    def predictive(self, output: Tensor) -> Tensor:
        """Means and log-variances in the target's unit; without predicted variance, that of the training targets."""
        import torch

        mean, deviation = (constant(values, output.device, output.dtype) for values in (self.mean, self.deviation))
        if self.variance:
            own, log_variance = output.chunk(2, -1)
            log_variance = log_variance.clamp(LEAST, MOST)
        else:
            own, log_variance = output, torch.zeros_like(output)
        return torch.cat([own * deviation + mean, log_variance + 2 * deviation.log()], -1)

    def probe(self, predictive: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """Mean loss, as it is trained on, and RMSE."""
        import torch

        about = (constant(values, predictive.device, torch.float64) for values in (self.mean, self.deviation))
        centre, deviation = about
        mean, log_variance = predictive.double().chunk(2, -1)
        z, own = (target.double() - centre) / deviation, (mean - centre) / deviation
        loss = _nll(own, log_variance - 2 * deviation.log(), z) if self.variance else 0.5 * (own - z).square().sum(-1)
        return loss.mean(-1), (mean - target).square().mean((-2, -1)).sqrt()

    def nothing(self, examples: int) -> np.ndarray:
        """NaN, float64 [example, output]."""
        import numpy as np

        return np.full((examples, self.outputs), np.nan)

    @property
    def needs_validation(self) -> bool:
        """Whether the network predicts no variance."""
        return not self.variance

    def completed(self, predictive: np.ndarray, validation: np.ndarray, target: np.ndarray) -> np.ndarray:
        """A prediction whose variance, if the network predicts none, is that of the validation errors.

        Args:
            predictive: [example, 2 x output].
            validation: predictions of the same network on validation examples.
            target: true values of these, [example, output].
        """
        import numpy as np

        if self.variance:
            return predictive
        found = predictive.copy()
        squared = np.square(validation[:, : self.outputs].astype(np.float64) - target).mean(0)
        found[:, self.outputs :] = np.log(np.maximum(squared, np.finfo(np.float64).tiny))
        return found


def _nll(mean: Tensor, log_variance: Tensor, target: Tensor) -> Tensor:
    """- log density, sum over outputs."""
    squared = (target - mean).square() * (-log_variance).exp()
    return 0.5 * (squared + log_variance + math.log(2 * math.pi)).sum(-1)
