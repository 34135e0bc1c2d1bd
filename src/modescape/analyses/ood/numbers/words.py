"""What the section says: its title, what is shown, how to read it, and its summary."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from modescape.analyses.ood.numbers.draw import rows_of, unit_of
from modescape.analyses.ood.words import NAME_LENGTH, area
from modescape.covers import covers_of, headed
from modescape.plots.style import shortened
from modescape.wording.numbers import count, significant
from modescape.wording.reading import pick
from modescape.wording.summary import Summary
from modescape.wording.text import Text

if TYPE_CHECKING:
    import xarray as xr

TEXT = Text(
    "On out-of-distribution data",
    "The variance of the prediction on the test images and on images of other data sets: the variance that each "
    "network predicts, the variance between the networks' means, and their sum, the variance of the ensemble; and how "
    "well each of these separates the data sets.",
    "On images unlike the training images a good ensemble is less confident: its standard deviation moves to the "
    "right. The area under the ROC curve (AUROC) is the probability that an image of another data set has the larger "
    "variance. The variance a network predicts is the noise seen in training and need not grow elsewhere; the "
    "variance between networks grows where the training data do not determine the prediction. No setting was chosen "
    "on the other data.",
)


def summarize(dataset: xr.Dataset) -> Summary:
    """What the figure shows, in a sentence and a table."""
    rows, told = [], {}
    for approach, part, label in rows_of(dataset):
        for name in (str(name) for name in dataset["corruption"].values):
            at = {"approach": approach, "metric": part, "corruption": name}
            values = [pick(dataset, key, **at) for key in ("deviation", "auroc", "aupr", "fpr95")]
            cells = [significant(value, 3) for value in values]
            cells[1] = area(dataset, **at)
            rows.append((label, shortened(name, NAME_LENGTH), *cells))
            if np.isfinite(values[1]):
                told.setdefault(name, {})[label[:1].lower() + label[1:]] = values[1]
    parts = []
    for name, areas in told.items():
        best = max(areas, key=areas.__getitem__)
        parts.append(f"{shortened(name, NAME_LENGTH)}: {best} ({significant(areas[best])})")
    text = (
        f"Dot plots of the predicted deviation ({unit_of(dataset)}) and of detection by each part of the variance, and "
        f"histograms of the deviation, on {count(dataset.sizes['corruption'], 'data set')}. Highest area under the "
        f"curve, {'; '.join(parts) or 'no other data set was given'}."
    )
    header = (
        "variance",
        "data set",
        f"deviation ({unit_of(dataset)})",
        headed("AUROC", covers_of(dataset, "auroc")),
        "AUPR",
        "FPR at 95 %",
    )
    return Summary(text, header, tuple(rows), takeaway=_takeaway(parts))


def _takeaway(parts: list[str]) -> str:
    """Which part of the variance tells the sets apart best."""
    said = "; ".join(part.replace(": between", ", between").replace(": predicted", ", predicted") for part in parts)
    return f"Highest AUROC (0.5 is chance; the parts are not tested against each other), {said}." if parts else ""
