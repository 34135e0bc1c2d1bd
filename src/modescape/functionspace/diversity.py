"""How much networks differ for their accuracy: Jensen-Shannon, normalised diversity and its reference curves."""

from __future__ import annotations

import numpy as np

from modescape.arrays import Array, check_log_prob, to_numpy
from modescape.errors import InputError
from modescape.functionspace.similarity import check_predicted

BLOCK = 1 << 20  # values held in memory at a time, besides the input


def entropy(prob: np.ndarray) -> np.ndarray:
    """- sum_c p_c ln p_c over the last axis, nats; 0 ln 0 is 0.

    Args:
        prob: probabilities, [..., class].

    Returns:
        [...].
    """
    return -(prob * np.log(np.where(prob > 0, prob, 1.0))).sum(-1)


def jensen_shannon(log_prob: Array) -> float:
    """Jensen-Shannon divergence of several models' predictions, mean over examples of H(mean_m p_m) - mean_m H(p_m).

    It is the mutual information of prediction and model, between 0 and min(ln M, ln C) nats for M models and C
    classes: compare only equal numbers of models.

    Args:
        log_prob: log-probabilities, [model, example, class]; minus infinity stands for a probability of 0.

    Returns:
        One number, nats; NaN if a log-probability is NaN.

    Raises:
        InputError: (a ValueError) on a wrong shape or values above 0.

    Source: Fort et al. 2019, arXiv 1912.02757, section 5, in the form 1/M sum_m KL(p_m, mean p).

    >>> import numpy as np
    >>> certain = np.array([[[0.0, -np.inf]], [[-np.inf, 0.0]]])
    >>> round(jensen_shannon(certain), 4)  # two certain models that contradict each other: ln 2
    0.6931
    """
    (log_prob,), _ = to_numpy(log_prob)
    check_log_prob(log_prob, "[model, example, class]", ndim=3)
    models, examples, classes = log_prob.shape
    step = max(1, BLOCK // (models * classes))
    total = 0.0
    for start in range(0, examples, step):
        prob = np.exp(log_prob[:, start : start + step].astype(np.float64))
        total += (entropy(prob.mean(0)) - entropy(prob).mean(0)).sum()
    return float(np.maximum(total / examples, 0.0))  # equal models round to a hair below 0


def normalized_diversity(predicted: Array, baseline: Array, label: Array) -> Array:
    """Disagreement with a baseline over the model's own error, d / (1 - a): 0 for a copy, about 1 for another solution.

    Args:
        predicted: predicted classes of the models, [model, example].
        baseline: predicted classes of the baseline, [example].
        label: true classes, [example].

    Returns:
        float64 [model]. A model without errors (a = 1) has infinity, or NaN where it also agrees with the baseline.

    Raises:
        InputError: (a ValueError) on wrong shapes or dtypes.

    Source: Fort et al. 2019, arXiv 1912.02757, figure 6.

    >>> import numpy as np
    >>> normalized_diversity(np.array([[0, 1, 0, 0], [0, 1, 1, 1]]), np.array([0, 1, 1, 0]), np.array([0, 1, 0, 1]))
    array([1., 1.])
    """
    (predicted, baseline, label), restore = to_numpy(predicted, baseline, label)
    check_predicted(predicted, "predicted", "[model, example]", 2)
    for name, values in (("baseline", baseline), ("label", label)):
        check_predicted(values, name, "[example]", 1)
        if values.shape != predicted.shape[1:]:
            raise InputError(
                f"{name} has {values.size} examples and predicted has {predicted.shape[1]}; expected one set"
            )
    differ = np.count_nonzero(predicted != baseline, axis=1)
    wrong = np.count_nonzero(predicted != label, axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return restore(differ / wrong)


def diversity_bounds(accuracy: Array, baseline_accuracy: Array) -> tuple[Array, Array]:
    """Lower and upper bound of normalised diversity given two accuracies, already divided by 1 - a.

    With the model's accuracy a and the baseline's a*, the share d of examples with different labels obeys

        |a - a*| <= d <= min(1, 2 - a - a*).

    The lower bound is reached when one network is right wherever the other is and they make the same errors elsewhere;
    the upper when they are right together as rarely as possible and never make the same error. With two classes there
    is only one way to be wrong, so where a + a* < 1, d is at most a + a*, below the bound.

    Args:
        accuracy: a, 0 to 1, [...].
        baseline_accuracy: a*, 0 to 1, one number or [...].

    Returns:
        The lowest and the highest d / (1 - a), float64 [...] each. At a = 1 both are infinite, or NaN if a* = 1 too:
        a model without errors has no normalised diversity.

    Raises:
        InputError: (a ValueError) if an accuracy is outside 0 to 1.

    Source: derived in docs/limits.md.

    >>> lowest, highest = diversity_bounds(0.5, 0.7)
    >>> round(lowest, 4), round(highest, 4)
    (0.4, 1.6)
    """
    (a, best), restore = to_numpy(accuracy, baseline_accuracy)
    a, best = _accuracies(a, best)
    with np.errstate(divide="ignore", invalid="ignore"):
        lowest, highest = np.abs(a - best) / (1 - a), np.minimum(1, (1 - a) + (1 - best)) / (1 - a)
    return restore(lowest), restore(highest)


def diversity_limits(accuracy: Array, baseline_accuracy: Array, num_classes: int) -> tuple[Array, Array]:
    """The two reference curves of the diversity-accuracy plane, already divided by 1 - a.

    With the model's accuracy a, the baseline's a* and C classes:

    * lower, the baseline with a share of its predictions relabelled at random:
      d = (a* - a) / (a* - (1 - a*) / (C - 1));
    * upper, right or wrong independently of the baseline, wrong labels uniform:
      d = a* (1 - a) + a (1 - a*) + (1 - a*) (1 - a) (C - 2) / (C - 1).

    They are models, not bounds (those are `diversity_bounds`). Both are 1 at a = 1 / C. Derived in docs/limits.md.

    Args:
        accuracy: a, 0 to 1, [...].
        baseline_accuracy: a*, 0 to 1, one number or [...].
        num_classes: C, 2 or more.

    Returns:
        d / (1 - a) of the lower and of the upper curve, float64 [...] each. The lower is NaN outside 1/C <= a <= a*,
        where no share gives that accuracy; the upper is infinite at a = 1.

    Raises:
        InputError: (a ValueError) if an accuracy is outside 0 to 1 or there are fewer than 2 classes.

    Source: Fort et al. 2019, arXiv 1912.02757, appendix D.

    >>> lower, upper = diversity_limits(0.5, 0.7, 10)
    >>> round(lower, 4), round(upper, 4)
    (0.6, 1.2667)
    """
    (a, best), restore = to_numpy(accuracy, baseline_accuracy)
    a, best = _accuracies(a, best)
    if num_classes < 2:
        raise InputError(f"num_classes is {num_classes}; expected 2 or more")
    others = num_classes - 1
    with np.errstate(divide="ignore", invalid="ignore"):
        relabelled = (best - a) / (best - (1 - best) / others)
        possible = (a >= 1 / num_classes - 1e-12) & (a <= best)
        lower = np.where(possible, relabelled / (1 - a), np.nan)
        upper = (best * (1 - a) + a * (1 - best) + (1 - best) * (1 - a) * (others - 1) / others) / (1 - a)
    return restore(lower), restore(upper)


def _accuracies(a: np.ndarray, best: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both accuracies in float64 and of one shape, or `InputError` if one is outside 0 to 1."""
    try:
        a, best = np.broadcast_arrays(a.astype(np.float64), best.astype(np.float64))
    except ValueError as error:
        raise InputError(
            f"accuracy has shape {list(a.shape)} and baseline_accuracy {list(best.shape)}; "
            "expected one baseline for all, or one for each"
        ) from error
    for name, values in (("accuracy", a), ("baseline_accuracy", best)):
        if not ((values >= 0) & (values <= 1)).all():
            raise InputError(f"{name} holds {values.min():.4g} to {values.max():.4g}; expected fractions from 0 to 1")
    return a, best
