"""Predictions in files as analyses take them: one model, or some examples of it, in memory at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from modescape.interop.predictions.kinds import LABELS, TRANSFORMS, one_hot
from modescape.interop.predictions.lazy import Rows, blocks
from modescape.offered import INDEPENDENT


@dataclass(frozen=True)
class Model:
    """One model: its numbers in the order of the examples, and of which kind they are."""

    name: str
    rows: Rows
    kind: str  # of `KINDS`
    columns: tuple[int, ...] | None = None  # of the classes in their order; None: as they are

    def predicted(self, examples: slice, classes: int) -> np.ndarray:
        """Log-probabilities of examples in a row, float32 [example, class]; of a regression means and log-variances."""
        if self.kind == LABELS:
            return one_hot(np.asarray(self.rows[examples]), classes)
        start, stop, _ = examples.indices(self.rows.shape[0])
        width = max(2, int(np.prod(self.rows.shape[1:], dtype=np.int64)))
        out = np.empty((max(stop - start, 0), width), dtype=np.float32)
        kind = np.float32 if self.rows.dtype.itemsize <= 4 else np.float64  # as exact as what is given
        for block in blocks(len(out), width):  # a few numbers at a time: what is in between takes several times as much
            part = np.asarray(self.rows[start + block.start : start + block.stop])
            out[block] = TRANSFORMS[self.kind](part.astype(kind))
        return out if self.columns is None else out[:, list(self.columns)]

    def voted(self, examples: slice) -> np.ndarray:
        """The most probable class of some examples, the first of several, int64 [example]."""
        if self.kind == LABELS:
            return np.asarray(self.rows[examples]).astype(np.int64)
        return self.predicted(examples, 0).argmax(-1)


@dataclass(frozen=True, kw_only=True)
class GivenPredictions:
    """`modescape.offered.Sampled` predictions of models that others made, each a member of its own."""

    models: Sequence[Model]
    label: np.ndarray  # int64 [example]; of a regression float64 [example, 1]
    class_names: Sequence[str]
    example_group: np.ndarray | None = None

    def log_prob(self, model: int, /) -> np.ndarray:
        """See `modescape.offered.Predictions`."""
        return self.log_prob_of(model, slice(None))

    def log_prob_of(self, model: int, examples: slice, /) -> np.ndarray:
        """See `modescape.offered.InBlocks`."""
        start, stop, step = examples.indices(len(self.label))
        found = self.models[model].predicted(slice(start, stop), len(self.class_names))
        return found if step == 1 else found[::step]

    @property
    def groups(self) -> Mapping[str, Sequence[int]]:
        """All are independent networks."""
        return {INDEPENDENT: range(len(self.models))}

    @property
    def members(self) -> np.ndarray:
        """See `modescape.offered.Predictions`."""
        return np.arange(len(self.models))

    @property
    def epochs(self) -> np.ndarray:
        """Not known: 0."""
        return np.zeros(len(self.models), dtype=np.int64)

    @property
    def scales(self) -> np.ndarray:
        """None has any."""
        return np.full(len(self.models), np.nan)

    @property
    def steps(self) -> np.ndarray:
        """None has any: 0."""
        return np.zeros(len(self.models), dtype=np.int64)

    def distances(self, models: Sequence[int], /) -> np.ndarray:
        """Not known."""
        return np.full(len(models), np.nan)

    def sample(self, rows: np.ndarray) -> GivenPredictions:
        """Some examples alone, in memory.

        Args:
            rows: their numbers, ascending.
        """
        kept: list[Model] = []
        for model in self.models:
            kept.append(Model(model.name, _some(model.rows, rows), model.kind, model.columns))
        group: Any = self.example_group
        if group is not None:
            group = np.unique(group[rows], return_inverse=True)[1].reshape(-1)
        return GivenPredictions(models=kept, label=self.label[rows], class_names=self.class_names, example_group=group)


def _some(rows: Rows, wanted: np.ndarray) -> np.ndarray:
    """Some rows of an array, a block at a time."""
    parts = []
    for block in blocks(rows.shape[0], int(np.prod(rows.shape[1:], dtype=np.int64))):
        inside = wanted[(wanted >= block.start) & (wanted < block.stop)] - block.start
        if len(inside):
            parts.append(np.asarray(rows[block])[inside])
    return np.concatenate(parts) if parts else np.asarray(rows[:0])
