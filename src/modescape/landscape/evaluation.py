"""Many points in one pass over the data: loss, accuracy and agreement, stacked by `vmap` or one after another."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from modescape import tree
from modescape.errors import InputError
from modescape.kernels.under_vmap import vmapped
from modescape.landscape.criteria import IGNORED, Criterion
from modescape.landscape.runner import Runner
from modescape.landscape.source import WHOLE, Batch, Pieces, Source
from modescape.models import call_with
from modescape.network.statistics import statistics_of
from modescape.types import ModelState, Params


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Loss, accuracy and agreement at points of a landscape.

    Attributes:
        loss: mean over units, [point]; NaN or infinite where the network's outputs are.
        accuracy: share of units predicted correctly, [point]; None if the loss has no classes.
        agreement: name of given predictions -> share of units with the same predicted class, [point].
        units: how many the means are over: examples, tokens, values (`Criterion`).
    """

    loss: np.ndarray
    accuracy: np.ndarray | None = None
    agreement: Mapping[str, np.ndarray] = field(default_factory=dict)
    units: float = 0.0

    @property
    def gaps(self) -> int:
        """Number of points without a finite loss."""
        return int((~np.isfinite(self.loss)).sum())


def joined(parts: list[Evaluation]) -> Evaluation:
    """Concatenate evaluations of several sets of points."""
    first, accuracy = parts[0], [part.accuracy for part in parts if part.accuracy is not None]
    return Evaluation(
        np.concatenate([part.loss for part in parts]),
        np.concatenate(accuracy) if accuracy else None,
        {name: np.concatenate([part.agreement[name] for part in parts]) for name in first.agreement},
        first.units,
    )


@dataclass(frozen=True)
class Evaluator:
    """Evaluates points on the data.

    Attributes:
        runner: the network.
        criterion: the loss.
        source: the data.
        statistics: the data on which batch-norm statistics are recomputed.
        held: tensors of the network that points need not contain.
        references: name -> predicted class of every unit, in the order of the data, int64 [unit].
        frozen: names of the frozen parameters among ``held``.
        pieces: how batches are split; those on which statistics are recomputed stay whole.
    """

    runner: Runner
    criterion: Criterion
    source: Source
    statistics: Source
    held: Params
    references: Mapping[str, Tensor] = field(default_factory=dict)
    frozen: frozenset[str] = frozenset()
    pieces: Pieces = WHOLE

    def __call__(self, points: Params, stack: bool) -> Evaluation:
        """One pass over the data, two where statistics are recomputed.

        Args:
            points: tensors [point, ...].
            stack: run all points at once.

        Raises:
            InputError: if the loss is not a scalar, or the number of given predictions is not that of the units.
        """
        with torch.no_grad():
            points = self.completed(points, stack)
            with self.runner.mode():
                sums, seen, units = 0.0, 0, 0.0
                for number, batch in enumerate(self.batches()):
                    found: dict[str, float] = {}
                    sums = sums + self._over(points, self._sums(batch, number, seen, found), stack).double()
                    units += found["count"]
                    seen += int(found["units"])
        assert isinstance(sums, Tensor)
        for name, labels in self.references.items():
            if len(labels) != seen:
                raise InputError(f"predictions {name!r} are {len(labels)}, the data have {seen}; expected one for each")
        return self._evaluation(sums.cpu().numpy() / max(units, 1.0), units)

    def batches(self) -> Iterator[Batch]:
        """One pass over the data, in pieces."""
        return (piece for batch in self.source for piece in self.pieces.of(batch))

    def completed(self, points: Params, stack: bool) -> Params:
        """Points with the policy's batch-norm statistics, [point, ...]; unchanged tensors stay with the network."""
        names = [name for name in statistics_of(self.runner.norms) if name in self.held]
        if self.runner.policy in ("eval", "batch"):
            return {name: tensor for name, tensor in points.items() if name not in names}
        if self.runner.policy == "interpolate":
            if missing := [name for name in names if name not in points and not name.endswith("num_batches_tracked")]:
                raise InputError(
                    f"the point has no running statistics '{missing[0]}', which batch_norm=\"interpolate\" needs; "
                    'give all of state_dict(), or choose "recompute"'
                )
            return points
        return points | self.recomputed(points, names, stack) if names else points

    def completed_point(self, state: ModelState) -> Params:
        """All tensors of one point, with the policy's batch-norm statistics."""
        with torch.no_grad():
            stacked = {name: tensor[None] for name, tensor in (state.params | state.buffers).items()}
            return tree.unstack(self.completed(stacked, False), 0)

    def recomputed(self, points: Params, names: list[str], stack: bool) -> Params:
        """Running statistics of each point's own weights, means over the batches, weighted by their examples."""
        count = len(next(iter(points.values())))
        own = {name: self.held[name].expand(count, *self.held[name].shape).clone() for name in names}
        with self.runner.averaged() as average:
            for batch in self.statistics:
                if batch.examples < 2 and average.begun:
                    continue  # one example has no variance
                average.next(batch.examples)

                def advanced(tensors: Params, batch: Batch = batch) -> Params:
                    own = {**self.copies(), **tensors}
                    call_with(self.runner.module, own, self.pieces.laid(batch).inputs)
                    return {name: own[name] for name in names}

                own = self._over(points | own, advanced, stack)
        return own

    def copies(self) -> Params:
        """The tensors that points do not contain; buffers are copied, since a network may write into them."""
        return {name: tensor if name in self.frozen else tensor.clone() for name, tensor in self.held.items()}

    def _over(self, points: Params, function: Callable[[Params], Any], stack: bool) -> Any:
        """Apply a function of one point to all: a tensor or a dictionary of tensors [point, ...]."""
        if stack:
            return vmapped(function, points)
        results = [function(tree.unstack(points, place)) for place in range(len(next(iter(points.values()))))]
        return tree.stack(results) if isinstance(results[0], dict) else torch.stack(results)

    def _sums(self, batch: Batch, number: int, seen: int, found: dict[str, float]) -> Callable[[Params], Tensor]:
        """For one point and batch: the sum of losses, units predicted correctly, units that match references."""
        criterion = self.criterion

        def sums(tensors: Params) -> Tensor:
            output = self.runner.call({**self.copies(), **tensors}, batch.inputs, number)
            total = criterion.total(output, batch.target, batch.examples).double()
            found["count"] = criterion.count(output, batch.target, batch.examples)
            found["units"] = batch.examples
            if criterion.labels is None or criterion.truth is None:
                return total[None]
            labels, truth = criterion.labels(output, batch.target), criterion.truth(output, batch.target)
            counts = truth != IGNORED
            found["units"] = len(truth)
            others = [self._reference(name, seen, seen + len(truth)) for name in self.references]
            same = [(labels == other) & counts for other in (truth, *others)]
            return torch.stack([total, *(one.sum().double() for one in same)])

        return sums

    def _reference(self, name: str, start: int, stop: int) -> Tensor:
        """Given predictions of the units of a batch."""
        labels = self.references[name]
        if stop > len(labels):
            raise InputError(f"predictions {name!r} are {len(labels)}, the data have more; expected one for each")
        return labels[start:stop]

    def _evaluation(self, means: np.ndarray, units: float) -> Evaluation:
        loss = means[:, 0]
        if self.criterion.labels is None:
            return Evaluation(loss, units=units)
        shares = np.where(np.isnan(loss)[:, None], np.nan, means[:, 1:])
        return Evaluation(loss, shares[:, 0], dict(zip(self.references, shares[:, 1:].T, strict=True)), units)
