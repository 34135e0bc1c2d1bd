"""The kind of predictions: probabilities, logits, log-probabilities, classes; detected by documented rules."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from modescape.errors import InputError
from modescape.interop.predictions.lazy import Rows, blocks

PROBABILITIES, LOG_PROBABILITIES, LOGITS, LABELS = "probabilities", "log-probabilities", "logits", "labels"
MEANS, GAUSSIANS = "means", "means and variances"
KINDS = {  # kind -> what is detected as such
    PROBABILITIES: "no number is below 0 and those of an example sum to 1; a single number from 0 to 1 is the "
    "probability of class 1",
    LOG_PROBABILITIES: "no number is above 0 and their exponentials sum to 1",
    LOGITS: "one number per class, and neither of these",
    LABELS: "one whole number or text per example",
    MEANS: "for a regression: one number per example",
    GAUSSIANS: "for a regression: two numbers per example, the second a variance above 0",
}
SUM_ROUNDING = 4e-3  # tolerance for probabilities that sum to 1, in 16 bits or written with few decimals
MOSTLY = 0.5  # share of examples that sum to 1 from which the others are errors


@dataclass(frozen=True)
class _Seen:
    """Findings of one pass over the values."""

    lowest: float
    highest: float
    sums: int  # examples whose numbers sum to 1
    percents: int  # examples whose numbers sum to 100
    log_sums: int  # examples whose exponentials do
    off_sum: tuple[int, float]  # the first row that does not, and its sum; -1: none
    off_log_sum: tuple[int, float]


def kind_of(rows: Rows, said: str, where: str) -> str:
    """The kind of values [example] or [example, class] of a classification, after inspecting all of them.

    Args:
        rows: floating numbers.
        said: the kind that the user states; "": none.
        where: for messages.

    Raises:
        InputError: naming the row of what is not finite, or does not sum to 1.
    """
    seen = _look(rows, where)
    if said in (LOGITS, ""):
        if said or _are_logits(rows, seen):
            if not said and seen.lowest >= 0 and seen.percents == rows.shape[0]:
                raise InputError(
                    f"{where}: the numbers of each example sum to 100; divide percentages by 100; for logits, give "
                    "--kind logits"
                )
            return LOGITS
        said = PROBABILITIES if seen.lowest >= 0 else LOG_PROBABILITIES
    if said == PROBABILITIES:
        _check_probabilities(rows, seen, where)
    if said == LOG_PROBABILITIES and (seen.off_log_sum[0] >= 0 or len(rows.shape) == 1):
        row, total = seen.off_log_sum
        raise InputError(
            f"{where}, row {row}: probabilities sum to {total:.4g}, expected 1; for logits, give --kind logits"
        )
    return said


def _are_logits(rows: Rows, seen: _Seen) -> bool:
    """Whether values are neither probabilities nor log-probabilities, nor faulty ones."""
    if len(rows.shape) == 1 or rows.shape[1] == 1:
        return not 0 <= seen.lowest <= seen.highest <= 1
    count = rows.shape[0]
    looks = seen.lowest >= 0 and (seen.highest <= 1 + SUM_ROUNDING or seen.sums > MOSTLY * count)
    return not looks and not (seen.highest <= SUM_ROUNDING and seen.log_sums > MOSTLY * count)


def _check_probabilities(rows: Rows, seen: _Seen, where: str) -> None:
    if seen.lowest < 0 or (len(rows.shape) == 1 and seen.highest > 1):
        wrong = seen.lowest if seen.lowest < 0 else seen.highest
        raise InputError(f"{where}: {wrong:.4g} is not a probability, expected 0 to 1; for logits, give --kind logits")
    row, total = seen.off_sum
    if row >= 0 and len(rows.shape) > 1 and rows.shape[1] > 1:
        raise InputError(
            f"{where}, row {row}: probabilities sum to {total:.4g}, expected 1; for logits, give --kind logits"
        )


def _look(rows: Rows, where: str) -> _Seen:
    lowest, highest, sums, log_sums, percents = np.inf, -np.inf, 0, 0, 0
    off, off_log = (-1, 0.0), (-1, 0.0)
    width = int(np.prod(rows.shape[1:], dtype=np.int64))
    for block in blocks(rows.shape[0], width):
        part = np.asarray(rows[block], dtype=np.float64).reshape(-1, width)
        least = -np.inf if width > 1 else np.nan  # of one number -inf is a probability of 0
        wrong = np.flatnonzero(np.isnan(part).any(1) | np.isposinf(part).any(1) | (part == least).all(1))
        if len(wrong):
            value = part[wrong[0]].max()  # NaN before all
            raise InputError(
                f"{where}, row {block.start + wrong[0]}: {value} is not a number that a prediction may have"
            )
        lowest, highest = min(lowest, float(part.min())), max(highest, float(part.max()))
        with np.errstate(over="ignore"):
            total, log_total = part.sum(1), np.exp(part).sum(1)
        percents += int((np.abs(total - 100) <= 100 * SUM_ROUNDING).sum()) if width > 1 else 0
        sums, off = _counted(total, block.start, sums, off)
        log_sums, off_log = _counted(log_total, block.start, log_sums, off_log)
    return _Seen(lowest, highest, sums, percents, log_sums, off, off_log)


def _counted(total: np.ndarray, start: int, count: int, off: tuple[int, float]) -> tuple[int, tuple[int, float]]:
    right = np.abs(total - 1) <= SUM_ROUNDING
    wrong = np.flatnonzero(~right)
    if off[0] < 0 and len(wrong):
        off = start + int(wrong[0]), float(total[wrong[0]])
    return count + int(right.sum()), off


def _log(part: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore"):
        return np.log(part)


def _of_probabilities(part: np.ndarray) -> np.ndarray:
    if part.ndim == 1 or part.shape[1] == 1:
        one = part.reshape(-1)
        part = np.stack([1 - one, one], 1)
    return _log(part) - _log(part.sum(1, keepdims=True))


def _of_logits(part: np.ndarray) -> np.ndarray:
    if part.ndim == 1 or part.shape[1] == 1:
        one = part.reshape(-1)
        part = np.stack([np.zeros_like(one), one], 1)
    shifted = part - part.max(1, keepdims=True)
    return shifted - _log(np.exp(shifted).sum(1, keepdims=True))


def _of_gaussians(part: np.ndarray) -> np.ndarray:
    return np.stack([part[:, 0], np.log(part[:, 1])], 1)


def _of_means(part: np.ndarray) -> np.ndarray:
    mean = part.reshape(-1)
    return np.stack([mean, np.zeros_like(mean)], 1)  # no variance is known; nothing that needs one looks at it


TRANSFORMS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    PROBABILITIES: _of_probabilities,
    LOG_PROBABILITIES: _of_logits,
    LOGITS: _of_logits,
    MEANS: _of_means,
    GAUSSIANS: _of_gaussians,
}
"""Kind -> (float64 numbers of rows) -> log-probabilities [row, class]; of a regression means and log-variances."""


def one_hot(part: np.ndarray, classes: int) -> np.ndarray:
    """Numbers of classes [row] as log-probabilities of one class alone, float32 [row, class]."""
    out = np.full((len(part), classes), -np.inf, dtype=np.float32)
    out[np.arange(len(part)), part] = 0
    return out


def check_numbers(rows: Rows, kind: str, where: str) -> None:
    """Check predictions of a regression.

    Raises:
        InputError: naming the row of what is not finite, or of a variance that is not above 0.
    """
    width = int(np.prod(rows.shape[1:], dtype=np.int64))
    if kind == GAUSSIANS and rows.shape[1:] != (2,):
        raise InputError(f"{where} has shape {list(rows.shape)}; expected [example, 2]: mean, variance")
    for block in blocks(rows.shape[0], width):
        part = np.asarray(rows[block], dtype=np.float64).reshape(-1, width)
        wrong = np.flatnonzero(~np.isfinite(part).all(1))
        if len(wrong):
            raise InputError(f"{where}, row {block.start + wrong[0]}: {part[wrong[0]]} is not a finite number")
        low = np.flatnonzero(part[:, -1] <= 0)
        if kind == GAUSSIANS and len(low):
            raise InputError(f"{where}, row {block.start + low[0]}: variance {part[low[0], 1]:.4g}, expected above 0")
