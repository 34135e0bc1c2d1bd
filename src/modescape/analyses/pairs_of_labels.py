"""Disagreement of every two of hundreds of members, and intervals of means over pairs, in blocks of examples.

Sums over the pairs of member i on example x, with its label l_i, whether it is wrong, w_i, the mean error e_ij of two
members and their normalised disagreement r_ij, need no loop over pairs:

    sum_j d_ij(x)                                        = n - #{j: l_j = l_i},
    sum_j r_ij + (d_ij(x) - r_ij (w_i + w_j) / 2) / e_ij = sum_j r_ij + sum_(j: l_j != l_i) 1 / e_ij
                                                           - (w_i sum_j r_ij / e_ij + sum_j w_j r_ij / e_ij) / 2.

1 / e_ij = 2 / (e_i + e_j) is a matrix of some ten dimensions (Cauchy's), so that the sum over equal labels is a product
with few rows for each class.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from modescape.functionspace import disagreement
from modescape.metrics.blocks import example_blocks
from modescape.metrics.influence import variance_between
from modescape.metrics.intervals import satterthwaite_interval

NEGLIGIBLE = 1e-14  # eigenvalues of 1 / e_ij below this share of the largest are rounding error


@dataclass(frozen=True)
class OfLabels:
    """Differences of members' labels."""

    error: np.ndarray  # [member]
    different: np.ndarray  # disagreement, [member, member]
    normalized: np.ndarray  # over the mean error of the two, [member, member]
    ratios: np.ndarray  # sum_j r_ij, [member]
    over_error: np.ndarray  # r_ij / e_ij, 0 on the diagonal
    inverse: np.ndarray  # 1 / e_ij with an arbitrary diagonal, as a product: left [member, dimension]
    dimensions: np.ndarray  # and right [dimension, member]
    diagonal: np.ndarray  # that diagonal, [member]
    others: np.ndarray  # sum_j 1 / e_ij, [member]

    def of_member(self, predicted: np.ndarray, label: np.ndarray) -> np.ndarray:
        """Sums over the pairs that a member is in, of disagreement and its linearised ratio, [2, member, example].

        Args:
            predicted: of some examples, [member, example].
            label: of these, [example].
        """
        members = len(predicted)
        wrong = (predicted != label).astype(np.float64)
        equal, alike = np.zeros(wrong.shape), np.zeros(wrong.shape)
        for number in np.unique(predicted):
            said = predicted == number
            share = said.astype(np.float64)
            equal += said * share.sum(0)
            alike += said * (self.inverse @ (self.dimensions @ share))
        linearised = (self.ratios + self.others + self.diagonal)[:, None] - alike
        linearised -= (wrong * self.over_error.sum(1, keepdims=True) + self.over_error @ wrong) / 2
        return np.stack([members - equal, linearised])


def of_labels(predicted: np.ndarray, label: np.ndarray) -> OfLabels:
    """Differences of every two members; arguments as of `modescape.analyses.pairs.compare`."""
    error = np.stack([(own != label).mean() for own in predicted])
    mean_error = (error[:, None] + error[None, :]) / 2
    different = disagreement(predicted)
    with np.errstate(divide="ignore", invalid="ignore"):  # two members without errors have no ratio
        normalized, inverse = different / mean_error, 1 / mean_error
        over_error = normalized * inverse
    np.fill_diagonal(over_error, 0.0)
    ratios = np.where(np.eye(len(error), dtype=bool), 0.0, normalized).sum(1)
    np.fill_diagonal(inverse, np.where(error > 0, np.diag(inverse), 0.0))
    diagonal = np.diag(inverse).copy()
    if not np.isfinite(inverse).all():
        size, root = np.full(1, np.nan), np.full((len(error), 1), np.nan)
    else:
        size, root = np.linalg.eigh(inverse)
        kept = np.abs(size) > NEGLIGIBLE * np.abs(size).max()
        size, root = size[kept], root[:, kept]
    others = inverse.sum(1) - diagonal
    return OfLabels(error, different, normalized, ratios, over_error, root * size, root.T, diagonal, others)


class Mean(NamedTuple):
    """A mean over pairs and its 95 % interval; NaN where there is none."""

    value: float
    low: float
    high: float


def means_over_pairs(predicted: np.ndarray, label: np.ndarray, whole: OfLabels) -> list[Mean]:
    """Means of disagreement and its normalised form, as `modescape.analyses.pairs.pair_mean`; examples without groups.

    Args:
        predicted: predicted classes, [member, example].
        label: true classes, [example].
        whole: `of_labels` of these.
    """
    members, examples = predicted.shape
    total, centre, squares = np.zeros(2), np.full(2, np.nan), np.zeros(2)  # of examples' shares, from a centre
    of_member, products = np.zeros((2, members)), np.zeros(2)
    for block in example_blocks(examples, members):
        own = whole.of_member(predicted[:, block], label[block])
        share = own.mean(1) / (members - 1)
        centre = share.mean(1) if block.start == 0 else centre
        apart = share - centre[:, None]
        total += apart.sum(1)
        squares += np.square(apart).sum(1)
        own -= own.mean(1, keepdims=True)
        of_member += own.sum(2)
        products += np.einsum("qmx,qmx->q", own, own)
    above = np.triu_indices(members, 1)
    values = [float(matrix[above].mean()) for matrix in (whole.different, whole.normalized)]
    of_examples = (
        (squares - np.square(total) / examples) / (examples - 1) / examples if examples > 1 else total * np.nan
    )
    parts, freedoms = [of_examples], [np.full(2, np.inf)]
    if members > 2:
        scale = 2 / (members - 2)
        shared, freedom = variance_between(scale * of_member / examples, scale**2 * products, examples)
        parts, freedoms = [*parts, shared], [*freedoms, freedom]
    low, high = satterthwaite_interval(np.array(values), parts, freedoms)
    return [Mean(*ends) for ends in zip(values, low.tolist(), high.tolist(), strict=True)]
