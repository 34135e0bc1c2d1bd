"""What the section says: its title, what is shown, how to read it, and its summary."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from modescape.analyses.shift.draw import corruption_name, left_out_sentence, selected, without_effect
from modescape.covers import keyed
from modescape.plots.scores import gain_covers
from modescape.wording import scores
from modescape.wording.numbers import ABSENT, accuracy, count, listing, significant
from modescape.wording.reading import pick
from modescape.wording.summary import PLACED, Summary, placed
from modescape.wording.tables import name_of, names_of
from modescape.wording.takeaways import ends, sample
from modescape.wording.text import Text

if TYPE_CHECKING:
    import xarray as xr

PAPER = "9"  # its figures there
SOURCES = ("fort2019", "hendrycks2019")

TEXT = Text(
    "Under corrupted images",
    "What each method gains over one network on test images corrupted with increasing severity, averaged over the "
    "corruptions that change such images at every severity; the scores themselves; the diversity of the networks of "
    "each method; and gain and accuracy under each corruption.",
    "A band is the 95 % interval of the difference from one network on the same images: where it leaves out 0, the "
    "method is better or worse than one network. See whether the order of the methods stays the same as the images get"
    " worse, and whether the gaps grow. Diversity grows under corruption partly because confidence changes: the panel "
    "after calibration removes that with each network's temperature, fitted on clean validation images. The spread "
    "over corruptions is not a confidence interval: it shows how different the corruptions are, not how uncertain a "
    "mean is.",
)


def summarize(dataset: xr.Dataset) -> Summary:
    """What the figure shows, in a sentence and a table."""
    severities = sorted(int(severity) for severity in dataset["severity"].values)
    ends = list(dict.fromkeys((severities[0], severities[-1])))
    metrics = [str(metric) for metric in dataset["metric"].values]
    rows, parts = [], []
    for method in names_of(dataset):
        for severity in ends:
            cells = [
                scores.written(key, pick(dataset, "score", approach=method, metric=key, severity=severity))
                for key in metrics
            ]
            divergence = significant(pick(dataset, "jensen_shannon", approach=method, severity=severity), 3)
            rows.append((name_of(method), str(severity), *placed(dataset, method), *cells, divergence))
        if method in ("single", "independent"):
            first, last = (
                accuracy(pick(dataset, "score", approach=method, metric="accuracy", severity=severity))
                for severity in (ends[0], ends[-1])
            )
            parts.append(f"{name_of(method)} from {first} to {last}")
    left_out = without_effect(dataset)
    unknown = [ABSENT] * (len(PLACED) + len(metrics) + 1)
    for name, which in left_out.items():
        rows.append((f"left out: {corruption_name(name)}", f"no effect at {which}", *unknown))
    names = ("kind of shift", "kinds of shift") if selected(dataset) else ("corruption",)
    kinds = count(dataset.sizes["corruption"] - len(left_out), *names)
    text = (
        f"Line charts of gains over one network, scores and diversity against severity, {severities[0]} to "
        f"{severities[-1]}, for {count(len(names_of(dataset)), 'method')}, and gain and accuracy on {kinds}. "
        f"Accuracy: {listing(parts) or ABSENT}."
    )
    if left_out:
        text += f" {left_out_sentence(left_out, dataset['effect'].attrs['units'])}"
    header = ("method", "severity", *PLACED, *scores.header(metrics), "Jensen-Shannon (nats)")
    return Summary(text, header, tuple(rows), takeaway=_takeaway(dataset))


def _takeaway(dataset: xr.Dataset) -> str:
    """How one network and the ensemble lose accuracy, and what is between them, paired."""
    severities = sorted(int(severity) for severity in dataset["severity"].values)
    values = {
        (method, severity): pick(dataset, "score", approach=method, metric="accuracy", severity=severity)
        for method in ("single", "independent")
        for severity in (severities[0], severities[-1])
    }
    if not all(map(math.isfinite, values.values())):
        return ""
    one, all_ = (
        f"{accuracy(values[method, severities[0]])} to {accuracy(values[method, severities[-1]])}"
        for method in ("single", "independent")
    )
    interval = keyed(gain_covers(dataset, "independent"))
    means = (
        f"From severity {severities[0]} to {severities[-1]} accuracy goes from {one} for one network and from {all_} "
        "for independent networks averaged"
    )
    if "gain" not in dataset:  # a result of an earlier version
        return f"{means} ({sample(dataset)})."
    first, last = (_gained(dataset, at) for at in (severities[0], severities[-1]))
    return (
        f"{means}: a paired difference of {first} on clean images and {last} on the "
        f"most corrupted ({interval}; {sample(dataset)})."
    )


def _gained(dataset: xr.Dataset, severity: int) -> str:
    """What averaging gains in accuracy at a severity, with its interval."""
    gain = ends(dataset, "gain", approach="independent", metric="accuracy", severity=severity)
    number, bounds = scores.difference("accuracy", *gain)
    return f"{number} points ({bounds})"
