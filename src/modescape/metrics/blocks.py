"""Checks of labels, and blocks of long test sets, so that memory stays flat."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from modescape.errors import InputError

BLOCK = 1 << 20  # float64 values held at a time, besides the input: 8 MiB


def check_label(label: np.ndarray, examples: int, classes: int) -> None:
    """Check that labels fit the log-probabilities.

    Raises:
        InputError: on a wrong shape or dtype, or a label outside 0 .. classes - 1.
    """
    if label.shape != (examples,):
        raise InputError(f"label has shape {list(label.shape)}; expected [{examples}], one for each example")
    if label.dtype.kind not in "iu":
        raise InputError(f"label has dtype {label.dtype}; expected whole numbers 0 .. {classes - 1}")
    outside = np.flatnonzero((label < 0) | (label >= classes))
    if outside.size:
        raise InputError(
            f"label {label[outside[0]]} of example {outside[0]} ({outside.size} in all) is outside "
            f"0 .. {classes - 1}, the {classes} classes of log_prob"
        )


def example_blocks(examples: int, numbers_per_example: int) -> Iterator[slice]:
    """Slices of examples that keep about `BLOCK` values in memory at a time."""
    step = max(1, BLOCK // max(1, numbers_per_example))
    for start in range(0, examples, step):
        yield slice(start, min(start + step, examples))


def confidence_bin(confidence: np.ndarray, bins: int) -> np.ndarray:
    """Number of the equal-width bin (lower, upper] of [0, 1]; rounding above 1 or at 0 falls into the end bins."""
    return np.clip(np.ceil(confidence * bins) - 1, 0, bins - 1).astype(np.int64)
