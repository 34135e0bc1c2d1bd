"""What the section says: its title, what is shown, how to read it, and its summary."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modescape.covers import covers_of, headed
from modescape.wording import scores
from modescape.wording.numbers import significant
from modescape.wording.reading import pick
from modescape.wording.summary import Summary
from modescape.wording.takeaways import effect, ends
from modescape.wording.text import Text

if TYPE_CHECKING:
    import xarray as xr

SOURCES = ("guo2017",)

TEXT = Text(
    "Calibration of the models, and temperature scaling",
    "Accuracy against confidence for all models averaged, as given and after temperature scaling; and for every model "
    "its temperature and what that changes. Each half of the test images is scored at the temperature fitted on the "
    "other.",
    "A temperature above 1 means that a model is overconfident, one below 1 that it is underconfident. It changes no "
    "prediction of a single model, only its confidence. Averaging lowers confidence, so an average of well-calibrated "
    "models is underconfident: average first, then fit one temperature to the average. What a temperature gains is "
    "free; what remains between one model and the average is the gain of averaging.",
)


def summarize(dataset: xr.Dataset) -> Summary:
    """What the figure shows, in a sentence and a table."""
    metrics = [str(name) for name in dataset["metric"].values if str(name) != "accuracy"]
    rows = []
    for name in dataset["approach"].values:
        cells = [_change(dataset, "together", metric, {"approach": str(name)}) for metric in metrics]
        rows.append((str(name), "", *(cell for pair in cells for cell in pair)))
    for name in dataset["model"].values:
        temperature = significant(pick(dataset, "temperature", model=str(name)), 3)
        cells = [_change(dataset, "", metric, {"model": str(name)}) for metric in metrics]
        rows.append((str(name), temperature, *(cell for pair in cells for cell in pair)))
    first, last = (str(dataset["approach"].values[at]) for at in (0, 1))
    said = [
        f"{scores.short(metric)} {scores.written(metric, pick(dataset, 'together', approach=first, metric=metric))} as "
        f"given, {scores.written(metric, pick(dataset, 'together', approach=last, metric=metric))} with a temperature"
        for metric in metrics
    ]
    text = (
        "Reliability diagram of all models together, and dots for temperatures and for what they change. All together: "
        f"{'; '.join(said)}. In the table: score after calibration, and the change."
    )
    change = headed("change", covers_of(dataset, "change"))
    columns = [f"{one}: {what}" for one in scores.header(metrics, dataset) for what in ("score", change)]
    return Summary(text, ("what", "temperature", *columns), tuple(rows), takeaway=_takeaway(dataset))


def _change(dataset: xr.Dataset, of: str, metric: str, where: dict[str, str]) -> tuple[str, str]:
    """A score after calibration, and what it is above the score as given."""
    score, change = (of, f"{of}_change") if of else ("after", "change")
    low, value, high = (pick(dataset, f"{change}{end}", metric=metric, **where) for end in ("_low", "", "_high"))
    number, bounds = scores.difference(metric, low, value, high)
    return scores.written(metric, pick(dataset, score, metric=metric, **where)), f"{number}, {bounds}"


def _takeaway(dataset: xr.Dataset) -> str:
    """What one temperature changes of the average."""
    calibrated = str(dataset["approach"].values[1])
    found = ends(dataset, "together_change", approach=calibrated, metric="nll")
    return effect(
        "One temperature for the average of all models", "nll", found, dataset, covers_of(dataset, "together_change")
    )
