"""What the section says: its title, what is shown, how to read it, and its summary."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from modescape.analyses.shift.draw import left_out_sentence, without_effect
from modescape.analyses.shift.numbers.draw import unit_of
from modescape.covers import covers_of, headed
from modescape.wording import scores
from modescape.wording.numbers import ABSENT, count, fixed, listing, percent
from modescape.wording.reading import pick
from modescape.wording.summary import Summary
from modescape.wording.tables import name_of, names_of
from modescape.wording.takeaways import ends, for_whom, sample
from modescape.wording.text import Text

if TYPE_CHECKING:
    import xarray as xr

TEXT = Text(
    "Under shift",
    "What averaging all networks gains over one network on test images corrupted with increasing severity, averaged "
    "over the corruptions; the errors themselves; whether 95 % prediction intervals still contain 95 % of the targets; "
    "and gain and error under each kind of shift.",
    "A model that represents its uncertainty well has wider intervals where its error grows, and keeps its coverage. "
    "The variance between networks can grow under shift, as nothing constrains them away from the training data; the "
    "variance that each predicts need not. A covariate shift changes no image: it scores the images with the highest "
    "values of one column, and so shows how the model does on a different population.",
)


def summarize(dataset: xr.Dataset) -> Summary:
    """What the figure shows, in a sentence and a table."""
    severities = sorted(int(severity) for severity in dataset["severity"].values)
    metrics = [str(metric) for metric in dataset["metric"].values]
    unit, rows, parts = unit_of(dataset), [], []
    for method in names_of(dataset):
        errors, inside = [], []
        for severity in severities:
            at = {"approach": method, "severity": severity}
            values = {key: pick(dataset, "score", metric=key, **at) for key in metrics}
            ends = [pick(dataset, f"score_{end}", metric="rmse", **at) for end in ("low", "high")]
            share, width = pick(dataset, "coverage", **at), pick(dataset, "width", **at)
            cells = [scores.written(key, value) for key, value in values.items()]
            bounds = f"{fixed(ends[0], 3)} to {fixed(ends[1], 3)}"
            rows.append((name_of(method), str(severity), *cells, bounds, fixed(100 * share, 1), fixed(width, 3)))
            errors.append(scores.written("rmse", values["rmse"]))
            inside.append(percent(share))
        parts.append(
            f"{name_of(method)}: RMSE from {errors[0]} to {errors[-1]}, coverage from {inside[0]} to {inside[-1]}"
        )
    left_out = without_effect(dataset)
    kinds = count(dataset.sizes["corruption"] - len(left_out), "kind of shift", "kinds of shift")
    text = (
        f"Line charts of gains over one network, scores, coverage, width and spread against severity, {severities[0]} "
        f"to {severities[-1]}, and gain and RMSE ({unit}) on {kinds}. {listing(parts) or ABSENT}."
    )
    if left_out:
        text += f" {left_out_sentence(left_out, dataset['effect'].attrs['units'])}"
    header = (
        "networks",
        "severity",
        *scores.header(metrics),
        headed("RMSE", covers_of(dataset, "score")),
        "inside (%)",
        "width",
    )
    return Summary(text, header, tuple(rows), takeaway=_takeaway(dataset))


def _takeaway(dataset: xr.Dataset) -> str:
    """How errors grow, and whether intervals still cover."""
    severities = sorted(int(severity) for severity in dataset["severity"].values)
    parts, whom = [], for_whom(covers_of(dataset, "coverage"))
    for method, name in (("single", "one network"), ("independent", "all networks together")):
        last = {"approach": method, "severity": severities[-1]}
        share = ends(dataset, "coverage", **last)
        error = pick(dataset, "score", metric="rmse", **last)
        if method in names_of(dataset) and math.isfinite(error):
            bounds = f" (95 % interval {percent(share.low)} to {percent(share.high)}{whom})" if share.known else ""
            parts.append(
                f"{name}: RMSE {scores.written('rmse', error)}{scores.unit('rmse', dataset)}, 95 % prediction "
                f"intervals contain {percent(share.value)} of the targets{bounds}"
            )
    return f"At severity {severities[-1]}, {'; '.join(parts)} ({sample(dataset)})." if parts else ""
