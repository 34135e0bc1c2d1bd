"""Cosines and distances of the members' weights, and a tree of which descend from one another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import torch

from modescape import rng
from modescape.analyses.given import names_of
from modescape.analyses.requirements import left_out, trained, weights_of
from modescape.analyses.weights import cosines, flattened
from modescape.errors import InputError, NotEnough
from modescape.functionspace import cosine_similarity
from modescape.functionspace.kinship import (
    FIRST,
    LEAST_COSINE,
    LEAST_DEVIATIONS,
    chance,
    cosines_of,
    descent,
    distances,
)
from modescape.offered import Checkpoints, Offered
from modescape.plain import nearest
from modescape.results import make_result

if TYPE_CHECKING:
    import xarray as xr

WHAT = "kinship"
PURPOSE = "kinship"  # of the stream
BLOCKS = 100  # into which parameters are cut, about; support is over draws of them
PAIR = ("model", "other_model")


def measure(offered: Offered, *, draws: int = 200, start: str = "") -> xr.Dataset:
    """Compare the last checkpoints of all members.

    Cosines are of all weights. The tree is of matrices alone (biases and normalisation are alike in strangers), with
    the mean over a layer's units taken off, each in units of its own root mean square.

    Args:
        offered: checkpoints of two members or more.
        draws: of blocks of parameters, with replacement, over which support is counted.
        start: the network that its family is known to start from, by name; "": nobody knows.

    Raises:
        NotEnough: if there are fewer than two members, or no tensors of real numbers.
        InputError: if no member is called ``start``.
    """
    members = trained(offered, 2, WHAT)
    checkpoints = weights_of(offered, WHAT)
    names = names_of(offered)
    if start and start not in names:
        raise InputError(f"kinship.start is {start!r}; {nearest(start, names)}")
    which = [(member, checkpoints.steps(member)[-1]) for member in members]
    parts = _matrices(checkpoints, which)
    if not parts:
        raise NotEnough(f"{WHAT} needs tensors of real numbers, such as weights; these checkpoints have none")
    grams = np.concatenate([one.grams for one in parts])
    rows = [[one.values[model] for one in parts] for model in range(len(members))]
    weights = _drawn(offered.seed, draws, len(grams))
    known = names.index(start) if start else None
    found = descent(grams, weights, lambda one, other: chance(rows[one], rows[other]), known)
    gram = grams.sum(0)
    length = np.sqrt(np.diagonal(gram))
    moved = _displacements(checkpoints, which, found.relation, found.family)
    everything, without = cosines(checkpoints, which)
    about = partial(_variable, dims=("model",))
    return make_result(
        {
            "cosine": (PAIR, everything, "1", "cosine of the weights"),
            "cosine_without_batch_norm": (PAIR, without, "1", "cosine of the weights without normalisation layers"),
            "centred_cosine": (PAIR, cosines_of(gram), "1", "cosine of the matrices, the mean over units taken off"),
            "distance": (
                PAIR,
                np.sqrt(distances(gram) / np.outer(length, length)),
                "1",
                "distance of the matrices over the geometric mean of their lengths",
            ),
            **({} if moved is None else {"displacement_cosine": (PAIR, moved, "1", MOVED)}),
            "family": about(found.family, "number of the family: networks that are related"),
            "relative": about(found.relative, "place of the network next to it towards the first one; -1 for none"),
            "relation": about(found.relation, RELATION),
            "support": about(found.support, "share of draws of parameters in which the two are joined"),
            "relation_support": about(found.direction, "share of draws in which they stand in that relation"),
        },
        {"model": names, "other_model": names},
        title="Which networks descend from one another",
        intervals="none",
        provenance=offered.provenance(examples=0, members=len(members), repeats=1),
        left_out=left_out(offered),
        parameters=int(sum(one.size for one in parts)),
        blocks=len(grams),
        draws=draws,
        start=start,
        least_cosine=LEAST_COSINE,
        least_deviations=LEAST_DEVIATIONS,
    )


MOVED = "cosine of what two networks of a family have moved from its first one"
RELATION = (
    "-1 no relative here; 0 the first of its family; 1 descends from its relative; 2 shares a start with it that is "
    "not here; 3 one descends from the other, or both from one start: weights do not tell which"
)


def _variable(values: np.ndarray, name: str, dims: tuple[str, ...]) -> tuple[tuple[str, ...], np.ndarray, str, str]:
    return dims, np.asarray(values, dtype=np.float64), "1", name


@dataclass(frozen=True)
class _Matrix:
    """One tensor of all networks."""

    values: np.ndarray  # [model, unit, input], the mean over units taken off, in units of the root mean square
    grams: np.ndarray  # inner products by blocks of units, [block, model, model]

    @property
    def size(self) -> int:
        """Numbers of one network."""
        return int(np.prod(self.values.shape[1:]))


def _matrices(checkpoints: Checkpoints, which: Sequence[tuple[int, int]]) -> list[_Matrix]:
    """The tensors that kinship is read from: matrices; vectors where there are none."""
    states = [checkpoints.state(*one).params for one in which]
    shapes = {name: tuple(tensor.shape) for name, tensor in states[0].items() if name not in checkpoints.normalization}
    shapes = shapes or {name: tuple(tensor.shape) for name, tensor in states[0].items()}
    wanted = [name for name, shape in shapes.items() if len(shape) >= 2 and shape[0] >= 2] or list(shapes)
    total = sum(int(np.prod(shapes[name])) for name in wanted)
    found = []
    for name in wanted:
        stacked = np.stack([state[name].double().numpy() for state in states])
        found.append(_matrix(stacked, max(1, round(BLOCKS * stacked[0].size / max(total, 1)))))
    return found


def _matrix(stacked: np.ndarray, blocks: int) -> _Matrix:
    """One tensor [model, unit, ...], cut into so many blocks at most."""
    values = stacked.reshape(len(stacked), stacked.shape[1] if stacked.ndim > 2 else -1, -1)
    if stacked.ndim > 2 and values.shape[1] >= 2:
        values = values - values.mean(1, keepdims=True)
    scale = np.sqrt(np.square(values).mean())
    values = values / (scale if scale > 0 else 1.0)
    cuts = np.array_split(np.arange(values.shape[1]), min(blocks, values.shape[1]))
    parts = [values[:, cut].reshape(len(values), -1) for cut in cuts]
    return _Matrix(values, np.stack([part @ part.T for part in parts]))


def _drawn(seed: int, draws: int, blocks: int) -> np.ndarray:
    """How often each block is drawn, [draw, block]."""
    places = torch.randint(blocks, (draws, blocks), generator=rng.stream(seed, PURPOSE)).numpy()
    return np.stack([np.bincount(row, minlength=blocks) for row in places]).astype(np.float64)


def _displacements(
    checkpoints: Checkpoints, which: Sequence[tuple[int, int]], relation: np.ndarray, family: np.ndarray
) -> np.ndarray | None:
    """Cosines of what networks have moved from where they are known to start, [model, model]; None where nobody knows.

    That is the first of a family, or the initialisation where all checkpoints of the family have the same.
    """
    moved = np.full((len(which), len(which)), np.nan)
    for number in np.unique(family):
        own = np.flatnonzero(family == number)
        origin = _origin(checkpoints, which, own, relation)
        if len(own) < 2 or origin is None:
            continue
        away = np.stack([flattened(checkpoints, *which[int(model)]) - origin for model in own])
        moved[np.ix_(own, own)] = cosine_similarity(away)
    return None if np.isnan(moved).all() else moved


def _origin(
    checkpoints: Checkpoints, which: Sequence[tuple[int, int]], own: np.ndarray, relation: np.ndarray
) -> np.ndarray | None:
    """The weights that a family starts from."""
    firsts = [model for model in own if relation[model] == FIRST]
    if firsts:
        return flattened(checkpoints, *which[firsts[0]])
    if any(checkpoints.steps(which[model][0])[0] != 0 or which[model][1] == 0 for model in own):
        return None
    starts = [flattened(checkpoints, which[model][0], 0) for model in own]
    return starts[0] if all(np.array_equal(starts[0], other) for other in starts) else None
