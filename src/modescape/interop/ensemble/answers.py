"""From the members' predictions to the ensemble's outputs, in torch's operations only, for export."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from modescape.errors import InputError

AFTER, BEFORE, NEVER = "average", "members", "none"
CALIBRATIONS = {
    AFTER: "one temperature, of the averaged probabilities",
    BEFORE: "one temperature per member, before the average",
    NEVER: "no temperature",
}
"""Ways to calibrate: name -> description."""

UNITS = {
    "probability": "mean probability of each class [example, class], calibrated",
    "disagreement": "share of the pairs of members that name different classes [example]",
    "entropy": "entropy of the probability, nats [example]",
    "mutual_information": "entropy of the members' mean less the members' mean entropy, nats [example]; before the "
    "temperature of an average",
    "mean": "mean of the members' means [example, output], unit of the target",
    "variance": "aleatoric + epistemic [example, output], squares of the target's unit",
    "aleatoric": "mean of the members' variances [example, output]",
    "epistemic": "variance of the members' means [example, output]",
}
"""Outputs: name -> meaning and shape."""


class ClassAnswers(nn.Module):
    """Outputs for a classification: `probability`, `disagreement`, `entropy`, `mutual_information`.

    Args:
        temperature: [1], or [member] where each member has its own.
        calibration: a name in `CALIBRATIONS`.
    """

    names = ("probability", "disagreement", "entropy", "mutual_information")

    def __init__(self, temperature: Tensor, calibration: str) -> None:
        super().__init__()
        if calibration not in CALIBRATIONS:
            raise InputError(f"calibration is {calibration!r}, expected one of {', '.join(CALIBRATIONS)}")
        self.calibration = calibration
        self.register_buffer("temperature", temperature)
        self.temperature: Tensor

    def forward(self, predictive: Tensor) -> dict[str, Tensor]:
        """Log-probabilities [member, example, class] -> outputs by name."""
        members = predictive.shape[0]
        each = predictive
        if self.calibration == BEFORE:
            each = (each / self.temperature[:, None, None]).log_softmax(-1)
        average = torch.logsumexp(each, 0) - math.log(members)
        final = (average / self.temperature).log_softmax(-1) if self.calibration == AFTER else average
        counts = torch.nn.functional.one_hot(each.argmax(-1), each.shape[-1]).sum(0)  # votes [example, class]
        agreeing = (counts * (counts - 1)).sum(-1).to(final.dtype)
        information = entropy(average) - entropy(each).mean(0)
        return {
            "probability": final.exp(),
            "disagreement": 1 - agreeing / max(members * (members - 1), 1) if members > 1 else agreeing * 0.0,
            "entropy": entropy(final),
            "mutual_information": information.clamp_min(0.0),
        }


class NumberAnswers(nn.Module):
    """Outputs for a regression: `mean`, `variance`, `aleatoric`, `epistemic`: the moments of the members' mixture.

    Args:
        log_variance: of each member, [member, output], if the networks predict none; else None.
        temperature: factor of the members' variances, [1].
        calibration: `AFTER` or `NEVER`.
    """

    names = ("mean", "variance", "aleatoric", "epistemic")

    def __init__(self, log_variance: Tensor | None, temperature: Tensor, calibration: str) -> None:
        super().__init__()
        self.calibration = calibration
        self.register_buffer("log_variance", log_variance)
        self.register_buffer("temperature", temperature)
        self.log_variance: Tensor | None
        self.temperature: Tensor

    def forward(self, predictive: Tensor) -> dict[str, Tensor]:
        """Means, then log-variances, [member, example, 2 x output] -> outputs by name."""
        mean, log_variance = predictive.chunk(2, -1)
        if self.log_variance is not None:
            log_variance = self.log_variance[:, None].expand_as(mean)
        aleatoric = (log_variance.exp() * self.temperature).mean(0)
        middle = mean.mean(0)
        epistemic = (mean - middle).square().mean(0)
        return {"mean": middle, "variance": aleatoric + epistemic, "aleatoric": aleatoric, "epistemic": epistemic}


def entropy(log_prob: Tensor) -> Tensor:
    """Entropy in nats over the last axis; a probability of 0 adds 0."""
    return -(log_prob.exp() * log_prob.clamp_min(-1e4)).sum(-1)
