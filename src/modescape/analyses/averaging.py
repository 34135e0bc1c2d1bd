"""Losses of averages of given models, on as many examples as fit in memory; for subset choice and Shapley values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from modescape.arrays import group_codes
from modescape.metrics.crossed import Estimate
from modescape.metrics.folds import sample_units
from modescape.metrics.gaussians import gaussian, log_density
from modescape.metrics.grouping import by_group, count_units
from modescape.metrics.losses import Losses, error_losses, nll_losses, squared_losses
from modescape.metrics.scoring import Scoring
from modescape.offered import Predictions

MOST_NUMBERS = 1 << 27  # probabilities in memory: 512 MB
LOG_2PI = float(np.log(2 * np.pi))


@dataclass(frozen=True)
class Averages:
    """Losses of averages of models on the examples that are used; name of a score -> its loss."""

    losses: dict[str, Losses]  # "accuracy": the error; "rmse": the squared error
    nothing: dict[str, np.ndarray]  # loss of the prediction without any model, [example]
    log_likelihood: np.ndarray | None  # of the truth, [model, example]; None where there is none
    group: np.ndarray | None  # of each example that is used
    examples: int

    @property
    def units(self) -> int:
        """Examples, or groups of them."""
        return count_units(self.group, self.examples)

    def of_units(self, part: np.ndarray) -> np.ndarray:
        """Expand values of units to their examples: [unit] -> [example]."""
        return part if self.group is None else part[self.group]

    def estimates(self, loss: dict[str, np.ndarray], scoring: Scoring) -> Estimate:
        """Scores, and the values that their intervals are computed from, from the loss of each example, [example] each.

        A root of a mean is linearised, as everywhere (`modescape.metrics.regression.RootMean`).
        """
        values = np.stack([as_score(metric, one) for metric, one in loss.items()])
        example = by_group(values, self.group)
        return Estimate(values.mean(1), example, None, scores={name: scoring.scores[name] for name in loss})


def as_mean(metric: str, loss: np.ndarray) -> np.ndarray:
    """A mean loss as a score."""
    return 1 - loss if metric == "accuracy" else np.sqrt(loss) if metric == "rmse" else loss


def as_score(metric: str, loss: np.ndarray) -> np.ndarray:
    """Values of examples whose mean is the score and that spread as it does, [example]."""
    return as_root(loss) if metric == "rmse" else as_mean(metric, loss)


def as_root(squared: np.ndarray) -> np.ndarray:
    """Values of examples whose mean is the root of the mean squared error, linearised; [..., example] as given."""
    mean = squared.mean(-1, keepdims=True)
    root = np.sqrt(mean)
    return np.where(root > 0, root + (squared - mean) / (2 * np.where(root > 0, root, 1.0)), 0.0)


def averages_of(predictions: Predictions, models: Sequence[int], scoring: Scoring, most: int, key: int) -> Averages:
    """Read what each model says on so many examples; one model's predictions of all examples are in memory at a time.

    Args:
        predictions: of a set of examples.
        models: which.
        scoring: which scores there are.
        most: examples used at most, fewer where there are very many classes; whole groups of them.
        key: of the stream that they are drawn from.
    """
    label, numbers = predictions.label, predictions.label.ndim > 1
    width = len(predictions.class_names)
    room = max(2, min(most, MOST_NUMBERS // (len(models) * width)))
    place = sample_units(predictions.example_group, len(label), room, key)
    own = None if predictions.example_group is None else group_codes(predictions.example_group[place], len(place))
    said = np.stack([predictions.log_prob(model)[place] for model in models])
    found = _of_numbers(said, label[place]) if numbers else _of_classes(said, label[place])
    kept = [name for name in found[0] if name in scoring.scores]
    log_likelihood = found[2] if "nll" in kept else None
    return Averages(
        {name: found[0][name] for name in kept},
        {name: found[1][name] for name in kept},
        log_likelihood,
        own,
        len(place),
    )


Found = tuple[dict[str, Losses], dict[str, np.ndarray], np.ndarray]


def _of_classes(log_prob: np.ndarray, label: np.ndarray) -> Found:
    """Without any model all classes are equally probable."""
    examples, classes = log_prob.shape[1:]
    of_label = log_prob[:, np.arange(examples), label].astype(np.float64)
    np.exp(log_prob, out=log_prob)
    losses = {"accuracy": error_losses(log_prob, label), "nll": nll_losses(of_label)}
    values = {"accuracy": 1 - 1 / classes, "nll": np.log(classes)}
    return losses, {name: np.full(examples, value) for name, value in values.items()}, of_label


def _of_numbers(predictive: np.ndarray, target: np.ndarray) -> Found:
    """Without any model the prediction is the mean of the targets with their variance."""
    found = gaussian(predictive)
    log = log_density(found, target)
    mean, variance = target.mean(0), target.var(0)
    apart = np.square(target - mean)
    with np.errstate(divide="ignore", invalid="ignore"):  # targets that are all the same
        density = 0.5 * (LOG_2PI + np.log(variance) + apart / variance).sum(1)
    losses = {"rmse": squared_losses(found.mean - target), "nll": nll_losses(log)}
    return losses, {"rmse": apart.mean(1), "nll": density}, log
