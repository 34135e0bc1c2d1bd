"""What the section says: its title, what is shown, how to read it, and its summary."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from modescape.analyses.equivalents import equivalent
from modescape.covers import covers_of, headed
from modescape.wording.numbers import ABSENT, fixed, listing, significant
from modescape.wording.reading import pick
from modescape.wording.summary import PLACED, Summary, placed
from modescape.wording.tables import name_of, names_of
from modescape.wording.takeaways import Ends, ends, for_whom, sample
from modescape.wording.text import Text

if TYPE_CHECKING:
    import xarray as xr

SOURCES = ("guo2017", "ashukha2020")

TEXT = Text(
    "Calibration, and what remains of an ensemble's gain after it",
    "Accuracy against confidence for one network and for the average of several, as trained and after temperature "
    "scaling on validation data; then the calibrated negative log-likelihood against the number of networks averaged, "
    "and deep ensemble equivalents: the number of independent networks with the same score.",
    "Below the diagonal, networks are overconfident. Averaging lowers confidence, so part of an ensemble's gain could "
    "be had by temperature scaling alone: the calibrated log-likelihood removes that part, and what remains is the "
    "gain of averaging. The average of networks that were calibrated one by one tends to be underconfident (above the "
    "diagonal); calibrating the average corrects that. An equivalent below the diagonal of its panel means that a "
    "method's networks are worth fewer independent ones than there are of them; a method that is worse than one "
    "network has no equivalent, and the difference is given in nats. Here each temperature is fitted on one half of "
    "the test images and scored on the other, both ways; everywhere else temperatures are fitted on validation data.",
)


def summarize(dataset: xr.Dataset) -> Summary:
    """What the figure shows, in a sentence and a table."""
    rows = [
        (f"{method}: ECE", "", "", "", fixed(pick(dataset, "ece", approach=method), 3), "")
        for method in names_of(dataset)
    ]
    equivalents = []
    for method in names_of(dataset, "other_approach"):
        equal = equivalent(dataset, method)
        loss = pick(dataset, "calibrated_nll", other_approach=method, size=equal.size)
        cell = f"{equal.text(2)}; {equal.bounds(2)}" if equal.known else ABSENT
        at = placed(dataset, method, "other_approach")
        rows.append((f"{name_of(method)}: calibrated NLL (nats)", str(equal.size), *at, fixed(loss, 3), cell))
        if equal.known and method != "independent":
            equivalents.append(f"{equal.size} of {name_of(method)} {equal.text(2)}")
    single, together = (fixed(pick(dataset, "ece", approach=method), 3) for method in ("single", "independent"))
    text = (
        "Reliability diagrams, line charts of the calibrated log-likelihood, of what it differs by from one network's "
        "and of equivalents against the number of networks, and dots for calibration errors and temperatures. ECE: "
        f"{single} for a single network, {together} "
        f"for all {dataset.sizes['member']} averaged. "
        f"Median temperature {significant(_median(dataset['temperature'].values))}. "
        f"Deep ensemble equivalents: {listing(equivalents) or ABSENT}."
    )
    return Summary(
        text,
        ("quantity", "networks", *PLACED, "value", headed("equivalent", covers_of(dataset, "equivalent"))),
        tuple(rows),
        takeaway=_takeaway(dataset),
    )


def _median(values: np.ndarray) -> float:
    known = values[np.isfinite(values)]
    return float(np.median(known)) if known.size else math.nan


def _takeaway(dataset: xr.Dataset) -> str:
    """What a temperature and what averaging does."""
    one, calibrated = (pick(dataset, "ece", approach=method) for method in ("single", "single, calibrated"))
    text, members = "", int(dataset.attrs["members"])
    network = f"one network (mean of {members})" if members > 1 else "one network"
    if math.isfinite(one) and math.isfinite(calibrated):
        text = f"A temperature takes the ECE of {network} from {fixed(one, 3)} to {fixed(calibrated, 3)}. "
    size = equivalent(dataset, "independent").size
    alone, together = (
        ends(dataset, "calibrated_nll", other_approach="independent", size=value) for value in (1, max(size, 1))
    )
    if size > 1 and math.isfinite(alone.value) and math.isfinite(together.value):
        whom = for_whom(covers_of(dataset, "calibrated_nll"))
        text += (
            f"Calibrated, {network} has an NLL of {_bounded(alone)}, the average of {size} one of "
            f"{_bounded(together)} (95 % intervals{whom}; {sample(dataset)})."
        )
    return text.strip()


def _bounded(found: Ends) -> str:
    bounds = f" ({fixed(found.low, 3)} to {fixed(found.high, 3)})" if found.known else ""
    return f"{fixed(found.value, 3)}{bounds}"
