"""Rows of the table at the head of the page: what averaging changes, score by score."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from modescape.wording import scores
from modescape.wording.numbers import ABSENT
from modescape.wording.reading import full_gain, score_at

if TYPE_CHECKING:
    import xarray as xr


def score_rows(sizes: xr.Dataset | None) -> list[tuple[str, str, str, str, str, str]]:
    """Rows of scores that no card shows: name, better, one network, the full ensemble, the change, its interval."""
    rows = []
    for metric, score in scores.known(sizes).items():
        gain = full_gain(sizes, "independent", metric)
        if gain is None or metric == "accuracy":
            continue
        single, together = (
            scores.written(metric, score_at(sizes, "independent", metric, size)) for size in (1, gain.size)
        )
        change, bounds = scores.difference(metric, gain.low, gain.value, gain.high)
        bounds = bounds if math.isfinite(gain.low) else ABSENT
        change += scores.unit(metric, sizes) if score.percent else ""
        inconclusive = "" if gain.conclusive else "; inconclusive"
        better = "higher" if score.higher_is_better else "lower"
        rows.append((score.with_unit(score.label), better, single, together, change, bounds + inconclusive))
    return rows
