"""Permutations that match one network's tensors to another's, by coordinate descent.

The sum over tensors of <A, P(B)> is maximised group by group; each step is a linear assignment, which SciPy solves
exactly. For weights this is Ainsworth et al. 2022, arXiv 2209.04836; for standardised activations the sum is one of
correlations (Li et al. 2016, arXiv 1511.07543).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from modescape.alignment.symmetry import Permutations, Symmetry, arranged

SWEEPS = 100  # most sweeps over all groups; a few dozen are usual
LEAST = 1e-9  # relative to the sum: smaller gains are rounding


@dataclass(frozen=True)
class Pair:
    """The same piece of both networks' tensors, with one dimension per label."""

    a: Tensor
    b: Tensor
    labels: tuple[int | None, ...]

    def value(self, permutations: Permutations, hosts: Mapping[int, int]) -> float:
        """<A, P(B)>."""
        return float((self.a * arranged(self.b, self.labels, permutations, hosts)).sum(dtype=torch.float64))


def pairs_of(symmetry: Symmetry, a: Mapping[str, Tensor], b: Mapping[str, Tensor]) -> list[Pair]:
    """The pieces of both networks' weights that are permuted; without running statistics, which add no information."""
    return [
        Pair(piece.of(a[name].detach().cpu()), piece.of(b[name].detach().cpu()), piece.labels)
        for name, pieces in symmetry.pieces.items()
        if name in a and name in b
        for piece in pieces
        if any(label is not None for label in piece.labels)
    ]


def total(pairs: Sequence[Pair], permutations: Permutations, hosts: Mapping[int, int]) -> float:
    """The sum of <A, P(B)> over all pieces."""
    return sum(pair.value(permutations, hosts) for pair in pairs)


def match(symmetry: Symmetry, pairs: Sequence[Pair], generator: torch.Generator) -> Permutations:
    """The better of two descents: from the identity, and from a matching made layer by layer from the inputs on.

    Args:
        symmetry: of the network.
        pairs: the pieces that are matched.
        generator: for the order of groups.

    Returns:
        permutations of the second network's units, on the CPU.
    """
    search = _Search(symmetry, pairs)
    starts = [symmetry.identity(), search.outward()]
    found = [search.descend(start, generator) for start in starts]
    return max(found, key=lambda permutations: total(pairs, permutations, symmetry.hosts))


def assignment(cost: Tensor) -> tuple[Tensor, float]:
    """The assignment of columns to rows, each once, with the largest sum of entries, and that sum."""
    from scipy.optimize import linear_sum_assignment

    numbers = cost.double().numpy()
    rows, columns = linear_sum_assignment(numbers, maximize=True)
    return torch.from_numpy(columns), float(numbers[rows, columns].sum())


class _Search:
    def __init__(self, symmetry: Symmetry, pairs: Sequence[Pair]) -> None:
        self.hosts = symmetry.hosts
        self.identity = symmetry.identity()
        self.guests = {
            host: [one for one, own in symmetry.hosts.items() if own == host] for host in symmetry.hosts.values()
        }
        self.groups = [group for group in symmetry.sizes if group not in symmetry.hosts]
        self.pairs = {
            group: [pair for pair in pairs if {group, *self.guests.get(group, ())} & set(pair.labels)]
            for group in self.groups
        }

    def descend(self, permutations: Permutations, generator: torch.Generator) -> Permutations:
        """Improve group after group in random order until none gains."""
        permutations = dict(permutations)
        for _ in range(SWEEPS):
            gained = False
            for number in torch.randperm(len(self.groups), generator=generator).tolist():
                group = self.groups[number]
                if not self.pairs[group]:
                    continue
                new = {**permutations, **self.best(group, permutations)}
                before, after = (total(self.pairs[group], one, self.hosts) for one in (permutations, new))
                if after > before + LEAST * abs(before):
                    permutations, gained = new, True
            if not gained:
                break
        return permutations

    def outward(self) -> Permutations:
        """Match group after group from the inputs on; units of later groups are compared by their sorted weights."""
        found: Permutations = {}
        for group in self.groups:
            if self.pairs[group]:
                found.update(self.best(group, found))
        return {**self.identity, **found}

    def best(self, group: int, permutations: Permutations) -> Permutations:
        """The best permutation of a group, and of the groups that it hosts, with all others fixed."""
        guests = self.guests.get(group, [])
        if not guests:
            return {group: assignment(sum(self.costs(group, pair, permutations) for pair in self.pairs[group]))[0]}  # type: ignore[arg-type]
        value: Tensor | float = 0.0
        for pair in self.pairs[group]:
            if not set(guests) & set(pair.labels):
                value = value + self.costs(group, pair, permutations)
        inner: dict[int, Tensor] = {}
        for guest in guests:
            inner[guest], gained = self._within(guest, permutations)
            value = value + gained
        assert isinstance(value, Tensor)
        chosen = assignment(value)[0]
        rows = torch.arange(len(chosen))
        return {group: chosen, **{guest: inner[guest][rows, chosen] for guest in guests}}

    def costs(self, group: int, pair: Pair, permutations: Permutations) -> Tensor:
        """The value of moving unit j of the second network to position i, [i, j]."""
        found = torch.zeros(())
        for place, label in enumerate(pair.labels):
            if label == group:
                left, right = self._compared(pair, permutations, (place,))
                found = found + left.reshape(len(left), -1) @ right.reshape(len(right), -1).T
        return found

    def _within(self, guest: int, permutations: Permutations) -> tuple[Tensor, Tensor]:
        """For each pair of a host's units, the best order inside, [host, host, unit], and its value, [host, host]."""
        host, costs = self.hosts[guest], torch.zeros(())
        for pair in self.pairs[host]:
            if guest not in pair.labels:
                continue
            places = (pair.labels.index(host), pair.labels.index(guest))
            left, right = self._compared(pair, permutations, places)
            single = right.dim() == left.dim()
            left = left.reshape(*left.shape[:2], -1)
            if single:
                costs = costs + torch.einsum("hdr,ger->hgde", left, right.reshape(*right.shape[:2], -1))
            else:  # other guests of the host have an order for each position
                costs = costs + torch.einsum("hdr,hger->hgde", left, right.reshape(*right.shape[:3], -1))
        count, size = costs.shape[0], costs.shape[-1]
        orders, values = torch.empty(count, count, size, dtype=torch.int64), torch.empty(count, count).double()
        for one in range(count):
            for two in range(count):
                orders[one, two], values[one, two] = assignment(costs[one, two])
        return orders, values

    def _compared(self, pair: Pair, permutations: Permutations, places: tuple[int, ...]) -> tuple[Tensor, Tensor]:
        """Both sides with the dimensions ``places`` first; the others in their order, or sorted if it is not known yet.

        The second side has one more leading dimension if guests of the first have an order for each of its units.
        """
        left, right, labels = pair.a, pair.b, pair.labels
        own = {labels[place] for place in places}
        rest = [place for place in range(len(labels)) if place not in places]
        beside = [place for place in rest if self.hosts.get(labels[place], -1) in own and labels[place] in permutations]  # type: ignore[arg-type]
        known = {label: order for label, order in permutations.items() if label in labels}
        right = arranged(right, labels, known, self.hosts, skip=(*places, *beside))
        sorted_places = [place for place in rest if labels[place] is not None and labels[place] not in permutations]
        order = [*places, *[place for place in rest if place not in sorted_places], *sorted_places]
        left, right = left.permute(order), right.permute(order)
        moved = [order.index(place) for place in beside]
        if moved:
            right = right.expand(left.shape[0], *right.shape)
            for place in moved:
                label = labels[order[place]]
                assert label is not None
                index = permutations[label]
                shape = [1] * right.dim()
                shape[0], shape[place + 1] = index.shape
                right = right.gather(place + 1, index.reshape(shape).expand(right.shape))
        if sorted_places:
            start = len(order) - len(sorted_places)
            left = left.flatten(start).sort(-1).values
            right = right.flatten(right.dim() - len(sorted_places)).sort(-1).values
        return left, right
