"""Scores against ensemble size for hundreds of members: few sizes, nested subsets, predictions read once.

**Sizes** are 1, 2, ... 8, then four to every doubling, m 2^a with m = 1, 3, 5, 7, and all n members.

**Subsets** of size k are disjoint: members k, k + 1, ... 2 k - 1 of a random order are the second one. So one order
holds B = n // k subsets of every size, and a subset of 2 k is the union of two of k: their sums are one addition. Sizes
with fewer subsets than wanted use further orders, at most `ORDERS`.

**Intervals.** B disjoint ensembles of k networks play the role of B runs: drawn independently, and crossed with the
examples. So an ensemble's own score is its influence on their mean, and the variance for new members is that of
`modescape.metrics.influence` with ensembles in place of members and B - 1 degrees of freedom. It is the variance of the
mean over one order, which is no smaller than that over several. For the gain, an ensemble's influence is its score
minus the mean of its members'. Above K, the largest size with `LEAST` ensembles, influences are extrapolated as in
`modescape.metrics.crossed`.

One pass over the examples, in blocks, gathers sums; memory grows with the square of the members alone, a byte each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from modescape.metrics.averages import Average, Subsets, average_of
from modescape.metrics.crossed import both_intervals
from modescape.metrics.influence import variance_between
from modescape.metrics.running import Running
from modescape.metrics.scoring import CLASSES, Scoring
from modescape.metrics.subsets import BrierLaw

GRID = (1, 3, 5, 7)  # sizes are these times powers of 2
ORDERS = 8  # of the members, at most
LEAST = 10  # fewest disjoint ensembles of a size for its spread to be used
READ = 1 << 24  # values read at a time: 64 MiB of float32
HELD = 1 << 22  # values processed at a time: 32 MiB of float64
INTERVALS = (
    "95 %, for new members on new examples: Student's t with Satterthwaite's degrees of freedom on the variance over "
    "test examples and that between disjoint ensembles of each size without what the same examples made of it; of "
    f"sizes with fewer than {LEAST} such ensembles grown from the largest that has them. The narrower ones, in the "
    "data, are for these members on new examples: normal, on the variance over test examples. Those of the "
    "calibration error are of what test sets of this size show on average"
)


@dataclass(frozen=True)
class Design:
    """Which sizes are evaluated, and which subsets of each."""

    orders: np.ndarray  # random orders of the members, int64 [order, member]
    uses: Mapping[int, int]  # size -> number of orders that its subsets come from, ascending

    @property
    def members(self) -> int:
        """Their number, n."""
        return self.orders.shape[1]

    @property
    def largest(self) -> int:
        """K: the largest size with at least `LEAST` disjoint ensembles."""
        return max(size for size in self.uses if self.members // size >= LEAST)

    def masks(self, size: int) -> np.ndarray:
        """The subsets of a size, bool [subset, member]: those of the first order first."""
        count = self.members // size
        out = np.zeros((self.uses[size] * count, self.members), dtype=bool)
        for at, order in enumerate(self.orders[: self.uses[size]]):
            rows = at * count + np.arange(count * size) // size
            out[rows, order[: count * size]] = True
        return out

    def sums(self, values: np.ndarray, room: dict[int, np.ndarray] | None = None) -> dict[int, np.ndarray]:
        """Sums over the subsets of every size, as `masks` has them: [member, ...] -> size -> [subset, ...].

        ``room``: the result of an earlier call, to be overwritten: allocating takes a third of the time.
        """
        found = {} if room is None else room
        for size, uses in self.uses.items():
            if size not in found or found[size].shape[1:] != values.shape[1:]:
                found[size] = np.empty((uses * (self.members // size), *values.shape[1:]), dtype=values.dtype)
        for at, order in enumerate(self.orders[: max(self.uses.values())]):
            laid = values[order]
            for times in GRID:
                chain = [size for size in self.uses if self.uses[size] > at and _odd(size) == times]
                last, part = 0, laid
                for size in chain:
                    count = self.members // size
                    out = found[size][at * count : (at + 1) * count]
                    if size == 2 * last:
                        np.add(part[0 : 2 * count : 2], part[1 : 2 * count : 2], out=out)
                    else:
                        np.sum(_in_blocks(laid, size), axis=1, out=out)
                    last, part = size, out
        if _odd(self.members) not in GRID:  # not part of a chain of doublings
            np.sum(values, axis=0, keepdims=True, out=found[self.members])
        return found


def design(members: int, wanted: int = 200, key: int = 0) -> Design:
    """Choose sizes and subsets for a number of members.

    Args:
        members: n, 2 `LEAST` or more.
        wanted: number of subsets of a size, up to which further orders are drawn.
        key: of the stream of the orders (see `modescape.rng.key`).

    >>> list(design(50).uses)
    [1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 24, 28, 32, 40, 48, 50]
    """
    import torch

    from modescape import rng

    sizes = {times << power for times in GRID for power in range(members.bit_length()) if times << power <= members}
    uses = {size: min(ORDERS, -(-wanted // (members // size))) for size in sorted(sizes)} | {1: 1, members: 1}
    keys = torch.tensor([rng.key(key, "orders", members, order) for order in range(ORDERS)])
    return Design(rng.permutation(keys, members).numpy(), uses)


def _odd(size: int) -> int:
    """The odd part of a size."""
    return size // (size & -size)


def _in_blocks(values: np.ndarray, size: int) -> np.ndarray:
    """[member, ...] -> [block, member of it, ...]; an incomplete last block is dropped."""
    count = len(values) // size
    return values[: count * size].reshape(count, size, *values.shape[1:])


class _Size:
    """Sums over the ensembles of one size."""

    def __init__(self, design: Design, size: int, running: list[Running]) -> None:
        self.size, self.running, self.masks = size, running, design.masks(size)
        self.count = design.members // size if size <= design.largest else 0  # ensembles that are compared
        metrics = len(running)
        self.seen, self.mean, self.squares = 0, np.zeros((2, metrics)), np.zeros((2, metrics))
        self.of_ensemble = np.zeros((2, metrics, self.count))  # of members alone, and of their ensemble
        self.products = np.zeros((3, metrics))  # of the two with themselves, and with each other

    def look(self, average: Average) -> None:
        """See a block of averages that will be added later (`Running.look`)."""
        for one in self.running:
            one.look(average)

    def add(self, average: Average, alone: np.ndarray | None) -> np.ndarray:
        """Add a block of averages of the subsets.

        Args:
            average: of a block of examples.
            alone: values of single members, [metric, member in the first order, example]; None: ``average`` is theirs.

        Returns:
            Values, [metric, subset, example].
        """
        values = np.stack([one.add(average) for one in self.running])
        alone = values if alone is None else alone
        with np.errstate(invalid="ignore", over="ignore"):  # infinite scores
            mean = values.mean(1)
            self._examples(np.stack([mean, mean - alone.mean(1)]))
            if self.count:
                single = np.stack([_in_blocks(one, self.size).mean(1) for one in alone])
                self._ensembles(single, values[:, : self.count])
        return values

    def _examples(self, values: np.ndarray) -> None:
        """Mean and squares over examples of values [score or gain, metric, example]."""
        new = values.shape[2]
        mean, total = values.mean(2), self.seen + new
        apart = mean - self.mean
        self.squares += np.square(values - mean[:, :, None]).sum(2) + np.square(apart) * (self.seen * new / total)
        self.mean += apart * (new / total)
        self.seen = total

    def _ensembles(self, *values: np.ndarray) -> None:
        """Deviations of ensembles from their mean: values [metric, ensemble, example] of members and ensembles."""
        single, whole = (one - one.mean(1, keepdims=True) for one in values)
        self.of_ensemble += np.stack([single.sum(2), whole.sum(2)])
        pairs = ((single, single), (whole, whole), (single, whole))
        self.products += np.stack([np.einsum("mbx,mbx->m", one, other) for one, other in pairs])

    def between(self, single: float, whole: float) -> tuple[np.ndarray, np.ndarray]:
        """Variance through the choice of networks, and its degrees of freedom: single x members + whole x ensembles."""
        weights = np.array([single**2, whole**2, 2 * single * whole])
        with np.errstate(invalid="ignore", over="ignore"):  # infinite scores
            of_ensemble = (single * self.of_ensemble[0] + whole * self.of_ensemble[1]) / self.seen
            return variance_between(of_ensemble, weights @ self.products, self.seen)

    def score(self) -> np.ndarray:
        """Mean over the subsets, [metric]."""
        return np.array([one.total().mean() for one in self.running]) / self.seen


@dataclass(frozen=True)
class Curve:
    """Scores against the sizes of a design."""

    size: np.ndarray  # [size]
    subsets: np.ndarray  # [size]
    columns: list[np.ndarray]
    """Score, its ends for new members, its ends for these; the gain and its ends likewise; [metric, size] each."""
    law: BrierLaw | None


def is_streamed(scoring: Scoring) -> bool:
    """Whether one pass over the examples is enough for all scores."""
    return scoring.of_probabilities and all(score.follow(1) is not None for score in scoring.scores.values())


def curve(
    read: Callable[[slice], np.ndarray],
    label: np.ndarray,
    members: int,
    classes: int,
    *,
    wanted: int = 200,
    key: int = 0,
    scoring: Scoring = CLASSES,
    taken: int = READ,
    held: int = HELD,
) -> Curve:
    """Every score against size, predictions read once.

    Args:
        read: slice of examples -> their log-probabilities, [member, example, class], free of NaN.
        label: true classes, [example].
        members: their number, 2 `LEAST` or more.
        classes: their number.
        wanted: see `design`.
        key: of the stream of the orders.
        scoring: one that `is_streamed`.
        taken: values read at a time.
        held: values processed at a time.

    Raises:
        InputError: (a ValueError) on shapes, labels or values that do not fit, and on NaN.
    """
    plan = design(members, wanted, key)
    sizes = [_Size(plan, size, _running(scoring, uses * (members // size))) for size, uses in plan.uses.items()]
    block = max(1, held // ((sum(len(one.masks) for one in sizes) + 2 * members) * classes))
    spread, room = 0.0, {}
    step = max(1, taken // (members * classes) // block) * block
    for start in range(0, len(label), step):
        log_prob = read(slice(start, min(start + step, len(label))))
        scoring.check(log_prob, label[start : start + log_prob.shape[1]])
        for look in (True, False) if start == 0 else (False,):
            for first in range(0, log_prob.shape[1], block):
                part = log_prob[:, first : first + block]
                prob = np.exp(part.astype(np.float64)).transpose(0, 2, 1)
                if scoring.law and not look:
                    spread += float(np.square(prob - prob.mean(0)).sum())
                own = label[start + first : start + first + block]
                _take_in(plan, sizes, Subsets(part, own, sizes[0].masks, np.empty((0, 0))), prob, look, room)
    columns = [np.stack(column, axis=1) for column in zip(*_columns(plan, sizes, scoring), strict=True)]
    law = None
    if scoring.law:
        mean_member = float(sizes[0].score()[list(scoring.scores).index(scoring.of_law)])
        law = BrierLaw(mean_member, spread / (members - 1) / len(label))
    return Curve(np.array(list(plan.uses)), np.array([len(one.masks) for one in sizes]), columns, law)


def _running(scoring: Scoring, subsets: int) -> list[Running]:
    found = [score.follow(subsets) for score in scoring.scores.values()]
    return [one for one in found if one is not None]


def _take_in(
    plan: Design, sizes: list[_Size], subsets: Subsets, prob: np.ndarray, look: bool, room: dict[int, np.ndarray]
) -> None:
    """Hand averages of a block of examples to every size, from members' probabilities [member, class, example]."""
    sums, alone = plan.sums(np.ascontiguousarray(prob), room), None
    for one in sizes:
        mean = np.divide(sums[one.size], one.size, out=sums[one.size])
        average = average_of(subsets._replace(masks=one.masks), slice(0, len(subsets.label)), mean)
        if look:
            one.look(average)
        else:
            values = one.add(average, alone)
            alone = values if alone is None else alone


def _columns(plan: Design, sizes: list[_Size], scoring: Scoring) -> Iterator[list[np.ndarray]]:
    """The columns of `Curve`, one size at a time."""
    source = next(one for one in sizes if one.size == plan.largest)
    alone = sizes[0].score()
    for one in sizes:
        grown = (1 - 1 / one.size) / (1 - 1 / source.size) if one.size > source.size else 1.0
        between = one if one.size <= source.size else source
        with np.errstate(invalid="ignore"):  # infinite scores
            score, gain = one.score(), one.score() - alone
        row = []
        for place, (kind, value, single) in enumerate((("score", score, 1 - grown), ("gain", gain, -grown))):
            of_examples = one.squares[place] / max(one.seen - 1, 1) / one.seen
            of_examples = of_examples if one.seen > 1 else np.full_like(of_examples, np.nan)
            shared, freedom = between.between(single, grown)
            row.append(value)
            row += both_intervals(value, of_examples, (shared, freedom), one.seen, kind, scoring.scores)
        yield row
