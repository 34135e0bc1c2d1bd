"""What the section says: its title, what is shown, how to read it, and its summary."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modescape.covers import covers_of
from modescape.wording import scores
from modescape.wording.numbers import accuracy, percent, significant
from modescape.wording.reading import pick
from modescape.wording.summary import Summary
from modescape.wording.tables import names_of
from modescape.wording.takeaways import comparison, ends
from modescape.wording.text import Text

if TYPE_CHECKING:
    import xarray as xr

TEXT = Text(
    "Fine-tuned members and members trained from scratch",
    "The members of this study, which start from one checkpoint, beside as many networks trained by the same recipe "
    "from their own random initialisations: the score of one network and of the ensemble, the ensemble's gain, how "
    "often two networks disagree, and the cosine similarity of their weights and of their displacements from the "
    "start.",
    "A good checkpoint makes better networks that are more alike, so that averaging them gains less: the marks of one "
    "network and of the ensemble are close together. Whether the fine-tuned ensemble or that from scratch is better "
    "is shown in the second row of the differences. Weights of fine-tuned networks have a high cosine because they "
    "share a start; the cosine of displacements shows whether they also moved the same way. Networks from scratch "
    "have different starts, and their hidden units can be permuted: their cosines are near 0. The learning rate was "
    "tuned for neither kind.",
)
PAIRS = ("disagreement", "normalized_disagreement", "cosine", "displacement_cosine")


def summarize(dataset: xr.Dataset) -> Summary:
    """What the figure shows, in a sentence and a table."""
    metrics = [str(metric) for metric in dataset["metric"].values]
    rows, parts = [], []
    for name in names_of(dataset):
        alone, together = (
            [scores.written(metric, pick(dataset, key, approach=name, metric=metric)) for metric in metrics]
            for key in ("member_score", "score")
        )
        pairs = [pick(dataset, key, approach=name) for key in PAIRS]
        written = [percent(pairs[0]), *(significant(value, 3) for value in pairs[1:])]
        rows.append((name, *alone, *together, *written))
        first, last = (
            accuracy(pick(dataset, key, approach=name, metric="accuracy")) for key in ("member_score", "score")
        )
        parts.append(f"{name}, from {first} to {last}")
    text = (
        f"Dot plots of scores, gains, disagreement and cosines of {names_of(dataset)[0]} members and of members "
        f"{names_of(dataset)[1]}. Accuracy of a network and of the ensemble: {'; '.join(parts)}."
    )
    header = [f"{which}: {score}" for which in ("one network", "ensemble") for score in scores.header(metrics)]
    pairs_header = ("disagreement", "by error", "cosine of weights", "cosine of displacements")
    return Summary(text, ("members", *header, *pairs_header), tuple(rows), takeaway=_takeaway(dataset))


def _takeaway(dataset: xr.Dataset) -> str:
    """Which kind of ensemble is better."""
    tuned, scratch = names_of(dataset)
    found = ends(dataset, "score_difference", metric="accuracy")
    return comparison(
        f"The {tuned} ensemble",
        f"the ensemble {scratch}",
        "accuracy",
        found,
        dataset,
        covers_of(dataset, "score_difference"),
    )
