"""What the section says: its title, what is shown, how to read it, and its summary."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from modescape.covers import covers_of, headed
from modescape.wording import scores
from modescape.wording.judged import bounded
from modescape.wording.numbers import count
from modescape.wording.reading import pick
from modescape.wording.summary import Summary
from modescape.wording.takeaways import ends, for_whom, sample, tally
from modescape.wording.text import Text

if TYPE_CHECKING:
    import xarray as xr

TEXT = Text(
    "Part by part",
    "The scores of the mean model and of all models averaged on each named part of the data, and the gain of "
    "averaging there; 95 % intervals for these models on new examples of the part.",
    "A good mean can hide a part on which the models are bad, or on which averaging does not help. Small parts have "
    "wide intervals. Among many parts one or another stands out by chance: treat a surprise as a question, not a "
    "finding.",
)


def summarize(dataset: xr.Dataset) -> Summary:
    """What the figure shows, in a sentence and a table."""
    metrics = [str(name) for name in dataset["metric"].values]
    first, names = metrics[0], [str(name) for name in dataset["part"].values]
    rows = []
    for name in names:
        cells = [
            bounded(
                metric, *(pick(dataset, f"together{end}", part=name, metric=metric) for end in ("", "_low", "_high"))
            )
            for metric in metrics
        ]
        gain = scores.difference(
            first, *(pick(dataset, f"gain{end}", part=name, metric=first) for end in ("_low", "", "_high"))
        )
        rows.append((name, f"{pick(dataset, 'examples', part=name):,.0f}", *cells, ", ".join(filter(None, gain))))
    values = dataset["together"].sel({"metric": first}).values
    known = np.flatnonzero(np.isfinite(values))
    ends = ""
    if known.size:
        low, high = known[np.argmin(values[known])], known[np.argmax(values[known])]
        ends = (
            f" {scores.short(first)[:1].upper()}{scores.short(first)[1:]} of the average is lowest on {names[low]} "
            f"({scores.written(first, float(values[low]))}) and highest on {names[high]} "
            f"({scores.written(first, float(values[high]))})."
        )
    left = int(dataset.attrs.get("parts_left_out", 0))
    more = f" {count(left, 'smaller part')} left out." if left else ""
    text = f"Dots with intervals for {count(len(names), 'part')} of the data.{ends}{more}"
    covers = covers_of(dataset, "together")
    header = [headed(f"{one}, all together", covers) for one in scores.header(metrics, dataset)]
    return Summary(
        text,
        ("part", "images", *header, headed(f"gain in {scores.short(first)}", covers)),
        tuple(rows),
        takeaway=_takeaway(dataset),
    )


def _takeaway(dataset: xr.Dataset) -> str:
    """On how many parts averaging helps."""
    metric, names = str(dataset["metric"].values[0]), [str(name) for name in dataset["part"].values]
    raised, lowered, open_ = tally([ends(dataset, "gain", part=name, metric=metric).sign for name in names])
    short, parts = scores.short(metric), count(len(names), "part")
    said = [
        f"averaging {verb} {short} on {number} of {parts}"
        for verb, number in (("raises", raised), ("lowers", lowered))
        if number
    ]
    if open_:
        whom = for_whom(covers_of(dataset, "gain"))
        said.append(f"on {open_} of {parts} the 95 % interval{whom} of its effect on {short} includes 0")
    text = "; ".join(said)
    return f"{text[:1].upper()}{text[1:]} (not corrected for the number of parts; {sample(dataset)})."
