"""Whether a loss is still falling, or rising, at the end of training."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from modescape.arrays import Array, to_numpy
from modescape.errors import InputError

LEAST_EPOCHS = 3  # with fewer the state is "unknown"
SIZE = 0.05  # change over the last quarter of training, as a share of the final loss, that counts
ERRORS = 3.0  # standard errors that the change must exceed
NORMAL_MEDIAN = 0.6745  # median of |z|, z standard normal


class Ending(NamedTuple):
    """The trend of loss curves at the end of training."""

    change: (
        np.ndarray
    )  # over the last quarter, at the slope fitted there, over the loss at the end; NaN: unknown, [...]
    state: np.ndarray  # "falling", "rising", "flat" or "unknown", [...]


def ending(loss: Array) -> Ending:
    """Test whether each curve still falls or rises over the last quarter of training, and at its very end.

    A line is fitted by least squares to the last quarter of the epochs (w of them, 3 at least). Its change from first
    to last, relative to the loss at its end, is ``change``. The state is "falling" or "rising" where all of these hold:

    * the change is more than `SIZE` (5 %) of the loss;
    * it is more than `ERRORS` (3) of its standard errors, s (w - 1) / sqrt(sum of squared distances of the epochs from
      their mean), with s the noise between epochs, estimated from the median absolute second difference, which neither
      a trend nor a steep beginning affects much;
    * the last half of the quarter (at least 3 epochs) continues in the same direction, at half that rate or more: a
      learning rate that decays to 0 has ended the fall by then.

    Of flat curves with 10 % noise between epochs, one in 140 is not classified as flat with 40 epochs, one in 34 with
    10, one in 14 with 5 (n = 4,000 each).

    Otherwise it is "flat", which means that more epochs on the same schedule would change little, not that another
    schedule would not. With fewer than 3 finite values at the end it is "unknown".

    Args:
        loss: after every epoch, above 0, [..., epoch]; NaN where there is no value.

    Raises:
        InputError: (a ValueError) if there is no axis of epochs.

    >>> import numpy as np
    >>> epochs = np.arange(1, 41)
    >>> ending(np.stack([1 / epochs**0.5, 0.5 + 0.01 * epochs, 0.3 + np.exp(-epochs)])).state.tolist()
    ['falling', 'rising', 'flat']
    """
    (loss,), _ = to_numpy(loss)
    if loss.ndim < 1:
        raise InputError("loss is a single number; expected [..., epoch]")
    rows = loss.reshape(-1, loss.shape[-1]).astype(np.float64)
    found = [_ending(row) for row in rows]
    shape = loss.shape[:-1]
    change = np.array([change for change, _ in found], dtype=np.float64).reshape(shape)
    return Ending(change, np.array([state for _, state in found], dtype=object).reshape(shape))


def _ending(loss: np.ndarray) -> tuple[float, str]:
    epochs = len(loss)
    last = loss[-max(LEAST_EPOCHS, math.ceil(epochs / 4)) :]
    if len(last) < LEAST_EPOCHS or not np.isfinite(last).all():
        return math.nan, "unknown"
    slope, level = _line(last)
    if not level > 0:
        return math.nan, "unknown"
    steps = len(last) - 1
    change = slope * steps / level
    at_the_end = _line(last[-max(LEAST_EPOCHS, math.ceil(len(last) / 2)) :])[0] * steps / level
    bends = np.abs(np.diff(loss[np.isfinite(loss)], n=2))
    scatter = float(np.median(bends)) / (NORMAL_MEDIAN * math.sqrt(6))  # 1 + 4 + 1: of three independent values
    error = scatter * steps / math.sqrt(_squares(len(last))) / level
    goes_on = at_the_end * np.sign(change) >= SIZE / 2
    if abs(change) <= SIZE or abs(change) <= ERRORS * error or not goes_on:
        return change, "flat"
    return change, "falling" if change < 0 else "rising"


def _line(values: np.ndarray) -> tuple[float, float]:
    """Slope of the least-squares line, and its value at the end."""
    place = np.arange(len(values)) - (len(values) - 1) / 2
    slope = float(place @ values / _squares(len(values)))
    return slope, float(values.mean() + slope * place[-1])


def _squares(count: int) -> float:
    """Sum of squared deviations of 0 .. count - 1 from their mean."""
    return count * (count**2 - 1) / 12
