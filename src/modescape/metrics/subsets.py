"""Ensembles of every size: subsets of members, their scores, and the exact law of the Brier score.

Size k is scored by the mean over the subsets of k out of n members, all of them or a balanced sample.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from math import comb
from typing import NamedTuple

import numpy as np

from modescape.arrays import Array, to_numpy
from modescape.errors import InputError
from modescape.metrics.averages import Subsets
from modescape.metrics.blocks import example_blocks
from modescape.metrics.classification import brier
from modescape.metrics.scores import SCORES
from modescape.metrics.scoring import CLASSES, Scoring, check_members


def subsets(members: int, size: int, limit: int = 200, key: int = 0) -> np.ndarray:
    """Subsets of a size, as masks: all of them if there are at most ``limit``, else a balanced sample.

    All subsets come in lexicographic order. A sample has ``limit`` different subsets; each takes the members used least
    often so far, ties broken at random, so that the members' counts differ by at most 1 (rarely more: if that would
    repeat a subset, the rule is relaxed until it does not). If more than half of all subsets are wanted, those to leave
    out are sampled.

    Args:
        members: n, number of members.
        size: k, members in a subset.
        limit: most subsets to return.
        key: of the stream that samples (see `modescape.rng.key`).

    Returns:
        bool [subset, member].

    Raises:
        InputError: (a ValueError) if 1 <= size <= members or 1 <= limit does not hold.

    >>> subsets(3, 2).astype(int).tolist()
    [[1, 1, 0], [1, 0, 1], [0, 1, 1]]
    """
    if not 1 <= size <= members:
        raise InputError(f"size is {size}; expected 1 to {members}, the number of members")
    if limit < 1:
        raise InputError(f"limit is {limit}; expected 1 subset or more")
    total = comb(members, size)
    if total > 2 * limit:
        return _sample(members, size, limit, key)
    masks = np.zeros((total, members), dtype=bool)
    for row, chosen in enumerate(combinations(range(members), size)):
        masks[row, list(chosen)] = True
    if total > limit:  # the complement of a balanced sample is balanced
        left_out = {mask.tobytes() for mask in _sample(members, size, total - limit, key)}
        masks = masks[[mask.tobytes() not in left_out for mask in masks]]
    return masks


def _sample(members: int, size: int, limit: int, key: int) -> np.ndarray:
    import torch  # here, so that NumPy users of the other functions need not load it

    from modescape import rng

    masks = np.zeros((limit, members), dtype=bool)
    taken, seen, draw, noise = np.zeros(members), set(), 0, np.empty((64, members))
    for row in range(limit):
        looseness = 1.0  # noise below 1 breaks ties between integers only
        while True:
            if draw % len(noise) == 0:
                keys = torch.tensor([rng.key(key, "subsets", members, size, draw)])
                noise = rng.uniform(keys, noise.size).reshape(noise.shape).numpy()
            chosen = np.argsort(taken + looseness * noise[draw % len(noise)], kind="stable")[:size]
            draw += 1
            name = np.sort(chosen).tobytes()
            if name not in seen:
                break
            looseness *= 1.25  # after about ten repeats in a row the counts no longer decide alone
        seen.add(name)
        taken[chosen] += 1
        masks[row, chosen] = True
    return masks


@dataclass(frozen=True)
class SubsetScores:
    """Scores of many subsets: of each one, and of each example averaged over them."""

    score: dict[str, np.ndarray]  # every name of SCORES -> float64 [subset]
    example: dict[str, np.ndarray]  # those that are means over examples -> float64 [example], mean over the subsets


def subset_scores(log_prob: Array, label: Array, masks: Array) -> SubsetScores:
    """Scores of the mean prediction of every subset, in blocks of examples so that memory stays flat.

    About 0.7 s for the 951 subsets of 10 members, 10,000 examples and 10 classes on one thread.

    Args:
        log_prob: log-probabilities, [member, example, class].
        label: true classes, [example].
        masks: the subsets, bool [subset, member], none of them empty.

    Raises:
        InputError: (a ValueError) on shapes, labels or values that do not fit, and on NaN.

    >>> import numpy as np
    >>> log_prob = np.log([[[0.9, 0.1]], [[0.2, 0.8]]])
    >>> subset_scores(log_prob, np.array([0]), subsets(2, 2)).score["brier"].round(3).tolist()  # 2 * 0.45^2
    [0.405]
    """
    (log_prob, label, masks), _ = to_numpy(log_prob, label, masks)
    check_members(log_prob, label)
    if masks.ndim != 2 or masks.shape[1] != len(log_prob) or masks.dtype != bool or not masks.any(1).all():
        raise InputError(
            f"masks has shape {list(masks.shape)} and dtype {masks.dtype}; expected bool [subset, {len(log_prob)}] "
            "with at least one member in each subset"
        )
    mean = np.full((1, len(masks)), 1 / len(masks))
    found = gathered(Subsets(log_prob, label, masks, mean))
    score = {name: total / label.size for name, (total, _) in found.items()}
    return SubsetScores(score, {name: found[name][1][0] for name, one in SCORES.items() if one.per_example})


def gathered(subsets: Subsets, scoring: Scoring = CLASSES) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Name of each score -> the result of its collector on the subsets (`averages.Collector.finish`)."""
    collectors = {name: score.collect(subsets) for name, score in scoring.scores.items()}
    for average in scoring.averages(subsets):
        for collector in collectors.values():
            collector.add(average)
    return {name: collector.finish() for name, collector in collectors.items()}


class BrierLaw(NamedTuple):
    """The Brier score of ensembles of every size, B(k) = B1 - (1 - 1/k) V."""

    mean_member: float  # B1: the mean member's Brier score
    diversity: float  # V: mean over pairs of members of 1/2 |p_i - p_j|^2

    def at(self, size: Array) -> Array:
        """B(k), the mean over all subsets of k members; k may be infinite."""
        return self.mean_member - (1 - 1 / size) * self.diversity


def brier_law(log_prob: Array, label: Array) -> BrierLaw:
    """B1 and V of the exact law of the Brier score, averaged over all subsets of k members and over examples.

    V is computed as the variance 1/(n-1) sum_m |p_m - mean p|^2, which equals the mean over pairs.

    Args:
        log_prob: log-probabilities, [member, example, class], at least 2 members.
        label: true classes, [example].

    Raises:
        InputError: (a ValueError) on shapes, labels or values that do not fit, and for a single member.

    Source: an identity of sampling k out of n without replacement; nothing is assumed about the members.

    >>> import numpy as np
    >>> law = brier_law(np.log([[[0.9, 0.1]], [[0.2, 0.8]]]), np.array([0]))
    >>> round(law.mean_member, 3), round(law.diversity, 3), round(law.at(2), 3)
    (0.65, 0.49, 0.405)
    """
    (log_prob, label), _ = to_numpy(log_prob, label)
    check_members(log_prob, label)
    if len(log_prob) < 2:
        raise InputError("log_prob has 1 member; the Brier law compares pairs, so it needs 2 or more")
    squares = 0.0
    for block in example_blocks(label.size, log_prob.size // label.size):
        prob = np.exp(log_prob[:, block].astype(np.float64))
        squares += np.square(prob - prob.mean(0)).sum()
    mean_member = np.mean(brier(log_prob, label))
    return BrierLaw(float(mean_member), float(squares / (len(log_prob) - 1) / label.size))
