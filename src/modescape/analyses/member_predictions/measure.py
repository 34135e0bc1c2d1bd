"""Predictions of each member on some test examples, the most disputed first, with their pictures or texts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from modescape.analyses.given import models_of, names_of
from modescape.analyses.requirements import left_out, predicted, trained
from modescape.errors import InputError, WorkError
from modescape.functionspace.diversity import entropy
from modescape.offered import Offered
from modescape.plots.style import one_line, shortened, unique
from modescape.results import make_result

if TYPE_CHECKING:
    import xarray as xr

NUMBERS = 60_000  # member x example x class, so that a page stays small
LEAST = 24  # examples, where there are many classes
MOST_NUMBERS = 1_000_000  # at most, where there are more classes than that leaves room for
MOST_SIDE = 64  # pixels of a picture
LETTERS = 300  # of a text


def measure(offered: Offered, *, members: int = 10, pictures: int = 150) -> xr.Dataset:
    """Log-probabilities of the first members on test examples, evenly spaced over the split, the most disputed first.

    Examples are ordered by the mutual information of prediction and member, H(mean p) - mean H(p). Pictures and texts
    go with the first of them, unless the data is marked private.

    Args:
        offered: predictions of test examples, and the data where there is a study.
        members: number to compare, from the first on.
        pictures: examples to show, at most.

    Raises:
        NotEnough: if there are fewer than 2 members.

    Source: Lakshminarayanan et al. 2017, arXiv 1612.01474, section 2.4; Depeweg et al. 2018, arXiv 1710.07283.
    """
    what = "the comparison of members example by example"
    there = trained(offered, 2, what)[:members]
    predictions = predicted(offered, "test", what)
    models = models_of(predictions)[: len(there)]
    place = _spread(len(predictions.label), len(models), len(predictions.class_names))
    log_prob = np.stack([predictions.log_prob(model)[place] for model in models])
    information = _information(log_prob)
    order = np.argsort(-information, kind="stable")
    place, log_prob, information = place[order], log_prob[:, order], information[order]
    shown = _shown(offered, place[:pictures])
    ids = offered.example_ids.get("test")
    names = [one_line(ids[at]) if ids else str(at) for at in place]
    return make_result(
        {
            "log_prob": (("member", "example", "class"), log_prob.astype(np.float32), "nats", "log-probability"),
            "label": (("example",), predictions.label[place], "1", "number of the true class"),
            "mutual_information": (("example",), information, "nats", "of prediction and member"),
            **shown,
        },
        {
            "member": names_of(offered)[: len(models)] if offered.given else there,
            "example": unique(names),
            "class": unique([one_line(name) for name in predictions.class_names]),
        },
        title="What each member says of test examples",
        intervals="none",
        provenance=offered.provenance(examples=len(place), members=len(models), repeats=1),
        left_out=left_out(offered),
        split="test",
        of_examples=len(predictions.label),
    )


def _spread(examples: int, members: int, classes: int) -> np.ndarray:
    """Indices of examples, evenly spaced, as many as fit."""
    each = members * classes
    count = min(examples, max(LEAST, NUMBERS // each), max(1, MOST_NUMBERS // each))
    return np.floor(np.arange(count) * examples / count).astype(np.int64)


def _information(log_prob: np.ndarray) -> np.ndarray:
    """Mutual information of prediction and member, nats; [member, example, class] -> [example]."""
    prob = np.exp(log_prob.astype(np.float64))
    return np.maximum(entropy(prob.mean(0)) - entropy(prob).mean(0), 0.0)


def _shown(offered: Offered, place: np.ndarray) -> dict[str, Any]:
    """Pictures [example, y, x, channel] or texts [example] of these examples; nothing of private data."""
    from modescape.context import StudyContext

    context = offered.context
    if not isinstance(context, StudyContext) or context.study.recipe.data.private or not len(place):
        return {}
    try:
        split = context.loaded.test
    except (InputError, WorkError):  # a study moved without its data; the rest still works
        return {}
    if split.kind.name == "image":
        images = split.images[place].numpy()
        step = max(1, -(-max(images.shape[-2:]) // MOST_SIDE))
        small = images[:, :, ::step, ::step].transpose(0, 2, 3, 1)
        return {"picture": (("other_example", "y", "x", "layer"), small, "levels of 255", "picture, channels last")}
    if texts := getattr(split.kind, "texts", ()):
        assert isinstance(split.inputs, dict)
        number = np.asarray(split.inputs["text"])[place]
        said = np.array([shortened(texts[int(at)], LETTERS) for at in number], dtype=object)
        return {"text": (("other_example",), said, "1", "text of the example")}
    return {}
