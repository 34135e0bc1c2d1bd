"""Similarity of independent solutions, compared with snapshots of one run: weights, labels, probabilities."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from modescape import rng
from modescape.analyses.pairs import compare, pair_mean
from modescape.analyses.pairs_of_labels import Mean, OfLabels, means_over_pairs, of_labels
from modescape.analyses.requirements import left_out, predicted, predicted_labels, snapshots_of, trained
from modescape.analyses.weights import cosines, displacement_cosines
from modescape.covers import new_if
from modescape.functionspace import disagreement, jensen_shannon
from modescape.metrics.between_members import between_labels
from modescape.metrics.subsets import subsets
from modescape.offered import INDEPENDENT, Checkpoints, Offered, Predictions, stacked
from modescape.results import make_result

if TYPE_CHECKING:
    import xarray as xr


MATRICES = {  # metric -> long name
    "disagreement": "share of test examples with different predicted labels",
    "normalized_disagreement": "disagreement over the mean error of the two",
    "cosine": "cosine of the weights",
    "cosine_without_batch_norm": "cosine of the weights without normalisation layers",
}
DISPLACEMENT = {"displacement_cosine": "cosine of what the weights have moved from the start that all members share"}
"""The same, where members start from one checkpoint."""
JENSEN_SHANNON_SUBSETS = 20  # largest number of subsets of equal size to average over

INTERVALS = (
    "95 %, of means over pairs: new members on new examples (cosines: new networks); Student's t with Satterthwaite's "
    "degrees of freedom on the variance over test examples (the ratio linearised) and that between networks, from "
    "leaving each out, without what the same examples made of it; with 2 members, test examples alone for the "
    "disagreements and no interval for cosines. "
    "The upper bound of the spread between accuracies: 95 %, one-sided, chi-squared with n - 1 degrees of freedom; new "
    "members on new examples"
)


def measure(offered: Offered, *, snapshots: int = 10) -> xr.Dataset:
    """Cosine and disagreement of the last checkpoints, member against member, and the snapshots' counterparts.

    Jensen-Shannon divergence grows with the number of networks M, so equal numbers are compared: M is the smaller of
    the number of solutions and the number of snapshots. Where no checkpoints are offered the cosines are NaN.

    Args:
        offered: predictions of test examples; checkpoints for the cosines.
        snapshots: last kept epochs of a run that are compared, at most.

    Raises:
        NotEnough: if fewer than 2 members are trained.

    Source: Fort et al. 2019, arXiv 1912.02757, figure 3 and section 5.
    """
    members = trained(offered, 2, "the similarity of solutions")
    predictions = predicted(offered, "test", "the similarity of solutions")
    along = snapshots_of(predictions, snapshots)
    epochs = len(along[0])
    labels = predicted_labels(predictions, predictions.groups[INDEPENDENT])
    pairs = of_labels(labels, predictions.label)
    cosine, without = solution_cosines(offered.checkpoints, members)
    values = dict(zip(MATRICES, (pairs.different, pairs.normalized, cosine, without), strict=True))
    values |= _displacement(offered, members)
    within = [_within(predictions, models) for models in along]
    networks = min(len(members), epochs)
    names = MATRICES | DISPLACEMENT
    across = [(name, ("member", "other_member"), matrix, "1", names[name]) for name, matrix in values.items()]
    return make_result(
        {
            **{name: (dims, matrix, units, long_name) for name, dims, matrix, units, long_name in across},
            "accuracy": (("member",), 1 - pairs.error, "1", "accuracy"),
            **_between(labels, predictions),
            **_pair_means(values, _disagreements(labels, predictions, pairs)),
            "last_epochs_disagreement": (
                ("member",),
                np.array(within),
                "1",
                "mean disagreement over pairs of the member's last epochs",
            ),
            "jensen_shannon": (
                ("approach",),
                _jensen_shannon(predictions, along, networks, rng.key(offered.seed, "solution_similarity")),
                "nats",
                "Jensen-Shannon divergence of equally many networks",
            ),
        },
        {
            "member": members,
            "other_member": members,
            "metric": list(values),
            "approach": ["independent", "snapshots"],
        },
        title="Similarity of independent solutions",
        intervals=INTERVALS,
        covers=new_if(len(members) - 1),
        provenance=offered.provenance(examples=len(predictions.label), members=len(members), repeats=1),
        left_out=left_out(offered),
        split="test",
        snapshots=epochs,
        jensen_shannon_networks=networks,
        jensen_shannon_independent=_subsets_in_words(len(members), networks),
        jensen_shannon_snapshots=f"the last {networks} epochs of each run, mean over {len(members)} runs",
    )


def _between(labels: np.ndarray, predictions: Predictions) -> dict:
    """Scalars on the spread of the members' accuracies."""
    found = between_labels(labels, predictions.label, predictions.example_group)
    names = {
        "accuracy_sd": (found.sd, "standard deviation of accuracy between members"),
        "accuracy_sd_sampling": (found.sampling, "that of members of equal accuracy on as many test examples"),
        "accuracy_sd_beyond": (found.beyond, "standard deviation between members beyond test sampling"),
        "accuracy_sd_beyond_high": (found.beyond_high, "its 95 % upper bound, one-sided"),
        "cochran_q": (found.q, "Cochran's Q of the members' accuracies"),
        "cochran_p": (found.p_value, "probability of as large a Q if all members had one accuracy"),
    }
    return {name: ((), np.array(value), "1", text) for name, (value, text) in names.items()}


def _disagreements(labels: np.ndarray, predictions: Predictions, pairs: OfLabels) -> list[Mean]:
    """Means over pairs of both disagreements; where examples have groups, the values of all examples are in memory."""
    label, group = predictions.label, predictions.example_group
    if group is None:
        return means_over_pairs(labels, label, pairs)
    found = compare(labels, label, group)
    influences = [None, None] if found.influence is None else list(found.influence)
    matrices = (found.different, found.normalized)
    return [Mean(*pair_mean(*own)) for own in zip(matrices, found.example, influences, strict=True)]


def _pair_means(values: dict[str, np.ndarray], disagreements: list[Mean]) -> dict:
    """The variables pair_mean, pair_low and pair_high."""
    known = dict(zip(MATRICES, disagreements, strict=False))
    columns = np.array([known.get(name) or pair_mean(matrix) for name, matrix in values.items()])
    names = {
        "pair_mean": "mean over pairs of different members",
        "pair_low": "lower end of the 95 % interval of the mean over pairs",
        "pair_high": "upper end of the 95 % interval of the mean over pairs",
    }
    return {name: (("metric",), columns[:, at], "1", names[name]) for at, name in enumerate(names)}


def solution_cosines(checkpoints: Checkpoints | None, members: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """Cosines of the solutions, of all weights and without normalisation layers; NaN without checkpoints."""
    if checkpoints is None:
        return np.full((len(members), len(members)), np.nan), np.full((len(members), len(members)), np.nan)
    return cosines(checkpoints, [(member, checkpoints.steps(member)[-1]) for member in members])


def _displacement(offered: Offered, members: list[int]) -> dict[str, np.ndarray]:
    """The cosines of `DISPLACEMENT`; empty where the members share no start."""
    checkpoints = offered.checkpoints
    if checkpoints is None or not offered.training.start:
        return {}
    solutions = [(member, checkpoints.steps(member)[-1]) for member in members]
    found = displacement_cosines(checkpoints, solutions, offered.training.start)
    return {} if found is None else dict.fromkeys(DISPLACEMENT, found)


def _within(predictions: Predictions, models: list[int]) -> float:
    """Mean disagreement over pairs of a member's last epochs; NaN with one epoch."""
    if len(models) < 2:
        return np.nan
    matrix = disagreement(predicted_labels(predictions, models))
    return float(matrix[np.triu_indices(len(models), 1)].mean())


def _jensen_shannon(predictions: Predictions, along: list[list[int]], networks: int, key: int) -> np.ndarray:
    """Jensen-Shannon divergence of independent solutions and of snapshots, [method]; NaN with one network.

    Predictions of ``networks`` models are in memory at a time.
    """
    if networks < 2:
        return np.full(2, np.nan)
    models = np.array(predictions.groups[INDEPENDENT])
    masks = subsets(len(models), networks, JENSEN_SHANNON_SUBSETS, key)
    independent = np.mean([jensen_shannon(stacked(predictions, models[mask].tolist())) for mask in masks])
    snapshots = np.mean([jensen_shannon(stacked(predictions, run[-networks:])) for run in along])
    return np.array([independent, snapshots])


def _subsets_in_words(members: int, networks: int) -> str:
    if networks == members:
        return f"all {members} solutions"
    return (
        f"mean over subsets of {networks} of {members} solutions, a balanced sample of {JENSEN_SHANNON_SUBSETS} at most"
    )
