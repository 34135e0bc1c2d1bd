"""Sources of randomness that make networks differ: initialisation, order of the examples, dropout, or a last bit."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from modescape.analyses.likeness import CLASSES, LIKENESS, Likeness
from modescape.analyses.pairs import COMPARE, pair_mean
from modescape.analyses.randomness.auxiliary import CONDITIONS
from modescape.analyses.requirements import auxiliary, left_out_of, predicted, predicted_labels, trained, weights_of
from modescape.analyses.weights import flattened
from modescape.covers import new_if
from modescape.errors import NotEnough
from modescape.offered import INDEPENDENT, Checkpoints, Offered, Predictions, model_of, stacked
from modescape.results import make_result

if TYPE_CHECKING:
    import xarray as xr


INTERVALS = (
    "95 %, new members on new examples; Student's t with Satterthwaite's degrees of freedom on the variance over "
    "test examples and that between networks without what the same examples made of it; a single pair: test examples "
    "alone"
)
DIFFERENT = {  # task -> long name of the difference
    "classification": "share of test examples with different labels",
    "regression": "root mean square distance of the predicted means",
}
SOURCES = ("initialisation", "order", "dropout")


def measure(offered: Offered) -> xr.Dataset:
    """Divergence of pairs of networks in weights and in predictions, epoch by epoch.

    Every condition has its own networks (``variants/``), which share some of their random streams; order goes with
    augmentation. "last bit": everything is shared, but one weight of the second network starts one floating-point step
    away, to measure the effect of chaos alone.

    Raises:
        NotEnough: if those networks were not trained, or recipes want only one of a kind.

    Source: Fort et al. 2019, arXiv 1912.02757, appendix B; the floor: Summers and Dinneen 2021, arXiv 2103.04514.
    """
    what, training = "the comparison of sources of randomness", offered.training
    trained(offered, 1, what)
    kinds = _kinds(offered, what)
    epochs = range(training.auxiliary_epochs + 1)
    predictions = {name: predicted(one, "test", what) for name, one in kinds.items()}
    weights = {name: weights_of(one, what) for name, one in kinds.items()}
    likeness = LIKENESS[offered.task]
    measured = {name: [_pairs(predictions[name], weights[name], epoch, likeness) for epoch in epochs] for name in kinds}
    table = {name: np.stack(rows) for name, rows in measured.items()}  # [epoch, pair, quantity]
    values = np.stack([rows.mean(1) for rows in table.values()])  # [method, epoch, quantity]
    examples = len(next(iter(predictions.values())).label)
    ends = [np.transpose([_ends(one, epoch, offered.task) for epoch in epochs]) for one in predictions.values()]
    dims, differ = ("approach", "epoch"), likeness.difference.name
    words = {
        differ: (likeness.difference.units, DIFFERENT[offered.task]),
        likeness.normalized.name: (likeness.normalized.units, likeness.normalized.long_name),
        "distance": ("1", "distance of the weights over their mean length"),
        "cosine": ("1", "cosine of the weights"),
        **({"jensen_shannon": ("nats", "Jensen-Shannon divergence of the two")} if likeness is CLASSES else {}),
    }
    first = next(iter(kinds.values()))
    return make_result(
        {
            **{name: (dims, values[..., at], *texts) for at, (name, texts) in enumerate(words.items())},
            **interval_of(differ, dims, ends, likeness.difference.units),
        },
        {
            "approach": list(kinds),
            "epoch": list(epochs),
            **{
                source: ("approach", ["different" if one[at] else "same" for one in CONDITIONS])
                for at, source in enumerate(SOURCES)
            },
        },
        title="What makes networks different",
        intervals=INTERVALS,
        covers=new_if(training.auxiliary_members - 1),
        provenance=offered.provenance(examples=examples, members=training.auxiliary_members, repeats=1),
        left_out=left_out_of(kinds),
        split="test",
        networks=2,
        network_epochs=training.auxiliary_epochs,
        training_images=first.examples["train"],
        member_epochs=training.epochs,
        member_images=offered.examples["train"],
    )


def interval_of(
    name: str, dims: tuple[str, ...], ends: Sequence[np.ndarray], units: str
) -> dict[str, tuple[tuple[str, ...], np.ndarray, str, str]]:
    """Both ends of the intervals of a variable; ``ends`` are [lower and upper, epoch] of each approach."""
    low, high = (np.stack([one[at] for one in ends]) for at in (0, 1))
    return {
        f"{name}_low": (dims, low, units, "lower end of its 95 % interval"),
        f"{name}_high": (dims, high, units, "upper end of its 95 % interval"),
    }


def _kinds(offered: Offered, what: str) -> dict[str, Offered]:
    """Condition in words -> its networks.

    Raises:
        NotEnough: if there are fewer than two of a kind.
    """
    if offered.auxiliary and offered.training.auxiliary_members < 2:
        raise NotEnough("the roles of randomness need variants.members: 2 or more")
    if offered.training.starts_equal:
        raise NotEnough(
            "the roles of randomness need initialisations that differ; this factory always makes the same one"
        )
    kinds = {str(one): auxiliary(offered, one.folder, what) for one in CONDITIONS}
    short = [name for name, one in kinds.items() if len(one.members) < 2]
    if short:
        raise NotEnough(f"the roles of randomness need 2 trained networks of each kind; missing: {', '.join(short)}")
    return kinds


def _pairs(predictions: Predictions, checkpoints: Checkpoints, epoch: int, likeness: Likeness) -> np.ndarray:
    """Every pair's quantities at one epoch, [pair, quantity]."""
    members = checkpoints.members
    log_prob = {member: predictions.log_prob(model_of(predictions, member, epoch)) for member in members}
    weights = {member: flattened(checkpoints, member, epoch).astype(np.float64) for member in members}
    rows = []
    for one, other in combinations(members, 2):
        both = np.stack([log_prob[one], log_prob[other]])
        lengths = [float(np.linalg.norm(weights[member])) for member in (one, other)]
        rows.append(
            (
                *_apart(both, predictions.label, likeness),
                float(np.linalg.norm(weights[one] - weights[other])) / np.mean(lengths),
                float(weights[one] @ weights[other]) / (lengths[0] * lengths[1]),
                *([likeness.spread(both)] if likeness is CLASSES else []),  # for a regression it equals the distance
            )
        )
    return np.array(rows)


def _apart(both: np.ndarray, target: np.ndarray, likeness: Likeness) -> tuple[float, float]:
    """Difference of two networks [2, example, width], and the same over their mean error."""
    said = likeness.said(both)
    differ = float(likeness.apart(said[0], said[1]))
    if likeness is not CLASSES:
        return differ, float(likeness.over_error(said[:1], said[1], target)[0])
    error = float(np.mean([(own != target).mean() for own in said]))
    return differ, differ / error if error else np.nan


def _ends(predictions: Predictions, epoch: int, task: str) -> tuple[float, float]:
    """95 % interval of the mean difference over pairs at one epoch."""
    members = predictions.members[predictions.groups[INDEPENDENT]]
    models, group = [model_of(predictions, member, epoch) for member in members], predictions.example_group
    if task == "classification":
        return difference_interval(predicted_labels(predictions, models), predictions.label, group, task)
    return difference_interval(LIKENESS[task].said(stacked(predictions, models)), predictions.label, group, task)


def difference_interval(
    said: np.ndarray, target: np.ndarray, group: np.ndarray | None = None, task: str = "classification"
) -> tuple[float, float]:
    """95 % interval of the mean disagreement over pairs, or of the mean distance; lower and upper end.

    Args:
        said: predicted classes, [network, example], or means, [network, example, output].
        target: true classes, [example], or [example, output].
        group: of each example (`modescape.arrays.group_codes`).
        task: which of them.
    """
    pairs = COMPARE[task](said, target, group)
    influence = None if pairs.influence is None else pairs.influence[0]
    return pair_mean(pairs.different, pairs.example[0], influence)[1:]
