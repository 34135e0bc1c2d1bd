"""Which networks descend from one another, from inner products of their weights.

Training that starts from given weights adds a nearly orthogonal change to them, and may shrink them, so the cosine of
two networks is the product of the cosines along the path between them in their tree of descent. Hence the shortest
tree by -log cosine is the tree of descent if every ancestor is present; the lengths of weight vectors play no part in
it. Only lengths can tell which end of the tree came first: they grow along a path of training.

For networks from independent starts, inner products are due to chance: hidden units have no order, so once the mean
over the units of a layer is subtracted, the inner products of unrelated networks are 0 on average. Permuting the units
of one network gives their standard deviation.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

LEAST_COSINE = 0.05  # between relatives, at least
LEAST_DEVIATIONS = 5.0  # an inner product between relatives, at least, in standard deviations of chance
FAR = 0.25  # squared distance over squared length that a family must reach for lengths to tell which came first
LEAST_FAMILY = 3  # networks in a family for which that is told
GROWTH = 0.5  # how far an edge's growth in squared length may be from its squared distance, as a share, on average
PRIVATE = 0.35  # share of the path between two networks that is one's own; with more it is no ancestor
REFERENCES = 3  # relatives from which an edge is judged
SMALLEST = 1e-3  # smaller cosines count as this
SURE = 0.9  # share of draws that must agree
ALONE, FIRST, DESCENDS, SHARES, JOINED = -1, 0, 1, 2, 3  # relations


@dataclass(frozen=True)
class Descent:
    """A tree of descent for each family."""

    family: np.ndarray  # number of each network's family, int64 [model]
    relative: np.ndarray  # the next network on the way to the first one of its family, -1 for none, int64 [model]
    relation: np.ndarray  # `ALONE`, ..., int64 [model]
    support: np.ndarray  # share of draws in which the two are joined, [model]
    direction: np.ndarray  # share of draws with that relation, [model]; NaN where it is not determined


def distances(gram: np.ndarray) -> np.ndarray:
    """Squared distances from inner products, [..., model, model]."""
    length = np.diagonal(gram, axis1=-2, axis2=-1)
    return np.maximum(length[..., :, None] + length[..., None, :] - 2 * gram, 0.0)


def cosines_of(gram: np.ndarray) -> np.ndarray:
    """Cosines from inner products; NaN for a network of zeros."""
    length = np.sqrt(np.diagonal(gram))
    with np.errstate(divide="ignore", invalid="ignore"):
        return gram / np.outer(length, length)


def ways(gram: np.ndarray) -> np.ndarray:
    """Length of the path between two networks, -log cosine, from inner products [..., model, model]."""
    length = np.sqrt(np.diagonal(gram, axis1=-2, axis2=-1))
    cosine = gram / np.maximum(length[..., :, None] * length[..., None, :], 1e-300)
    return -np.log(np.clip(cosine, SMALLEST, 1.0))


def chance(one: list[np.ndarray], other: list[np.ndarray]) -> float:
    """Standard deviation of an inner product when the units of each layer of one network are permuted.

    For rows a_i, b_j of mean 0, the inner product under a random permutation has the variance
    sum_ij (a_i b_j)^2 / (r - 1); layers add.

    Args:
        one: a network's matrices, [unit, input], each with row mean 0.
        other: those of the other network.
    """
    parts = [float(np.square(a @ b.T).sum()) / max(len(a) - 1, 1) for a, b in zip(one, other, strict=True)]
    return float(np.sqrt(sum(parts)))


def descent(
    blocks: np.ndarray, weights: np.ndarray, chance_of: Callable[[int, int], float], start: int | None = None
) -> Descent:
    """Trees of descent with their support.

    Args:
        blocks: inner products of the networks over blocks of parameters, [block, model, model].
        weights: how often each block is drawn, [draw, block]; support is over these draws.
        chance_of: (model, other model) -> standard deviation of their inner product by chance.
        start: the network that its family is known to start from.
    """
    gram = blocks.sum(0)
    edges = _forest(gram, cosines_of(gram), chance_of)
    count = len(gram)
    family = _families(count, edges)
    drawn = np.tensordot(weights, blocks, axes=1)  # [draw, model, model]
    out = Descent(family, np.full(count, -1), np.full(count, ALONE), np.zeros(count), _strange(drawn))
    for number in range(family.max(initial=-1) + 1):
        own = np.flatnonzero(family == number)
        if len(own) > 1:
            place = {int(model): row for row, model in enumerate(own)}
            inner = [(place[a], place[b]) for a, b in edges if a in place]
            begin = place.get(start) if start is not None else None
            _tree(out, own, inner, gram[np.ix_(own, own)], drawn[:, own][:, :, own], begin)
    return out


def _strange(drawn: np.ndarray) -> np.ndarray:
    """Share of draws in which no other network has a cosine with this one clearly above chance, [model]."""
    length = np.sqrt(np.diagonal(drawn, axis1=-2, axis2=-1))
    cosine = drawn / np.maximum(length[..., :, None] * length[..., None, :], 1e-300)
    cosine[:, np.arange(drawn.shape[1]), np.arange(drawn.shape[1])] = -1
    return np.asarray((cosine.max(-1) < 2 * LEAST_COSINE).mean(0), dtype=np.float64)


def _forest(gram: np.ndarray, alike: np.ndarray, chance_of: Callable[[int, int], float]) -> list[tuple[int, int]]:
    """The shortest edges that join relatives (Kruskal), each tested against chance when it would join two families."""
    above = np.triu_indices(len(gram), 1)
    order = np.argsort(ways(gram)[above], kind="stable")
    family = list(range(len(gram)))
    edges: list[tuple[int, int]] = []
    for one, other in ((int(above[0][n]), int(above[1][n])) for n in order):
        if family[one] == family[other] or not alike[one, other] >= LEAST_COSINE:
            continue
        if gram[one, other] <= LEAST_DEVIATIONS * chance_of(one, other):
            continue
        edges.append((one, other))
        old, new = family[other], family[one]
        family = [new if number == old else number for number in family]
    return edges


def _families(count: int, edges: list[tuple[int, int]]) -> np.ndarray:
    """Numbers of families, in the order of their first network, [model]."""
    found = list(range(count))
    for one, other in edges:
        low, high = sorted((found[one], found[other]))
        found = [low if number == high else number for number in found]
    numbers = {number: place for place, number in enumerate(dict.fromkeys(found))}
    return np.array([numbers[number] for number in found], dtype=np.int64)


def _tree(
    out: Descent,
    own: np.ndarray,
    edges: list[tuple[int, int]],
    gram: np.ndarray,
    drawn: np.ndarray,
    start: int | None,
) -> None:
    """Fill in one family: its first network, and the relation of each other one to its next network towards that."""
    first, told, share = _first_of(edges, gram, drawn) if start is None else (start, True, 1.0)
    towards = _towards(edges, len(own), first)
    joined = _joined(drawn, own)
    out.relation[own[first]] = FIRST if told else JOINED
    out.direction[own[first]] = share
    for model, parent in towards.items():
        out.relative[own[model]] = own[parent]
        out.support[own[model]] = joined[model, parent]
        relation, share = _relation(gram, drawn, model, parent, towards, told)
        out.relation[own[model]], out.direction[own[model]] = relation, share


def _first_of(edges: list[tuple[int, int]], gram: np.ndarray, drawn: np.ndarray) -> tuple[int, bool, float]:
    """First network of a family, whether lengths determine it, and in which share of draws; else the central one."""
    length = np.diagonal(gram)
    first = _shortest(gram)
    share = float(np.mean([_shortest(one) == first for one in drawn]))
    far = distances(gram).max() >= FAR * length.mean() and len(gram) >= LEAST_FAMILY
    apart = distances(gram)
    towards = _towards(edges, len(gram), first)
    grown = [
        (length[one] - length[other] - apart[one, other]) / max(apart[one, other], 1e-300)
        for one, other in towards.items()
    ]
    if far and share >= SURE and np.mean(np.abs(grown)) <= GROWTH:
        return first, True, share
    far_in_all: np.ndarray = ways(gram).sum(axis=1)
    return int(np.argmin(far_in_all.round(9))), False, float("nan")


def _shortest(gram: np.ndarray) -> int:
    """The network with the smallest part of its own: <w, w> - mean of <w, w'> over the others."""
    others = (gram.sum(1) - np.diagonal(gram)) / (len(gram) - 1)
    return int(np.argmin(np.diagonal(gram) - others))


def _towards(edges: list[tuple[int, int]], count: int, first: int) -> dict[int, int]:
    """Each network -> the next one towards the first, along the edges; nearer ones come first."""
    beside: dict[int, list[int]] = {model: [] for model in range(count)}
    for one, other in edges:
        beside[one].append(other)
        beside[other].append(one)
    found: dict[int, int] = {}
    front = [first]
    while front:
        model = front.pop(0)
        for other in sorted(beside[model]):
            if other != first and other not in found:
                found[other] = model
                front.append(other)
    return found


def _joined(drawn: np.ndarray, own: np.ndarray) -> np.ndarray:
    """Share of draws in which the shortest tree joins two networks, [model, model]; Prim's algorithm on all draws."""
    draws, count = len(drawn), len(own)
    apart, every = ways(drawn), np.arange(draws)
    found = np.zeros((count, count))
    inside = np.zeros((draws, count), dtype=bool)
    inside[:, 0] = True
    nearest = np.zeros((draws, count), dtype=np.int64)  # for each network outside the tree, the nearest one inside
    reach = apart[:, 0].copy()
    for _ in range(count - 1):
        new = np.where(inside, np.inf, reach).argmin(1)
        to = nearest[every, new]
        np.add.at(found, (new, to), 1.0 / draws)
        np.add.at(found, (to, new), 1.0 / draws)
        inside[every, new] = True
        closer = apart[every, new] < reach
        reach = np.where(closer, apart[every, new], reach)
        nearest = np.where(closer, new[:, None], nearest)
    return np.minimum(found, 1.0)


def _relation(
    gram: np.ndarray, drawn: np.ndarray, model: int, parent: int, towards: dict[int, int], told: bool
) -> tuple[int, float]:
    """Whether a network descends from the next one or shares a start with it, and in which share of draws.

    Seen from a relative k on the far side, half of way(p, c) + way(p, k) - way(c, k) is what p has of its own: 0 where
    p lies on the path from k to c, as an ancestor does. Further training undoes some earlier changes and moves siblings
    alike, so the smallest value over the nearest relatives counts.
    """
    below = {model}
    for other in towards:  # nearer ones come first
        if towards[other] in below:
            below.add(other)
    others = [k for k in range(len(gram)) if k not in below and k != parent]
    if not others:
        return (DESCENDS, 1.0) if told else (JOINED, float("nan"))
    apart = ways(gram)
    seen = sorted(others, key=lambda k: apart[parent, k])[:REFERENCES]
    shares = np.min([_own_share(ways(drawn), parent, model, k) for k in seen], axis=0)
    if min(float(_own_share(apart, parent, model, k)) for k in seen) > PRIVATE:
        return SHARES, float((shares > PRIVATE).mean())
    return (DESCENDS if told else JOINED), float((shares <= PRIVATE).mean())


def _own_share(apart: np.ndarray, parent: int, child: int, other: int) -> np.ndarray:
    """Share of the path between two networks that is the parent's own, seen from a third network."""
    whole = apart[..., parent, child]
    return (whole + apart[..., parent, other] - apart[..., child, other]) / 2 / np.maximum(whole, 1e-300)
