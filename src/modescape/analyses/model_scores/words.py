"""What the section says: its title, what is shown, how to read it, and its summary."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modescape.covers import covers_of
from modescape.wording import scores
from modescape.wording.reading import pick
from modescape.wording.summary import Summary
from modescape.wording.takeaways import comparison, ends
from modescape.wording.text import Text

if TYPE_CHECKING:
    import xarray as xr

TEXT = Text(
    "Scores of each model and of their average",
    "The scores of every model, of the average of all, of the average of each named group of models, and of the best "
    "one alone; 95 % intervals for these models on new examples.",
    '"Best alone" is what selecting a single model gives: it is selected on one half of the images and scored on the '
    "other, both ways. The best of many models on all images looks better than it is, because it was selected there. "
    "Where the interval of the difference from the best alone excludes 0, averaging is better (or worse) than keeping "
    "one model. Averages are of probabilities; for hard labels they are shares of votes, and the class with the most "
    "votes is predicted (the first of several in a tie).",
)

NUMBERS = Text(  # of a regression
    "Scores of each model and of their average",
    "The scores of every model, of the mixture of all, of the mixture of each named group of models, and of the best "
    "one alone; 95 % intervals for these models on new examples.",
    '"Best alone" is what selecting a single model gives: it is selected on one half of the examples and scored on '
    "the other, both ways. The best of many models on all examples looks better than it is, because it was selected "
    "there. Where the interval of the difference from the best alone excludes 0, averaging is better (or worse) than "
    "keeping one model.",
)


def summarize(dataset: xr.Dataset) -> Summary:
    """What the figure shows, in a sentence and a table."""
    metrics = [str(name) for name in dataset["metric"].values]
    together = [(str(name), {"approach": name}, "together") for name in dataset["approach"].values]
    alone = [(str(name), {"model": name}, "score") for name in dataset["model"].values]
    rows = tuple(
        (name, *(_cell(dataset, of, metric, where) for metric in metrics)) for name, where, of in together + alone
    )
    first = metrics[0]
    said = [f"{name} {scores.written(first, pick(dataset, of, metric=first, **where))}" for name, where, of in together]
    name = score.name if (score := scores.known(dataset).get(first)) else first
    text = (
        f"Dots with intervals for {dataset.sizes['model']} models, their averages and the best alone. {name}: "
        f"{', '.join(said)}. In the table: score and its interval."
    )
    return Summary(
        text,
        ("model", *scores.header(metrics, dataset, covers_of(dataset, "together"))),
        rows,
        takeaway=_takeaway(dataset),
    )


def _cell(dataset: xr.Dataset, of: str, metric: str, where: dict[str, object]) -> str:
    """A score and its interval."""
    value, low, high = (
        scores.written(metric, pick(dataset, f"{of}{end}", metric=metric, **where)) for end in ("", "_low", "_high")
    )
    return f"{value}, {low} to {high}"


def _takeaway(dataset: xr.Dataset) -> str:
    """Whether the average of all is better than the best model alone."""
    metric, everything = str(dataset["metric"].values[0]), str(dataset["approach"].values[0])
    found = ends(dataset, "over_best", approach=everything, metric=metric)
    average = f"The average of all {dataset.sizes['model']} models"
    return comparison(average, "the best model alone", metric, found, dataset, covers_of(dataset, "over_best"))
