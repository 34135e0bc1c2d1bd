"""How sure an exported ensemble is: temperatures, or factors of variances, fitted on validation examples."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np

from modescape.answers import LEVEL, score
from modescape.arrays import group_codes
from modescape.covers import THESE
from modescape.errors import InputError
from modescape.interop.ensemble.answers import AFTER, BEFORE, CALIBRATIONS, NEVER
from modescape.metrics import combine, fit_temperature, nll
from modescape.metrics.gaussians import gaussian, scale_mixture
from modescape.metrics.temperature import rescale
from modescape.study import Study
from modescape.study.predictions import Predictions

AUTO = "auto"


@dataclass(frozen=True)
class Calibrated:
    """The calibration of the members' predictions in an exported ensemble."""

    calibration: str  # a name in `CALIBRATIONS`
    temperature: np.ndarray  # [1], or [member]; of a regression the factor of the members' variances
    how: str  # in words
    of_classes: bool = True
    log_variance: np.ndarray | None = None  # [member, output] where the networks give none


def calibrate(study: Study, members: Sequence[int], calibration: str) -> Calibrated:
    """Fit it on the study's validation predictions.

    "auto" takes what has the lowest NLL on validation examples that it was not fitted on: these are halved, and each
    half is scored by what was fitted on the other. Then it is fitted on all of them.

    Args:
        study: predicted.
        members: of the ensemble.
        calibration: "auto" or a name in `CALIBRATIONS`.

    Raises:
        InputError: if there is no such calibration, or the task has no such one.
    """
    known = (AUTO, *CALIBRATIONS)
    if calibration not in known:
        raise InputError(f"calibration is {calibration!r}, expected one of {', '.join(known)}")
    predictions = study.predictions("validation")
    stacked = np.stack([predictions.predictive(member=member) for member in members])
    if study.task.kind == "classification":
        return _of_classes(stacked, predictions, calibration)
    return _of_numbers(study, stacked, predictions.label, calibration)


def _of_classes(log_prob: np.ndarray, predictions: Predictions, calibration: str) -> Calibrated:
    label, count = predictions.label, len(predictions.label)
    why = ""
    if calibration == AUTO:
        if count < 2:
            return Calibrated(NEVER, np.ones(1), "no temperature: there are too few validation examples to fit one")
        codes = group_codes(predictions.group, count)
        codes = np.arange(count) if codes is None else codes
        losses = {name: _crossed(log_prob, label, codes % 2 == 0, name) for name in CALIBRATIONS}
        calibration = min(losses, key=losses.__getitem__)
        told = ", ".join(f"{name} {loss:.4f}" for name, loss in losses.items())
        why = f"; the lowest NLL on halves of them that it was not fitted on ({told} nats)"
    found = _fitted(log_prob, label, calibration)
    how = f"{CALIBRATIONS[calibration]}, fitted on {count:,} validation examples{why}"
    return Calibrated(calibration, found, how if calibration != NEVER else f"{CALIBRATIONS[NEVER]}{why}")


def _fitted(log_prob: np.ndarray, label: np.ndarray, calibration: str) -> np.ndarray:
    if calibration == NEVER:
        return np.ones(1)
    return np.atleast_1d(fit_temperature(log_prob if calibration == BEFORE else combine(log_prob), label))


def tempered(log_prob: np.ndarray, temperature: np.ndarray, calibration: str) -> np.ndarray:
    """Log-probabilities of the ensemble, float64 [example, class], from the members' [member, example, class]."""
    wide = log_prob.astype(np.float64)
    if calibration == BEFORE:
        return np.asarray(combine(rescale(wide, temperature)))
    average = np.asarray(combine(wide))
    return np.asarray(rescale(average, temperature[0])) if calibration == AFTER else average


def _crossed(log_prob: np.ndarray, label: np.ndarray, first: np.ndarray, calibration: str) -> float:
    """NLL of each half at what was fitted on the other, mean over the examples."""
    total = 0.0
    for fit in (first, ~first):
        if fit.any() and not fit.all():
            found = _fitted(log_prob[:, fit], label[fit], calibration)
            total += float(nll(tempered(log_prob[:, ~fit], found, calibration), label[~fit])) * int((~fit).sum())
    return total / len(label)


def _of_numbers(study: Study, predictive: np.ndarray, target: np.ndarray, calibration: str) -> Calibrated:
    if calibration == BEFORE:
        raise InputError("calibration 'members' is for classification; for a regression choose average, none or auto")
    own = None
    if study.task.needs_validation:  # the variance of each network is that of its validation errors: fitted already
        completed = np.stack([study.task.completed(one, one, target) for one in predictive])
        own = completed[:, 0, completed.shape[2] // 2 :]
        words = "the variance of each member is that of its errors on validation examples"
        return Calibrated(NEVER, np.ones(1), words, False, own)
    if calibration == NEVER:
        return Calibrated(NEVER, np.ones(1), "variances as the members give them", False)
    factor = scale_mixture(gaussian(predictive.astype(np.float64)), target)
    how = f"one factor of all members' variances, fitted on {len(target):,} validation examples"
    return Calibrated(AFTER, np.array([factor]), how, False)


def effect(study: Study, members: Sequence[int], found: Calibrated) -> dict[str, Any] | None:
    """NLL of the ensemble on the test split, before and after; None of a regression, and where nothing is changed.

    Intervals are normal, of the mean over test examples; none where examples have groups.
    """
    if not found.of_classes or found.calibration == NEVER:
        return None
    predictions = study.predictions("test")
    stacked, label = np.stack([predictions.predictive(member=member) for member in members]), predictions.label
    scores = {}
    for name, calibration in (("before", NEVER), ("after", found.calibration)):
        loss = -tempered(stacked, found.temperature, calibration)[np.arange(len(label)), label]
        half = NormalDist().inv_cdf((1 + LEVEL) / 2) * float(loss.std(ddof=1)) / len(loss) ** 0.5
        half, mean = half if predictions.group is None else math.nan, float(loss.mean())
        scores[name] = score(mean, mean - half, mean + half, covers=THESE)
    return scores


def expected(study: Study, members: Sequence[int], found: Calibrated, examples: int) -> dict[str, np.ndarray]:
    """Expected answers for the first test examples from the study's stored predictions, in NumPy and float64."""
    predictions = study.predictions("test")
    stacked = np.stack([predictions.predictive(member=member)[:examples] for member in members])
    if found.of_classes:
        return {"probability": np.exp(tempered(stacked, found.temperature, found.calibration))}
    mean, log_variance = np.split(stacked.astype(np.float64), 2, -1)
    if found.log_variance is not None:
        log_variance = np.broadcast_to(found.log_variance[:, None], mean.shape)
    variance = (np.exp(log_variance) * found.temperature[0]).mean(0) + mean.var(0)
    return {"mean": mean.mean(0), "variance": variance}
