"""Where an ensemble's gain comes from: its score is the mean member's score minus a term for the members' diversity."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from modescape.arrays import Array, to_numpy
from modescape.metrics.averages import combine
from modescape.metrics.blocks import example_blocks
from modescape.metrics.gaussians import crps, crps_mixture, gaussian, log_density, pairs
from modescape.metrics.scoring import check_gaussians, check_members

DECOMPOSED = ("brier", "nll", "brier_geometric", "nll_geometric")  # in this order everywhere
DECOMPOSED_NUMBERS = ("squared_error", "nll", "crps")  # of a regression
LABEL_FREE = ("brier", "nll_geometric")  # their diversity does not depend on the labels


@dataclass(frozen=True)
class Decomposition:
    """Ensemble = mean member - diversity, for each score in ``metric``. NLL is in nats."""

    metric: tuple[str, ...]  # brier, nll, brier_geometric, nll_geometric
    mean_member: np.ndarray  # mean over the members of their scores, [metric]
    diversity: np.ndarray  # reduction by averaging, [metric]
    ensemble: np.ndarray  # score of the ensemble's prediction, [metric]
    example_diversity: np.ndarray  # diversity of each example, [metric, example]; its mean is `diversity`


def decompose(log_prob: Array, label: Array) -> Decomposition:
    """Brier score and NLL of an ensemble, split into the mean member's score and a diversity term, mean over examples.

    The ensemble predicts the mean probability p = mean_m p_m, or ("geometric") the normalised geometric mean
    g_c = exp(mean_m log p_mc) / Z with Z = sum_c exp(mean_m log p_mc). With the label y the diversity of an example is

    * brier: mean_m sum_c (p_mc - p_c)^2, the members' variance; without the label, 0 or more;
    * nll: log p_y - mean_m log p_my, which depends on the label and is not Jensen-Shannon; 0 or more;
    * nll_geometric: - log Z; without the label, 0 or more;
    * brier_geometric: mean_m sum_c (p_mc - 1[c = y])^2 - sum_c (g_c - 1[c = y])^2, the difference itself: there is no
      form without the label, and it can be negative.

    The identities hold for any log-probabilities; if they do not quite sum to 1, - log Z absorbs the difference.

    A probability of 0 stays 0 in a geometric mean, whatever the other members predict. A member that gives the label
    probability 0 has infinite NLL; so has the mean member, and nll's diversity is infinite next to a finite ensemble
    (NaN if every member gives it 0: infinity minus infinity), while the geometric ensemble's NLL is infinite. If every
    class has probability 0 in some member there is no geometric mean: nll_geometric's diversity is infinite, and both
    geometric ensembles and brier_geometric's diversity are NaN. A single such example makes the mean over examples the
    same.

    Args:
        log_prob: log-probabilities, [model, example, class]; minus infinity is a probability of 0. One model is
            allowed; its diversity is 0.
        label: true classes, [example].

    Raises:
        InputError: (a ValueError) on shapes, labels or values that do not fit, and on NaN.

    Source: Krogh and Vedelsby 1995 (the variance); Wood et al. 2023, arXiv 2301.03962 (other losses).

    >>> import numpy as np
    >>> parts = decompose(np.log([[[0.9, 0.1]], [[0.2, 0.8]]]), np.array([0]))
    >>> [round(float(part[0]), 3) for part in (parts.mean_member, parts.diversity, parts.ensemble)]  # brier
    [0.65, 0.245, 0.405]
    """
    (log_prob, label), _ = to_numpy(log_prob, label)
    check_members(log_prob, label)
    mean_member, diversity, ensemble = np.empty((3, len(DECOMPOSED), label.size))
    for block in example_blocks(label.size, log_prob.size // label.size):
        parts = _examples(log_prob[:, block].astype(np.float64), label[block])
        mean_member[:, block], diversity[:, block], ensemble[:, block] = parts
    return Decomposition(DECOMPOSED, mean_member.mean(1), diversity.mean(1), ensemble.mean(1), diversity)


def decompose_gaussians(predictive: Array, target: Array) -> Decomposition:
    """`decompose` for Gaussian predictions and their mixture: squared error, NLL (nats) and CRPS, mean over examples.

    * squared_error: mean_m (m_m - m)^2 with the mean m of the means, the ambiguity; without the target;
    * nll: log mean_m p_m(y) - mean_m log p_m(y);
    * crps: 1/2 (mean_ij E|X_i - X_j| - mean_i E|X_i - X_i'|), half the mean energy distance between members; without
      the target.

    All are 0 or more, and the ensemble's score is the mean member's minus them, exactly.

    Args:
        predictive: means, then log-variances, [model, example, 2 x output].
        target: [example, output].

    Source: Krogh and Vedelsby 1995 (squared error); Gneiting and Raftery 2007, section 4 (CRPS).
    """
    (predictive, target), _ = to_numpy(predictive, target)
    check_gaussians(predictive, target)
    found = gaussian(predictive)
    together, apart = found.mean.mean(0), pairs(found)
    own = np.einsum("mme->me", apart).mean(0)
    log = log_density(found, target)
    with np.errstate(under="ignore"):
        joint = np.log(np.exp(log - log.max(0)).mean(0)) + log.max(0)
    mean_member = np.stack([np.square(found.mean - target).mean((0, -1)), -log.mean(0), crps(found, target).mean(0)])
    squared = np.square(found.mean - together).mean((0, -1))
    diversity = np.stack([squared, joint - log.mean(0), (apart.mean((0, 1)) - own) / 2])
    ensemble = np.stack([np.square(together - target).mean(-1), -joint, crps_mixture(found, target)])
    return Decomposition(DECOMPOSED_NUMBERS, mean_member.mean(1), diversity.mean(1), ensemble.mean(1), diversity)


def _examples(log_prob: np.ndarray, label: np.ndarray) -> tuple[list[np.ndarray], list[np.ndarray], list[np.ndarray]]:
    """Mean member's score, diversity and ensemble's score of each example, [metric] of [example] each."""
    at = np.arange(len(label))
    truth = np.zeros(log_prob.shape[1:])  # [example, class]
    truth[at, label] = 1
    prob = np.exp(log_prob)
    mean, log_mean = prob.mean(0), log_prob.mean(0)
    log_z = combine(log_mean, -1) + np.log(log_mean.shape[1])  # combine divides by the number of classes
    of_label = combine(log_prob[:, at, label])  # log of the mean probability of the label
    nll = 0.0 - log_mean[at, label]
    brier = np.square(prob - truth).sum(2).mean(0)
    spread = np.square(prob - mean).sum(2).mean(0)
    with np.errstate(invalid="ignore"):  # probabilities of 0: infinite minus infinite is NaN, as promised
        geometric_brier = np.square(np.exp(log_mean - log_z[:, None]) - truth).sum(1)
        return (
            [brier, nll, brier, nll],
            [spread, of_label + nll, brier - geometric_brier, 0.0 - log_z],
            [np.square(mean - truth).sum(1), 0.0 - of_label, geometric_brier, nll + log_z],
        )
