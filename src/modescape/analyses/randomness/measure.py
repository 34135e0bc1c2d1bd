"""Which randomness makes networks different: initialisation, order of the examples, dropout, or a last bit."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from modescape.analyses.pairs import compare, pair_mean
from modescape.analyses.randomness.auxiliary import CONDITIONS
from modescape.analyses.requirements import auxiliary, left_out_of, predicted, predicted_labels, trained, weights_of
from modescape.analyses.weights import flattened
from modescape.errors import NotEnough
from modescape.functionspace import jensen_shannon
from modescape.offered import INDEPENDENT, Checkpoints, Offered, Predictions, model_of
from modescape.results import make_result

if TYPE_CHECKING:
    import xarray as xr


INTERVALS = (
    "95 %, new networks on new test examples; Student's t with Satterthwaite's degrees of freedom on the variance over "
    "test examples and that between networks without what the same examples made of it; a single pair: test examples "
    "alone"
)
SOURCES = ("initialisation", "order", "dropout")


def measure(offered: Offered) -> xr.Dataset:
    """How far pairs of networks drift apart, in weights and in predictions, epoch by epoch.

    Every condition has its own networks (``variants/``), which share some of their random streams; order goes with
    augmentation. "last bit": everything is shared, but one weight of the second network starts one step of its last bit
    away: what chaos alone does.

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
    measured = {name: [_pairs(predictions[name], weights[name], epoch) for epoch in epochs] for name in kinds}
    table = {name: np.stack(rows) for name, rows in measured.items()}  # [epoch, pair, quantity]
    values = np.stack([rows.mean(1) for rows in table.values()])  # [method, epoch, quantity]
    examples = len(next(iter(predictions.values())).label)
    ends = [np.transpose([_ends(one, epoch) for epoch in epochs]) for one in predictions.values()]
    dims = ("approach", "epoch")
    words = {
        "disagreement": ("1", "share of test examples with different labels"),
        "normalized_disagreement": ("1", "disagreement over the mean error of the two"),
        "distance": ("1", "distance of the weights over their mean length"),
        "cosine": ("1", "cosine of the weights"),
        "jensen_shannon": ("nats", "Jensen-Shannon divergence of the two"),
    }
    first = next(iter(kinds.values()))
    return make_result(
        {
            **{name: (dims, values[..., at], *texts) for at, (name, texts) in enumerate(words.items())},
            "disagreement_low": (dims, np.stack([low for low, _ in ends]), "1", "lower end of its 95 % interval"),
            "disagreement_high": (dims, np.stack([high for _, high in ends]), "1", "upper end of its 95 % interval"),
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
        provenance=offered.provenance(examples=examples, members=training.auxiliary_members, repeats=1),
        left_out=left_out_of(kinds),
        split="test",
        networks=2,
        network_epochs=training.auxiliary_epochs,
        training_images=first.examples["train"],
        member_epochs=training.epochs,
        member_images=offered.examples["train"],
    )


def _kinds(offered: Offered, what: str) -> dict[str, Offered]:
    """The networks of each condition, in words.

    Raises:
        NotEnough: if there are fewer than two of a kind.
    """
    if offered.auxiliary and offered.training.auxiliary_members < 2:
        raise NotEnough("the roles of randomness need variants.members: 2 or more")
    if offered.training.starts_equal:
        raise NotEnough("the roles of randomness need initialisations that differ; this factory makes one")
    kinds = {str(one): auxiliary(offered, one.folder, what) for one in CONDITIONS}
    short = [name for name, one in kinds.items() if len(one.members) < 2]
    if short:
        raise NotEnough(f"the roles of randomness need 2 trained networks of each kind; missing: {', '.join(short)}")
    return kinds


def _pairs(predictions: Predictions, checkpoints: Checkpoints, epoch: int) -> np.ndarray:
    """Every pair's quantities at one epoch, [pair, quantity]."""
    members = checkpoints.members
    log_prob = {member: predictions.log_prob(model_of(predictions, member, epoch)) for member in members}
    weights = {member: flattened(checkpoints, member, epoch).astype(np.float64) for member in members}
    rows = []
    for one, other in combinations(members, 2):
        labels = [log_prob[member].argmax(-1) for member in (one, other)]
        differ = float((labels[0] != labels[1]).mean())
        error = float(np.mean([(own != predictions.label).mean() for own in labels]))
        lengths = [float(np.linalg.norm(weights[member])) for member in (one, other)]
        rows.append(
            (
                differ,
                differ / error if error else np.nan,
                float(np.linalg.norm(weights[one] - weights[other])) / np.mean(lengths),
                float(weights[one] @ weights[other]) / (lengths[0] * lengths[1]),
                jensen_shannon(np.stack([log_prob[one], log_prob[other]])),
            )
        )
    return np.array(rows)


def _ends(predictions: Predictions, epoch: int) -> tuple[float, float]:
    """95 % interval of the mean disagreement over pairs at one epoch."""
    members = predictions.members[predictions.groups[INDEPENDENT]]
    labels = predicted_labels(predictions, [model_of(predictions, member, epoch) for member in members])
    return disagreement_interval(labels, predictions.label, predictions.example_group)


def disagreement_interval(
    predicted: np.ndarray, label: np.ndarray, group: np.ndarray | None = None
) -> tuple[float, float]:
    """95 % interval of the mean disagreement over pairs, lower and upper end.

    Args:
        predicted: predicted classes, [network, example].
        label: true classes, [example].
        group: of each example (`modescape.arrays.group_codes`).
    """
    pairs = compare(predicted, label, group)
    influence = None if pairs.influence is None else pairs.influence[0]
    return pair_mean(pairs.different, pairs.example[0], influence)[1:]
