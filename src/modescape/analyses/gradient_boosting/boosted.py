"""scikit-learn's histogram gradient boosting on the rows of a study, as its user would have it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from modescape.data.dataset import Dataset, Split
from modescape.data.inputs.table import CATEGORY, NUMBER
from modescape.metrics.gaussians import Gaussian, predictive_of
from modescape.tasks import Task

MOST_VALUES = 255  # of a category, as scikit-learn has it; one of more is taken as a number
LEAST = 1e-12  # probability of a class that trees give none, as of one without a training row


@dataclass(frozen=True)
class Boosted:
    """What the trees say of the test rows, and what they took."""

    predictive: np.ndarray  # as networks predict, [example, width]: log-probabilities, or means and log-variances
    seconds: float  # of the fit, on one thread
    trees: int  # steps of boosting that are used
    most: int  # that were fitted


def fit(dataset: Dataset, seed: int) -> Boosted:
    """Fit with scikit-learn's default settings, and use as many trees as suit the validation rows best.

    Columns are taken as they are: categories as such, missing cells as missing. A class has the weight that it has in
    the networks' loss. A regression has one model an output; its variance is the mean squared validation error.

    Args:
        dataset: of rows of a table.
        seed: of what scikit-learn draws.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    train, validation, test = (columns_of(one) for one in (dataset.train, dataset.validation, dataset.test))
    target, chosen = (one.label.cpu().numpy() for one in (dataset.train, dataset.validation))
    settings: dict[str, Any] = {"random_state": seed % (1 << 32), "categorical_features": categorical(dataset.train)}
    if dataset.task.kind == "classification":
        model = HistGradientBoostingClassifier(**settings)
        seconds = _timed(model, train, target, weights_of(dataset.task, target))
        classes = dataset.num_classes
        loss = [-stage[np.arange(len(chosen)), chosen].mean() for stage in _log_probs(model, validation, classes)]
        best = int(np.argmin(loss))
        return Boosted(_at(_log_probs(model, test, classes), best), seconds, best + 1, len(loss))
    means, squares, total, used, most = [], [], 0.0, 0, 0
    for output in range(target.shape[1]):
        model = HistGradientBoostingRegressor(**settings)
        total += _timed(model, train, target[:, output], None)
        errors = [np.square(stage - chosen[:, output]).mean() for stage in model.staged_predict(validation)]
        best = int(np.argmin(errors))
        means.append(_at(model.staged_predict(test), best))
        squares.append(np.full(len(test), errors[best]))
        used, most = used + best + 1, most + len(errors)
    return Boosted(predictive_of(Gaussian(np.stack(means, 1), np.stack(squares, 1))), total, used, most)


def columns_of(split: Split) -> np.ndarray:
    """Numbers, then the codes of categories, float64 [row, column]; NaN where a number is missing."""
    assert isinstance(split.inputs, dict)
    parts = [split.inputs[name].cpu().numpy().astype(np.float64) for name in (NUMBER, CATEGORY)]
    return np.concatenate(parts, 1)


def categorical(split: Split) -> np.ndarray:
    """Which columns of `columns_of` are categories to scikit-learn, bool [column]."""
    kind: Any = split.kind
    return np.array([False] * len(kind.numbers) + [len(values) <= MOST_VALUES for values in kind.values], dtype=bool)


def weights_of(task: Task, label: np.ndarray) -> np.ndarray | None:
    """Weights of the training rows; None where all classes weigh the same."""
    weights = getattr(task, "weights", None)
    return None if weights is None else np.asarray(weights)[label]


def _timed(model: Any, rows: np.ndarray, target: np.ndarray, weights: np.ndarray | None) -> float:
    """Seconds of a fit."""
    started = time.perf_counter()
    model.fit(rows, target, sample_weight=weights)
    return time.perf_counter() - started


def _log_probs(model: Any, rows: np.ndarray, classes: int) -> Iterator[np.ndarray]:
    """Log-probabilities [row, class] after each step; classes that training has not get `LEAST`."""
    for stage in model.staged_predict_proba(rows):
        whole = np.zeros((len(rows), classes))
        whole[:, model.classes_] = stage
        whole = np.maximum(whole, LEAST)
        yield np.log(whole / whole.sum(1, keepdims=True))


def _at(stages: Iterator[np.ndarray], number: int) -> np.ndarray:
    return next(stage for at, stage in enumerate(stages) if at == number)
