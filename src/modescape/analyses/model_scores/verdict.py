"""What the scores of given models add to the head of the page: whether averaging all is better than keeping one."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from modescape.covers import covers_of, short
from modescape.wording import scores
from modescape.wording.head import Card, Part
from modescape.wording.judged import against, bounded
from modescape.wording.numbers import count
from modescape.wording.reading import holding, pick
from modescape.wording.takeaways import for_whom

if TYPE_CHECKING:
    import xarray as xr


def verdict(results: Mapping[str, xr.Dataset]) -> Part:
    """All together against the best alone; nothing where one model was given."""
    dataset = holding(results, "over_best", "together")
    if dataset is None or dataset.sizes["model"] < 2 or not (known := scores.known(dataset)):
        return Part()
    metric, score = next(iter(known.items()))
    every, best = str(dataset["approach"].values[0]), str(dataset["approach"].values[-1])
    low, value, high = (
        pick(dataset, f"over_best{end}", approach=every, metric=metric) for end in ("_low", "", "_high")
    )
    if not math.isfinite(value):
        return Part()
    words = against(score, low, value, high, covers_of(dataset, "over_best"))
    models = count(dataset.sizes["model"], str(dataset.attrs.get("unit", "network")))
    together, alone = (
        bounded(
            metric,
            *(pick(dataset, f"together{end}", approach=name, metric=metric) for end in ("", "_low", "_high")),
            whom=covers_of(dataset, "together"),
        )
        for name in (every, best)
    )
    sentence = (
        f"The average of these {models}: {together}; the best alone, chosen on one half and scored on the other: "
        f"{alone}. That is {words.phrase}."
    )
    return Part(
        answer={28: f"The average of all is {words.short} the best alone."},
        sentences={28: sentence},
        cards={
            15: [Card("Best alone", *_card(dataset, metric, best))],
            18: [Card(f"All {dataset.sizes['model']} together", *_card(dataset, metric, every))],
        },
        worked=words.better,
    )


def _card(dataset: xr.Dataset, metric: str, name: str) -> tuple[str, str]:
    value, low, high = (pick(dataset, f"together{end}", approach=name, metric=metric) for end in ("", "_low", "_high"))
    whom = for_whom(short(covers_of(dataset, "together")))
    return (
        scores.written(metric, value),
        f"95 % interval {scores.written(metric, low)} to {scores.written(metric, high)}{whom}",
    )
