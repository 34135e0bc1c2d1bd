"""Barriers of every two members: matrices with an interval for each pair, and means with one for new members."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from torch import nn

from modescape.analyses.averaging import as_root
from modescape.analyses.connectivity.kinds import METRICS
from modescape.analyses.pairs import pair_mean, shares
from modescape.analyses.stating import Variables
from modescape.errors import InputError, WorkError
from modescape.landscape.criteria import Loss
from modescape.metrics.grouping import by_group, count_units
from modescape.paths import Barrier, between
from modescape.paths.between import KINDS, excess, heights
from modescape.types import ModelState, Params

LEVEL = 0.95  # of intervals
Rows = Mapping[str, np.ndarray]
"""Metric -> what each example adds to it at each position of a line, [t, example]."""


@dataclass(frozen=True)
class Lines:
    """How two networks are compared: the arguments of `modescape.barrier` for every pair."""

    module: nn.Module
    batches: Sequence[Any]  # of test examples
    reset_batches: Sequence[Any]  # of training examples
    t: int  # positions
    loss: str | Loss
    squared: Loss | None  # mean squared error of a batch in the target's unit; of numbers alone

    def barrier(self, one: ModelState, other: ModelState, *, aligned: bool) -> Barrier:
        """The barrier of two networks in the loss."""
        return self._barrier(one, other, self.loss, aligned)

    def rows(self, one: ModelState, other: ModelState, found: Barrier) -> dict[str, Rows]:
        """Losses and errors along each line of a barrier, by kind.

        Errors are 0 or 1; of numbers the root of the mean squared error, linearised (`as_root`).
        """
        if self.squared is None:
            errors = {kind: np.asarray(own.errors) for kind, own in found.profiles.items()}
        else:
            squared = self._barrier(one, other, self.squared, found.alignment is not None).profiles
            errors = {kind: as_root(own.losses) for kind, own in squared.items()}
        return {kind: {"loss": own.losses, "error": errors[kind]} for kind, own in found.profiles.items()}

    def _barrier(self, one: ModelState, other: ModelState, loss: str | Loss, aligned: bool) -> Barrier:
        more: dict[str, Any] = {"t": self.t, "reset_batches": self.reset_batches, "aligned": aligned}
        return between.barrier(self.module, one, other, self.batches, loss=loss, **more)


class Barriers:
    """Of every two members, by `KINDS` and `METRICS`; NaN where a kind was refused.

    Args:
        members: how many.
        group: of each test example (`modescape.arrays.group_codes`).
        examples: test examples.
    """

    def __init__(self, members: int, group: np.ndarray | None, examples: int) -> None:
        shape = (len(KINDS), len(METRICS), members)
        self.group = group
        self.value, self.low, self.high = np.full((3, *shape, members), np.nan)
        self.of_member = np.zeros((*shape, count_units(group, examples)))  # sums over the pairs of a member
        self.cosine, self.aligned_cosine = np.full((2, members, members), np.nan)
        self.first: Params | None = None  # the second member, its units in the order of the first
        self.refused = ""  # why none is aligned
        self.gaps = 0  # positions at which a loss is not finite

    def measure(self, lines: Lines, states: Sequence[ModelState], heard: Callable[[int], None]) -> None:
        """Measure every pair; networks for whose layers no permutation is known keep their raw barriers.

        Args:
            lines: how.
            states: the members' solutions.
            heard: called after every pair, with the lines that were evaluated.
        """
        for i, j in combinations(range(len(states)), 2):
            found = self._found(lines, states[i], states[j])
            if (own := found.alignment) is not None:
                self.first = own.state if self.first is None else self.first
                self.cosine[[i, j], [j, i]], self.aligned_cosine[[i, j], [j, i]] = own.before, own.after
            for kind, rows in lines.rows(states[i], states[j], found).items():
                self.gaps += int((~np.isfinite(rows["loss"].mean(-1))).sum())
                for metric, values in rows.items():
                    self._add((KINDS.index(kind), METRICS.index(metric)), (i, j), found.profiles[kind].t, values)
            heard(len(found.profiles))
        self.value[..., range(len(states)), range(len(states))] = 0.0  # a network against itself
        if self.refused:
            self.first = None
            for values in (self.value, self.low, self.high, self.of_member):
                values[[kind.startswith("aligned") for kind in KINDS]] = np.nan
            self.cosine[:], self.aligned_cosine[:] = np.nan, np.nan

    def _found(self, lines: Lines, one: ModelState, other: ModelState) -> Barrier:
        if not self.refused:
            try:
                return lines.barrier(one, other, aligned=True)
            except (InputError, WorkError) as error:  # one that is not of the alignment comes again
                self.refused = str(error).partition("; ")[0]  # without the advice for callers of the library
        return lines.barrier(one, other, aligned=False)

    def _add(self, at: tuple[int, int], pair: tuple[int, int], t: np.ndarray, rows: np.ndarray) -> None:
        """Note a pair's barrier of a kind and metric."""
        (i, j), values = pair, by_group(rows, self.group)
        with np.errstate(invalid="ignore", over="ignore"):  # losses that are not finite have no barrier
            found, own = heights("", t, values, LEVEL), excess(t, values)
        for held, name in ((self.value, ""), (self.low, "_low"), (self.high, "_high")):
            held[at][[i, j], [j, i]] = found[name]
        self.of_member[at][[i, j]] += own

    def variables(self, units: str) -> Variables:
        """The variables of a result; ``units`` are those of both metrics."""
        kind, pair = ("approach", "metric"), ("member", "other_member")
        matrix, text = (*kind, *pair), "height above the line between both ends, on test examples"
        cosine = "cosine of all weights that can be permuted"
        return {
            "barrier": (matrix, self.value, units, text),
            "barrier_low": (matrix, self.low, units, "lower end of its 95 % interval, these two networks"),
            "barrier_high": (matrix, self.high, units, "upper end of its 95 % interval, these two networks"),
            **{
                f"mean_barrier{name}": (kind, values, units, long_name)
                for (name, long_name), values in zip(MEANS.items(), self._means(), strict=True)
            },
            "cosine": (pair, self.cosine, "1", cosine),
            "aligned_cosine": (pair, self.aligned_cosine, "1", f"{cosine}, once they are"),
        }

    def _means(self) -> np.ndarray:
        """Mean over pairs and both ends of its interval, [3, kind, metric]."""
        out = np.empty((3, *self.value.shape[:2]))
        with np.errstate(invalid="ignore"):  # kinds that were refused
            for at in np.ndindex(*out.shape[1:]):
                example, influence = shares(self.of_member[at][None].copy())
                out[:, *at] = pair_mean(self.value[at], example[0], None if influence is None else influence[0])
        return np.maximum(out, 0.0)  # as a barrier's own ends: none is below 0


MEANS = {
    "": "mean over pairs of members",
    "_low": "lower end of its 95 % interval, new members",
    "_high": "upper end of its 95 % interval, new members",
}
