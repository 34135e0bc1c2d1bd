"""Ensembles of every size: subsets of members, their scores, and the exact law of the Brier score.

Size k is scored by the mean over the subsets of k out of n members, all of them or a balanced sample. The mean
probability of many subsets at once is one matrix product of the subsets' masks with the members' probabilities.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from math import comb
from typing import NamedTuple

import numpy as np

from modescape.arrays import Array, check_log_prob, to_numpy
from modescape.errors import InputError
from modescape.metrics.scores import METRICS, check_label, confidence_bin, example_blocks

EXAMPLE_METRICS = ("accuracy", "nll", "brier")  # the metrics that are means over examples, in this order everywhere
SAFE = 1e-280  # a mean probability below this has lost digits to underflow


def subsets(members: int, size: int, limit: int = 200, key: int = 0) -> np.ndarray:
    """Subsets of a size, as masks: all of them where there are at most `limit`, else a balanced sample.

    All subsets come in lexicographic order. The sample has `limit` different ones; each takes the members that were
    taken least often so far, ties broken by the stream, so that the members' counts differ by at most 1 (rarely by
    more: where that would repeat a subset, the order is loosened until it does not). Where more than half of all
    subsets are wanted, those to leave out are sampled.

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
    if total > limit:  # what remains without a balanced sample is balanced
        left_out = {mask.tobytes() for mask in _sample(members, size, total - limit, key)}
        masks = masks[[mask.tobytes() not in left_out for mask in masks]]
    return masks


def _sample(members: int, size: int, limit: int, key: int) -> np.ndarray:
    import torch  # here, so that NumPy users of the other functions need not load it

    from modescape import rng

    masks = np.zeros((limit, members), dtype=bool)
    taken, seen, draw, noise = np.zeros(members), set(), 0, np.empty((64, members))
    for row in range(limit):
        looseness = 1.0  # noise below 1 breaks ties between whole numbers and nothing else
        while True:
            if draw % len(noise) == 0:
                keys = torch.tensor([rng.key(key, "subsets", members, size, draw)])
                noise = rng.uniform(keys, noise.size).reshape(noise.shape).numpy()
            chosen = np.argsort(taken + looseness * noise[draw % len(noise)], kind="stable")[:size]
            draw += 1
            name = np.sort(chosen).tobytes()
            if name not in seen:
                break
            looseness *= 1.25  # after some ten repeats in a row the counts no longer decide alone
        seen.add(name)
        taken[chosen] += 1
        masks[row, chosen] = True
    return masks


def check_members(log_prob: np.ndarray, label: np.ndarray) -> None:
    """Refuse predictions that cannot be averaged over members.

    Raises:
        InputError: on wrong shapes, values or labels, and where a member has NaN: no ensemble with it means anything.
    """
    check_log_prob(log_prob, "[member, example, class]", ndim=3)
    check_label(label, *log_prob.shape[1:])
    broken = [member for member in range(len(log_prob)) if np.isnan(log_prob[member]).any()]
    if broken:
        raise InputError(f"log_prob of members {broken} holds NaN; leave out members that diverged")


def subset_example_scores(
    log_prob: np.ndarray, label: np.ndarray, masks: np.ndarray
) -> Iterator[tuple[slice, np.ndarray, np.ndarray, np.ndarray, np.ndarray]]:
    """Blocks of examples with the correctness, NLL, Brier score and confidence of every subset's mean prediction.

    Args:
        log_prob: log-probabilities, [member, example, class], free of NaN.
        label: true classes, [example].
        masks: the subsets, bool [subset, member].

    Yields:
        The block, and four float64 arrays [subset, example of the block].
    """
    size = masks.sum(1, keepdims=True)
    share = masks / size
    classes = log_prob.shape[2]
    for block in example_blocks(label.size, len(masks) * classes):
        part = log_prob[:, block].astype(np.float64)  # [member, example, class]
        examples = part.shape[1]
        prob = np.exp(part).transpose(0, 2, 1)  # [member, class, example]: examples last keep every pass contiguous
        mean = (share @ prob.reshape(len(prob), -1)).reshape(len(masks), classes, examples)
        confidence, predicted = mean[:, 0].copy(), np.zeros((len(masks), examples), dtype=np.int32)
        for number in range(1, classes):
            better = mean[:, number] > confidence
            predicted[better] = number
            np.maximum(confidence, mean[:, number], out=confidence)
        true = label[block]
        of_label = mean[:, true, np.arange(examples)]
        member_nll = -part[:, np.arange(examples), true]
        brier = np.einsum("sce,sce->se", mean, mean) - 2 * of_label + 1
        yield block, (predicted == true).astype(np.float64), _nll(of_label, member_nll, masks), brier, confidence


def _nll(of_label: np.ndarray, member_nll: np.ndarray, masks: np.ndarray) -> np.ndarray:
    """NLL of mean probabilities [subset, example]; where those underflow, from the members' own NLL by log-sum-exp."""
    with np.errstate(divide="ignore"):
        out = 0.0 - np.log(of_label)  # 0 - x: no negative zero
    for subset, example in zip(*np.nonzero(of_label < SAFE), strict=True):
        values = member_nll[masks[subset], example]
        least = values.min()
        if np.isfinite(least):
            out[subset, example] = least - np.log(np.exp(least - values).mean())
    return out


@dataclass(frozen=True)
class SubsetScores:
    """Scores of many subsets: of each one, and of each example averaged over them."""

    score: dict[str, np.ndarray]  # every name of METRICS -> float64 [subset]
    example: dict[str, np.ndarray]  # accuracy, nll, brier -> float64 [example], mean over the subsets


def subset_scores(log_prob: Array, label: Array, masks: Array, bins: int = 15) -> SubsetScores:
    """Scores of the mean prediction of every subset, in blocks of examples so that memory stays flat.

    About 0.7 s for the 951 subsets of 10 members, 10,000 examples and 10 classes on one thread.

    Args:
        log_prob: log-probabilities, [member, example, class].
        label: true classes, [example].
        masks: the subsets, bool [subset, member], none of them empty.
        bins: of the expected calibration error.

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
    example = {name: np.empty(label.size) for name in EXAMPLE_METRICS}
    total = {name: np.zeros(len(masks)) for name in EXAMPLE_METRICS}
    gap = np.zeros(len(masks) * bins)  # sum of correct - confidence in each subset's bins
    first_bin = np.arange(len(masks))[:, None] * bins
    for block, correct, nll, brier, confidence in subset_example_scores(log_prob, label, masks):
        for name, values in zip(EXAMPLE_METRICS, (correct, nll, brier), strict=True):
            example[name][block] = values.mean(0)
            total[name] += values.sum(1)
        place = (first_bin + confidence_bin(confidence, bins)).ravel()
        gap += np.bincount(place, (correct - confidence).ravel(), gap.size)
    score = {name: value / label.size for name, value in total.items()}
    score["ece"] = np.abs(gap.reshape(len(masks), bins)).sum(1) / label.size
    return SubsetScores({name: score[name] for name in METRICS}, example)


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
    mean_member = np.mean(METRICS["brier"].function(log_prob, label))
    return BrierLaw(float(mean_member), float(squares / (len(log_prob) - 1) / label.size))
