"""What the section says: its title, what is shown, how to read it, and its summary."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from modescape.covers import covers_of, headed
from modescape.plots.style import method_look, shortened
from modescape.wording.numbers import count, significant
from modescape.wording.reading import pick
from modescape.wording.summary import PLACED, Summary, placed
from modescape.wording.tables import names_of
from modescape.wording.takeaways import for_whom
from modescape.wording.text import Text

if TYPE_CHECKING:
    import xarray as xr

SOURCES = ("fort2019",)

TEXT = Text(
    "On out-of-distribution data",
    "Predictions on the test images and on images of other data sets: how much the networks of each method disagree, "
    "how uncertain their mean prediction is, and how well that uncertainty separates the data sets.",
    "On images unlike the training images a good ensemble is less confident: its entropy moves to the right and its "
    "networks disagree more. The area under the ROC curve (AUROC) is the probability that an image of another data "
    "set has the higher entropy; other data is the positive class here, which some papers reverse. All methods have "
    "the same number of networks. The divergence depends on confidence as well as on function, so a method whose "
    "networks are more confident shows more of it; the AUROC does not change when all entropies are rescaled alike. "
    "No setting was chosen on the other data.",
)

NAME_LENGTH = 40  # characters of a data set's name


def summarize(dataset: xr.Dataset) -> Summary:
    """What the figure shows, in a sentence and a table."""
    rows, told = [], {}
    sets = [str(name) for name in dataset["corruption"].values]
    for method in names_of(dataset):
        for name in sets:
            labels = {"approach": method, "corruption": name}
            divergence, entropy = (pick(dataset, key, **labels) for key in ("jensen_shannon", "mean_entropy"))
            areas = [pick(dataset, key, metric="entropy", **labels) for key in ("auroc", "aupr", "fpr95")]
            cells = [significant(value, 3) for value in (divergence, entropy, *areas)]
            cells[2] = area(dataset, metric="entropy", **labels)
            rows.append((method_look(method).name, shortened(name, NAME_LENGTH), *placed(dataset, method), *cells))
            told.setdefault(name, {})[method_look(method).name] = areas[0]
    parts = []
    for name, areas in told.items():
        known = {method: area for method, area in areas.items() if np.isfinite(area)}
        if known:
            best = max(known, key=known.__getitem__)
            parts.append(f"{shortened(name, NAME_LENGTH)}: {best} ({significant(known[best])})")
    text = (
        f"Dot plots of divergence and of detection by method, and histograms of the entropy of predictions, on "
        f"{count(len(sets), 'data set')}. "
        f"Highest area under the curve, {'; '.join(parts) or 'no other data set was given'}."
    )
    header = (
        "Jensen-Shannon (nats)",
        "mean entropy (nats)",
        headed("AUROC", covers_of(dataset, "auroc")),
        "AUPR",
        "FPR at 95 %",
    )
    return Summary(text, ("method", "data set", *PLACED, *header), tuple(rows), takeaway=_takeaway(dataset))


def area(dataset: xr.Dataset, **at: str) -> str:
    """The area under the curve with its 95 % interval, as a cell."""
    value, low, high = (pick(dataset, key, **at) for key in ("auroc", "auroc_low", "auroc_high"))
    text = significant(value, 3)
    return f"{text} ({significant(low, 3)} to {significant(high, 3)})" if np.isfinite(low + high) else text


def _takeaway(dataset: xr.Dataset) -> str:
    """How well one network and the ensemble tell the sets apart by entropy."""
    parts = []
    for name in (str(name) for name in dataset["corruption"].values):
        areas = [
            f"{area(dataset, approach=method, corruption=name, metric='entropy')} {words}"
            for method, words in (("single", "for one network"), ("independent", "for independent networks averaged"))
            if np.isfinite(pick(dataset, "auroc", approach=method, corruption=name, metric="entropy"))
        ]
        if areas:
            parts.append(f"{shortened(name, NAME_LENGTH)}: {', '.join(areas)}")
    said, whom = "; ".join(parts), for_whom(covers_of(dataset, "auroc"))
    return f"AUROC of the entropy (0.5 is chance; 95 % intervals{whom}, not of differences): {said}." if parts else ""
