"""Overlap of the errors of models."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from modescape.arrays import Array, to_numpy
from modescape.errors import InputError
from modescape.metrics.blocks import example_blocks


class Overlap(NamedTuple):
    """Error overlap of every two models, float64 [model, model] each."""

    both_wrong: np.ndarray  # share of examples; on the diagonal a model's own error
    error_jaccard: np.ndarray  # both wrong over either wrong; NaN where neither errs
    error_kappa: np.ndarray  # Cohen's kappa of being wrong; NaN where both are always or never wrong


def overlap(wrong: Array) -> Overlap:
    """Error overlap of every two models: both wrong, Jaccard index and Cohen's kappa of the errors.

    With shares w_i of errors and b_ij of examples on which both are wrong, the Jaccard index is b / (w_i + w_j - b) and
    kappa (o - e) / (1 - e), o = 1 - w_i - w_j + 2 b the share on which both are right or both wrong and
    e = w_i w_j + (1 - w_i) (1 - w_j) what it is by chance.

    Args:
        wrong: which model errs on which example, bool [model, example].

    Raises:
        InputError: (a ValueError) on another shape or type.

    Source: Cohen 1960; Geirhos, Meding and Wichmann 2020, arXiv 2006.16736 (kappa of errors, "error consistency").

    >>> overlap(np.array([[1, 1, 0, 0], [0, 1, 1, 0]], dtype=bool)).error_jaccard.round(3).tolist()
    [[1.0, 0.333], [0.333, 1.0]]
    """
    (wrong,), _ = to_numpy(wrong)
    if wrong.ndim != 2 or wrong.dtype != bool or not wrong.size:
        raise InputError(f"wrong is {wrong.dtype} {list(wrong.shape)}; expected truth values [model, example]")
    models, examples = wrong.shape
    both = np.zeros((models, models))
    for block in example_blocks(examples, models):
        part = wrong[:, block].astype(np.float64)
        both += part @ part.T
    return overlap_of(both / examples)


def overlap_of(both: np.ndarray) -> Overlap:
    """`overlap` from the share of examples on which both of two models are wrong, [model, model]."""
    error = np.diag(both)
    one, other = error[:, None], error[None, :]
    alike, chance = 1 - one - other + 2 * both, one * other + (1 - one) * (1 - other)
    with np.errstate(invalid="ignore", divide="ignore"):
        kappa = np.where(chance < 1, (alike - chance) / (1 - chance), np.nan)
        return Overlap(both, both / (one + other - both), kappa)
