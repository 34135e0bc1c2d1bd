"""Differences between every two members of a group, and means over the pairs with their intervals."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from modescape.analyses.pairs_of_labels import of_labels
from modescape.metrics.blocks import example_blocks
from modescape.metrics.grouping import by_group
from modescape.metrics.influence import crossed_interval
from modescape.metrics.intervals import satterthwaite_interval


@dataclass(frozen=True)
class Pairs:
    """Differences of members, and what the uncertainty of their mean over pairs is computed from."""

    quality: np.ndarray  # accuracy, RMSE; [member]
    different: np.ndarray  # disagreement, distance of means; [member, member]
    normalized: np.ndarray  # over the mean error of the two, [member, member]
    example: np.ndarray  # linearised contribution to both means over pairs, [quantity, example]
    influence: np.ndarray | None  # of each member on that, [quantity, member, example]; none with 2 members


def compare(predicted: np.ndarray, label: np.ndarray, group: np.ndarray | None = None) -> Pairs:
    """Disagreement of every two members and its normalised form, d_ij / ((e_i + e_j) / 2) with errors e.

    The mean over pairs of the ratio is linearised: example n adds mean_ij [r_ij + (d_ijn - r_ij e_ijn) / e_ij]. The
    influence of a member is that of leaving it out (see `modescape.metrics.influence`).

    Args:
        predicted: predicted classes, [member, example].
        label: true classes, [example].
        group: of each example (`modescape.arrays.group_codes`); shares are then those of groups.
    """
    whole = of_labels(predicted, label)
    of_member = np.empty((2, *predicted.shape))
    for block in example_blocks(len(label), len(predicted)):
        of_member[:, :, block] = whole.of_member(predicted[:, block], label[block])
    return Pairs(1 - whole.error, whole.different, whole.normalized, *shares(by_group(of_member, group)))


def compare_means(mean: np.ndarray, target: np.ndarray, group: np.ndarray | None = None) -> Pairs:
    """Root mean square distance d of every two members, and d / e with e^2 the mean squared error of the two.

    The means over pairs are linearised in the examples: d + (s(x) - d^2) / 2d with the squared distance s(x), and
    d / e + (s(x) - d^2) / 2de - (d / e) (w(x) - e^2) / 2e^2 with the squared error w(x). The influence of a member is
    that of leaving it out.

    Args:
        mean: predicted means, [member, example, output].
        target: [example, output].
        group: of each example (`modescape.arrays.group_codes`); shares are then those of groups.
    """
    members, examples = mean.shape[:2]
    wrong = np.square(mean - target).mean(-1)  # [member, example]
    matrices, of_member = np.zeros((2, members, members)), np.zeros((2, members, examples))
    with np.errstate(divide="ignore", invalid="ignore"):  # equal predictions, or no errors
        for i, j in zip(*np.triu_indices(members, 1), strict=True):
            apart, error = np.square(mean[i] - mean[j]).mean(-1), (wrong[i] + wrong[j]) / 2
            square, level = apart.mean(), error.mean()
            d, e = np.sqrt(square), np.sqrt(level)
            change = np.where(d > 0, (apart - square) / (2 * d), 0.0)
            ratio = d / e
            own = np.stack([d + change, ratio + change / e - ratio * (error - level) / (2 * level)])
            matrices[:, i, j] = matrices[:, j, i] = d, ratio
            of_member[:, [i, j]] += own[:, None]
    return Pairs(np.sqrt(wrong.mean(1)), matrices[0], matrices[1], *shares(by_group(of_member, group)))


COMPARE: Mapping[str, Callable[[np.ndarray, np.ndarray, np.ndarray | None], Pairs]] = {  # (said, target, group)
    "classification": compare,
    "regression": compare_means,
}


def shares(of_member: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    """Examples' shares in means over pairs, and members' influences on these; see `Pairs`.

    Args:
        of_member: sums over the pairs that a member is in, [quantity, member, example]; overwritten.

    Returns:
        [quantity, example], and [quantity, member, example] or None with 2 members.
    """
    members = of_member.shape[1]
    example = of_member.sum(1) / members / (members - 1)
    if members == 2:
        return example, None
    of_member *= 2 / (members - 2)
    return example, of_member


def pair_mean(
    matrix: np.ndarray, example: np.ndarray | None = None, influence: np.ndarray | None = None
) -> tuple[float, float, float]:
    """Mean over pairs of different members and its 95 % interval (see `modescape.metrics.influence`).

    Args:
        matrix: symmetric, [member, member], 2 members or more.
        example: share of each test example in the mean, [example]; None: no variance from examples.
        influence: of each member on that, [member, example]; None with 2 members.

    Returns:
        mean, low, high; NaN where there is no interval.
    """
    members = len(matrix)
    mean = matrix[np.triu_indices(members, 1)].mean()
    low = high = np.nan
    if example is not None:
        low, high = crossed_interval(mean, example, influence)
    elif members > 2:
        of_member = 2 / (members - 2) * (matrix.sum(1) - np.diag(matrix))
        low, high = satterthwaite_interval(mean, [of_member.var(ddof=1) / members], [members - 1])
    return float(mean), float(low), float(high)
