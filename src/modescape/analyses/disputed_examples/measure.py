"""The examples on which given models disagree most, and how many models get each example right."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from modescape.analyses.given import models_of
from modescape.analyses.requirements import left_out, predicted, trained
from modescape.functionspace.diversity import entropy
from modescape.offered import Offered, Predictions
from modescape.plots.style import one_line, unique
from modescape.results import make_result

if TYPE_CHECKING:
    import xarray as xr


class Said(NamedTuple):
    """Predictions of all models on every example, [example] each."""

    information: np.ndarray  # mutual information of prediction and model, nats
    entropy: np.ndarray  # of the mean prediction, nats
    predicted: np.ndarray  # by the mean prediction
    right: np.ndarray  # models that are right


def measure(offered: Offered, *, examples: int = 30) -> xr.Dataset:
    """Examples by the mutual information of prediction and model, H(mean p) - mean H(p), the largest first.

    It is 0 where all models predict the same, however uncertain, and at most ln(models). For classes alone it
    is the entropy of the votes. One model's predictions are in memory at a time.

    Args:
        offered: predictions of test examples, which may have names.
        examples: that are listed, at most.

    Raises:
        NotEnough: if there are fewer than 2 models.

    Source: Lakshminarayanan et al. 2017, arXiv 1612.01474, section 2.4; Depeweg et al. 2018, arXiv 1710.07283.
    """
    what = "the examples on which models disagree"
    members = trained(offered, 2, what)
    predictions = predicted(offered, "test", what)
    models, label = models_of(predictions), predictions.label
    said = _said(predictions, models)
    place = np.argsort(-said.information, kind="stable")[:examples]
    names = [
        one_line(name)
        for name in (np.asarray(offered.example_ids["test"])[place] if offered.example_ids.get("test") else place)
    ]
    votes = _votes(predictions, models, place)
    classes = unique([one_line(name) for name in predictions.class_names])
    count = np.bincount(said.right, minlength=len(models) + 1)
    return make_result(
        {
            "mutual_information": (("example",), said.information[place], "nats", "of prediction and model"),
            "entropy": (("example",), said.entropy[place], "nats", "entropy of the mean prediction"),
            "label": (("example",), label[place], "1", "number of the true class"),
            "predicted": (("example",), said.predicted[place], "1", "number of the class that all together predict"),
            "models_right": (("example",), said.right[place], "1", "models that are right"),
            "votes": (("example", "class"), votes, "1", "models that predict the class"),
            "mean_information": ((), np.array(said.information.mean()), "nats", "mean over all examples"),
            "count": (("x",), count, "examples", "examples that so many models get right"),
        },
        {"example": unique(names), "class": classes, "x": np.arange(len(models) + 1)},
        title="Examples on which models disagree most",
        intervals="none",
        provenance=offered.provenance(examples=len(label), members=len(members), repeats=1),
        left_out=left_out(offered),
        split="test",
        unit=offered.unit,
    )


def _said(predictions: Predictions, models: list[int]) -> Said:
    label = predictions.label
    total = np.zeros((len(label), len(predictions.class_names)))
    own, right = np.zeros(len(label)), np.zeros(len(label), dtype=np.int64)
    for model in models:
        log_prob = predictions.log_prob(model)
        right += log_prob.argmax(-1) == label
        prob = np.exp(log_prob.astype(np.float64))
        total += prob
        own += entropy(prob)
    predicted = total.argmax(-1)
    total /= len(models)
    of_mean = entropy(total)
    return Said(np.maximum(of_mean - own / len(models), 0.0), of_mean, predicted, right)


def _votes(predictions: Predictions, models: list[int], place: np.ndarray) -> np.ndarray:
    """How many models predict each class, [example, class]."""
    votes = np.zeros((len(place), len(predictions.class_names)), dtype=np.int64)
    for model in models:
        votes[np.arange(len(place)), predictions.log_prob(model)[place].argmax(-1)] += 1
    return votes
