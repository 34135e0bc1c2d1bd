"""What the section says: its title, what is shown, how to read it, and its summary."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from modescape.analyses.diversity_map.draw import NAMES, equivalent, error_of
from modescape.covers import covers_of, headed
from modescape.plots.style import method_look
from modescape.wording.numbers import ABSENT, count, fixed, significant
from modescape.wording.summary import PLACED, Summary
from modescape.wording.tables import names_of
from modescape.wording.takeaways import sample
from modescape.wording.text import Text

if TYPE_CHECKING:
    import xarray as xr

TEXT = Text(
    "The exact map of diversity and error",
    "For sets of networks of each method, at the same scales for all methods: the mean network's Brier score against "
    "V, half the mean squared distance between the probabilities of two networks. As trained and calibrated, on the "
    "test images and under shift.",
    "The average of a set has exactly the Brier score written on the grey line through its mark. A method can reach a "
    "lower line by better networks (down) or by more diverse ones (right); along its sweep it pays for diversity with "
    "error. Colour shows whether the networks are still in the solution's own basin. Confidence increases V without "
    "making functions more different, so compare with the panels in which every network was calibrated: the "
    "differences between methods that remain there are differences in function. The method with the largest marks "
    "also had the most training.",
)

NUMBERS = Text(  # of a regression
    TEXT.title,
    "For sets of networks of each method, at the same scales for all methods: the mean network's squared error "
    "against V, half the mean squared distance between the predictions of two networks, on the test images.",
    "The average of a set has exactly the squared error written on the grey line through its mark. A method can reach "
    "a lower line by better networks (down) or by more diverse ones (right); along its sweep it pays for diversity "
    "with error. Colour shows whether the networks are still in the solution's own basin. The method with the largest "
    "marks also had the most training.",
)

GIVEN = Text(  # of predictions that others made
    TEXT.title,
    "The mean network's squared error (for classes: the Brier score) against V, half the mean squared distance "
    "between the predictions of two networks, for the networks given.",
    "Their average has exactly the score written on the grey line through the mark. Networks reach a lower line by "
    "being better (down) or more diverse (right).",
)


def summarize(dataset: xr.Dataset) -> Summary:
    """What the figure shows, in a sentence and a table."""
    networks, rows, scores = int(dataset.attrs["networks"]), [], {}
    error = error_of(dataset)
    name, written = NAMES[error][0], fixed if error == "brier" else significant
    for metric in (str(metric) for metric in dataset["metric"].values):
        for method in names_of(dataset):
            chosen = dataset.sel({"metric": metric, "approach": method})
            score = chosen[f"ensemble_{error}"].values
            if not np.isfinite(score).any():
                continue
            step = int(np.nanargmin(score))
            at = chosen.isel(draw=step)
            cells = [written(float(at[key]), 3) for key in ("diversity", f"mean_{error}", f"ensemble_{error}")]
            place = [significant(float(at[key]), 3) for key in ("scale", "distance")]
            rows.append(
                (metric, method_look(method).name, *place, *cells, equivalent(dataset, metric, method, step) or ABSENT)
            )
            scores.setdefault(metric, {})[method_look(method).name] = float(score[step])
    parts = [f"{metric}: {min(values, key=values.__getitem__)}" for metric, values in scores.items()]
    text = (
        f"Maps of the mean network's {name} against diversity for sets of {count(networks, 'network')}, with "
        f"lines of equal score of their average. Lowest score of the average, {'; '.join(parts) or 'unknown'}. The "
        "table has the step of each method with the lowest score on these test images themselves, which favours "
        "methods that were tried at several scales."
    )
    short = NAMES[error][3]
    header = (
        "V",
        f"mean network's {short}",
        f"average's {short}",
        headed("equivalent", covers_of(dataset, "equivalent")),
    )
    said = "probabilities" if error == "brier" else "predictions"
    return Summary(
        text,
        (said, "method (lowest of its steps)", *PLACED, *header),
        tuple(rows),
        takeaway=_takeaway(dataset, sample(dataset)),
        behind=_takeaway(dataset),
    )


def _takeaway(dataset: xr.Dataset, seen: str = "") -> str:
    """Which method's average has the lowest score, and how far the others are."""
    error, metric = error_of(dataset), str(dataset["metric"].values[0])
    values = dataset[f"ensemble_{error}"].sel({"metric": metric}).transpose("approach", "draw").values
    found = zip(names_of(dataset), values, strict=True)
    best = {name: float(np.nanmin(own)) for name, own in found if np.isfinite(own).any()}
    if not best:
        return ""
    written = fixed if error == "brier" else significant
    order = sorted(best, key=best.__getitem__)[:2]
    parts = [f"{method_look(name).name} ({written(best[name], 3)})" for name in order]
    flattered = (
        f" ({seen}); no interval, and choosing the step on these images flatters methods that have several."
        if seen
        else ", which flatters methods that have several (no interval)."
    )
    return (
        f"The average of {count(int(dataset.attrs['networks']), 'network')} has the lowest {NAMES[error][0]} for "
        f"{', then '.join(parts)}, each at its best step{flattered}"
    )
