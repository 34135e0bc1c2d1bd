"""Which randomness makes networks different: initialisation, order of the examples, dropout, or a last bit."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from modescape.analyses.randomness.auxiliary import CONDITIONS
from modescape.analyses.requirements import NotEnough, left_out_of, predicted_labels, trained
from modescape.analyses.solution_similarity.measure import compare, pair_mean
from modescape.functionspace import jensen_shannon
from modescape.results import make_result

if TYPE_CHECKING:
    import xarray as xr

    from modescape.study import Predictions, Study

INTERVALS = (
    "95 %, new networks on new test examples; Student's t with Satterthwaite's degrees of freedom on the variance over "
    "test examples and that between networks without what the same examples made of it; a single pair: test examples "
    "alone"
)
SOURCES = ("initialisation", "order", "dropout")


def measure(study: Study) -> xr.Dataset:
    """How far pairs of networks drift apart, in weights and in predictions, epoch by epoch.

    Every condition has its own networks (``variants/``), which share some of their random streams; order goes with
    augmentation. "last bit": everything is shared, but one weight of the second network starts one step of its last bit
    away: what chaos alone does.

    Raises:
        NotEnough: if those networks were not trained, or recipes want only one of a kind.

    Source: Fort et al. 2019, arXiv 1912.02757, appendix B; the floor: Summers and Dinneen 2021, arXiv 2103.04514.
    """
    trained(study, 1, "the comparison of sources of randomness")
    if study.recipe.variants.members < 2:
        raise NotEnough("the roles of randomness need variants.members: 2 or more")
    if study.manifest.get("network", {}).get("starts_equal"):
        raise NotEnough("the roles of randomness need initialisations that differ; this factory makes one")
    variants = {str(one): study.variant(one.folder) for one in CONDITIONS}
    short = [name for name, variant in variants.items() if len(variant.trained) < 2]
    if short:
        raise NotEnough(f"the roles of randomness need 2 trained networks of each kind; missing: {', '.join(short)}")
    epochs = range(study.recipe.variant_epochs() + 1)
    predicted = {name: variant.predictions("test") for name, variant in variants.items()}
    measured = {name: [_pairs(one, predicted[name], epoch) for epoch in epochs] for name, one in variants.items()}
    table = {name: np.stack(rows) for name, rows in measured.items()}  # [epoch, pair, quantity]
    values = np.stack([rows.mean(1) for rows in table.values()])  # [method, epoch, quantity]
    examples = len(next(iter(predicted.values())).label)
    ends = [np.transpose([_ends(one, predicted[name], epoch) for epoch in epochs]) for name, one in variants.items()]
    dims = ("method", "epoch")
    words = {
        "disagreement": ("1", "share of test examples with different labels"),
        "normalized_disagreement": ("1", "disagreement over the mean error of the two"),
        "distance": ("1", "distance of the weights over their mean length"),
        "cosine": ("1", "cosine of the weights"),
        "jensen_shannon": ("nats", "Jensen-Shannon divergence of the two"),
    }
    first = next(iter(variants.values()))
    return make_result(
        {
            **{name: (dims, values[..., at], *texts) for at, (name, texts) in enumerate(words.items())},
            "disagreement_low": (dims, np.stack([low for low, _ in ends]), "1", "lower end of its 95 % interval"),
            "disagreement_high": (dims, np.stack([high for _, high in ends]), "1", "upper end of its 95 % interval"),
        },
        {
            "method": list(variants),
            "epoch": list(epochs),
            **{
                source: ("method", ["different" if one[at] else "same" for one in CONDITIONS])
                for at, source in enumerate(SOURCES)
            },
        },
        title="What makes networks different",
        intervals=INTERVALS,
        provenance=study.provenance(examples=examples, members=study.recipe.variants.members, repeats=1),
        left_out=left_out_of(variants),
        split="test",
        networks=2,
        network_epochs=study.recipe.variant_epochs(),
        training_images=first.manifest["examples"]["train"],
        member_epochs=study.recipe.train.epochs,
        member_images=study.manifest["examples"]["train"],
    )


def _pairs(variant: Study, predictions: Predictions, epoch: int) -> np.ndarray:
    """Every pair's quantities at one epoch, [pair, quantity]."""
    log_prob = {member: predictions.log_prob(predictions.index(member, epoch)) for member in variant.trained}
    weights = {member: variant.weights(member, epoch).astype(np.float64) for member in variant.trained}
    rows = []
    for one, other in combinations(variant.trained, 2):
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


def _ends(variant: Study, predictions: Predictions, epoch: int) -> tuple[float, float]:
    """95 % interval of the mean disagreement over pairs at one epoch."""
    labels = predicted_labels(predictions, [predictions.index(member, epoch) for member in variant.trained])
    return disagreement_interval(labels, predictions.label)


def disagreement_interval(predicted: np.ndarray, label: np.ndarray) -> tuple[float, float]:
    """95 % interval of the mean disagreement over pairs, lower and upper end.

    Args:
        predicted: predicted classes, [network, example].
        label: true classes, [example].
    """
    pairs = compare(predicted, label)
    influence = None if pairs.influence is None else pairs.influence[0]
    return pair_mean(pairs.different, pairs.example[0], influence)[1:]
