"""From Gram matrices of layers to their alignment: of every two layers, and of one layer over pairs of members."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from modescape.analyses.pairs import shares
from modescape.functionspace.cka import jackknifed
from modescape.metrics.influence import example_variance, member_variance
from modescape.metrics.intervals import satterthwaite_interval


@dataclass(frozen=True)
class Interval:
    """A number a layer with its 95 % interval, [layer] each."""

    value: np.ndarray
    low: np.ndarray
    high: np.ndarray


@dataclass(frozen=True)
class Same:
    """The same layer in every two members."""

    value: np.ndarray  # [member, other member, layer]
    of_member: np.ndarray  # batches' shares, sums over the pairs that a member is in, [layer, member, batch]

    @property
    def mean(self) -> Interval:
        """Mean over pairs, and the interval for new members on new examples."""
        return _interval(self._mean, self.of_member, 1)

    def over(self, before: Same) -> Interval:
        """Mean over pairs less that of the same members at an earlier checkpoint, paired."""
        return _interval(self._mean - before._mean, self.of_member - before.of_member, 2)

    @property
    def _mean(self) -> np.ndarray:
        return mean_of(self.value[np.triu_indices(len(self.value), 1)])


def every_two(grams: Sequence[np.ndarray]) -> tuple[np.ndarray, Same]:
    """CKA of every two layers of every two members.

    Args:
        grams: of each member, [batch, layer, pair of examples].

    Returns:
        float64 [member, layer, other member, other layer], and of the same layer in two members what their mean's
        interval is made from.
    """
    members, layers = len(grams), grams[0].shape[1]
    products = np.empty((len(grams[0]), members * layers, members * layers))
    for batch, product in enumerate(products):
        flat = np.concatenate([own[batch] for own in grams])
        product[:] = flat @ flat.T
    own = np.einsum("bii->bi", products)
    shape = (members, layers, members, layers)
    value, pseudo = jackknifed(products, own[:, :, None], own[:, None])
    diagonal = np.einsum("bilml->biml", pseudo.reshape(-1, *shape))
    diagonal[:, range(members), range(members)] = 0
    same = np.einsum("ilml->iml", value.reshape(shape))
    return value.reshape(shape), Same(same, diagonal.sum(2).transpose(2, 1, 0))


def between(value: np.ndarray) -> np.ndarray:
    """Mean over ordered pairs of different members, [layer, other layer] of `every_two`'s."""
    members = len(value)
    return mean_of(np.stack([value[i, :, j] for i in range(members) for j in range(members) if i != j]))


def inside(value: np.ndarray) -> np.ndarray:
    """Mean over members of their own layers, [layer, other layer] of `every_two`'s."""
    return mean_of(np.stack([value[i, :, i] for i in range(len(value))]))


def to_last(grams: np.ndarray, last: np.ndarray) -> np.ndarray:
    """CKA of each layer with the same one of another network, [layer] of two times [batch, layer, pair of examples]."""
    products = [(one * other).sum(-1, dtype=np.float64) for one, other in ((grams, last), (grams, grams), (last, last))]
    return jackknifed(*products)[0]


def mean_of(values: np.ndarray) -> np.ndarray:
    """Mean over the first axis, ignoring NaN: a layer whose features do not vary has no alignment."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # nothing at all: NaN
        return np.nanmean(values, axis=0)


def _interval(value: np.ndarray, of_member: np.ndarray, largest: float) -> Interval:
    batches = of_member.shape[-1]
    if batches < 2:
        return Interval(value, *np.full((2, len(value)), np.nan))
    share, influence = shares(of_member.copy())
    parts = [(example_variance(share), batches - 1.0)]
    if influence is not None:
        parts.append(member_variance(influence))
    low, high = satterthwaite_interval(value, *map(list, zip(*parts, strict=True)))
    return Interval(value, np.clip(low, -largest, largest), np.clip(high, -largest, largest))
