"""Reading predictions: of several models, of each member's, of one checkpoint."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from modescape.errors import InputError
from modescape.offered.protocols import INDEPENDENT, SNAPSHOTS, InBlocks, Predictions

READ = 1 << 24  # numbers that are read at a time: 64 MiB of float32
WORKED_ON = 1 << 22  # and that are worked on


def stacked(predictions: Predictions, models: Sequence[int], examples: slice | None = None) -> np.ndarray:
    """Log-probabilities of several models, float32 [model, example, class]; besides the result, one model is in memory.

    Of a regression: means and log-variances, float32 [model, example, 2 x output].
    """
    wanted = slice(None) if examples is None else examples
    count = len(range(*wanted.indices(len(predictions.label))))
    width = len(predictions.class_names) * (1 if predictions.label.ndim == 1 else 2)
    out = np.empty((len(models), count, width), dtype=np.float32)
    for position, model in enumerate(models):
        out[position] = of_examples(predictions, int(model), wanted)
    return out


def of_examples(predictions: Predictions, model: int, examples: slice) -> np.ndarray:
    """Log-probabilities of some examples, float32 [example, class]; the others are not read if possible."""
    if isinstance(predictions, InBlocks):
        return predictions.log_prob_of(model, examples)
    return predictions.log_prob(model)[examples]


def read_in_blocks(predictions: Predictions, models: Sequence[int]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Several models' log-probabilities of a few examples, float32 [model, example, class], and the labels of these.

    All examples in order; each read of 64 MiB is yielded in four parts.
    """
    label, width = predictions.label, len(models) * len(predictions.class_names)
    part = max(1, WORKED_ON // width)
    step = max(1, READ // width // part) * part
    for start in range(0, len(label), step):
        own = label[start : start + step]
        read = stacked(predictions, models, slice(start, start + len(own)))
        for first in range(0, len(own), part):
            yield read[:, first : first + part], own[first : first + part]


def runs(predictions: Predictions, approach: str, last: int | None = None) -> dict[int, list[int]]:
    """Member -> its models of an approach, in order.

    Args:
        predictions: of a split.
        approach: `SNAPSHOTS` or `TRAJECTORY`; of networks without snapshots each solution is its own run.
        last: at most this many, from the end.
    """
    groups = predictions.groups
    found: dict[int, list[int]] = {}
    if approach == SNAPSHOTS and SNAPSHOTS not in groups:
        approach = INDEPENDENT
    for model in groups.get(approach, ()):
        found.setdefault(int(predictions.members[model]), []).append(int(model))
    return {member: models if last is None else models[-last:] for member, models in found.items()}


def model_of(predictions: Predictions, member: int, epoch: int) -> int:
    """The model that a member was at an epoch.

    Raises:
        InputError: if it was not predicted.
    """
    found = np.flatnonzero((predictions.members == member) & (predictions.epochs == epoch))
    if not len(found):
        raise InputError(f"there are no predictions of member {member} at epoch {epoch}")
    return int(found[0])
