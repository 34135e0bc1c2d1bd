"""Realistic made-up results of the analyses, in the schema of docs/results.md, for tests of plots and report."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from example_parts import CROSSED, EXAMPLES, provenance
from example_results_maps import MAP_EXAMPLES
from example_results_methods import METHOD_EXAMPLES

from modescape import results

if TYPE_CHECKING:
    import xarray as xr

CLASS_NAMES = (
    "airplane",
    "automobile",
    "bird",
    '<b>cat & "dog"</b>',
    "deer",
    "dog",
    "frog",
    "horse",
    "ship $x_1$",
    "truck",
)
WITHIN, ACROSS = 0.06, 0.27  # share of labels on which two late snapshots, two solutions differ


def example_result(name: str, members: int = 10, epochs: int = 10) -> xr.Dataset:
    """A made-up result of one analysis; the same arguments give the same numbers."""
    return EXAMPLES_BY_ANALYSIS[name](members, epochs)


def training(members: int, epochs: int) -> xr.Dataset:
    """Learning curves: fast at first, then a growing gap between train and validation."""
    random = np.random.default_rng(0)
    epoch = np.arange(1, epochs + 1)
    progress = epoch / epochs
    noise = random.normal(0, 0.012, (4, members, epochs)) + random.normal(0, 0.008, (4, members, 1))
    train_loss = (0.55 + 1.3 * np.exp(-4 * progress)) * np.exp(noise[0])
    validation_loss = (0.92 + 0.9 * np.exp(-5 * progress) + 0.1 * progress**2) * np.exp(noise[1])
    train_accuracy = np.clip(0.81 - 0.5 * np.exp(-4 * progress) + noise[2] / 2, 0, 1)
    validation_accuracy = np.clip(0.69 - 0.35 * np.exp(-5 * progress) + noise[3], 0, 1)
    rate = np.broadcast_to(1.6e-3 * 0.5 ** ((epoch - 1) // 10), (members, epochs))
    dims = ("member", "epoch")
    return results.make_result(
        {
            "train_loss": (dims, train_loss, "nats", "training loss, running mean over the epoch"),
            "validation_loss": (dims, validation_loss, "nats", "validation loss"),
            "train_accuracy": (dims, train_accuracy, "1", "training accuracy, running mean over the epoch"),
            "validation_accuracy": (dims, validation_accuracy, "1", "validation accuracy"),
            "learning_rate": (dims, rate, "1", "learning rate at the start of the epoch"),
        },
        {"member": np.arange(members), "epoch": epoch},
        title="Loss, accuracy and learning rate of every member",
        intervals="none",
        provenance=provenance(members),
        left_out="",
    )


def confusion(members: int, epochs: int, class_names: tuple[str, ...] = CLASS_NAMES) -> xr.Dataset:
    """Confusion counts of one member, of the mean member and of the ensemble."""
    classes = len(class_names)
    random = np.random.default_rng(1)
    closeness = random.gamma(0.5, 1.0, (classes, classes)) + 0.02
    np.fill_diagonal(closeness, 0)
    closeness /= closeness.sum(1, keepdims=True)
    count, accuracy = [], []
    for right in (0.690, 0.688, 0.742):
        per_class = np.clip(right + np.linspace(-0.12, 0.12, classes), 0.05, 0.98)
        share = closeness * (1 - per_class)[:, None] + np.diag(per_class)
        count.append(share * EXAMPLES / classes)
        accuracy.append(float(np.trace(count[-1]) / EXAMPLES))
    whole = [np.round(count[0]), count[1], np.round(count[2])]  # the mean member's counts are means
    return results.make_result(
        {
            "count": (("method", "class", "predicted_class"), np.stack(whole), "examples", "examples"),
            "accuracy": (("method",), np.array(accuracy), "1", "accuracy"),
        },
        {
            "method": ["member 0", "mean member", "ensemble"],
            "class": list(class_names),
            "predicted_class": list(class_names),
        },
        title="Which class is taken for which",
        intervals="none",
        provenance=provenance(members),
        left_out="",
    )


def trajectory_similarity(members: int, epochs: int) -> xr.Dataset:
    """Similarity of the checkpoints of up to three trajectories, initialisation included."""
    kept = min(members, 3)
    epoch = np.arange(epochs + 1)
    time = np.log1p(epoch * 10 / max(epochs, 1))
    gap = np.abs(time[:, None] - time[None, :])
    cosine = np.stack([np.exp(-(0.5 + 0.05 * member) * gap) for member in range(kept)])
    different = WITHIN + 0.6 * np.stack([1 - np.exp(-(0.9 + 0.05 * member) * gap) for member in range(kept)])
    different[:, 0, :] = different[:, :, 0] = 0.89
    different[:, epoch, epoch] = 0
    dims = ("member", "epoch", "other_epoch")
    without = cosine.copy()  # a net without normalisation layers
    return results.make_result(
        {
            "cosine": (dims, cosine, "1", "cosine of the weights"),
            "cosine_without_batch_norm": (dims, without, "1", "cosine of the weights without normalisation layers"),
            "disagreement": (dims, different, "1", "share of test examples with different predicted labels"),
        },
        {"member": np.arange(kept), "epoch": epoch, "other_epoch": epoch},
        title="Similarity of the checkpoints of one run",
        intervals="none",
        provenance=provenance(members),
        left_out="",
    )


def solution_similarity(members: int, epochs: int) -> xr.Dataset:
    """Similarity of the last checkpoints of different members: orthogonal weights, different labels."""
    random = np.random.default_rng(2)
    cosine = _symmetric(random.normal(0.004, 0.004, (members, members)), 1.0)
    disagreement = _symmetric(random.normal(ACROSS, 0.006, (members, members)), 0.0)
    accuracy = random.normal(0.688, 0.006, members)
    error = 1 - (accuracy[:, None] + accuracy[None, :]) / 2
    matrices = {
        "disagreement": disagreement,
        "normalized_disagreement": disagreement / error,
        "cosine": cosine,
        "cosine_without_batch_norm": cosine.copy(),  # a net without normalisation layers
    }
    above = np.triu_indices(members, 1)
    mean = np.array([m[above].mean() if members > 1 else np.nan for m in matrices.values()])
    half = np.array([0.006, 0.02, 0.002, 0.002])
    names = {
        "disagreement": "share of test examples with different predicted labels",
        "normalized_disagreement": "disagreement over the mean error of the two",
        "cosine": "cosine of the weights",
        "cosine_without_batch_norm": "cosine of the weights without normalisation layers",
    }
    pair = ("metric",)
    return results.make_result(
        {
            **{key: (("member", "other_member"), matrices[key], "1", names[key]) for key in matrices},
            "accuracy": (("member",), accuracy, "1", "accuracy"),
            "pair_mean": (pair, mean, "1", "mean over pairs of different members"),
            "pair_low": (pair, mean - half, "1", "lower end of the 95 % interval of the mean"),
            "pair_high": (pair, mean + half, "1", "upper end of the 95 % interval of the mean"),
            "last_epochs_disagreement": (
                ("member",),
                random.normal(WITHIN, 0.004, members),
                "1",
                "mean disagreement over pairs of the last kept epochs",
            ),
            "jensen_shannon": (("method",), np.array([0.21, 0.03]), "nats", "Jensen-Shannon divergence"),
        },
        {
            "member": np.arange(members),
            "other_member": np.arange(members),
            "metric": list(matrices),
            "method": ["independent", "snapshots"],
        },
        title="Similarity of independent solutions",
        intervals=CROSSED,
        provenance=provenance(members),
        left_out="",
    )


def tsne(members: int, epochs: int) -> xr.Dataset:
    """Embedded trajectories: a common start, then an arm per member."""
    kept = min(members, 3)
    random = np.random.default_rng(3)
    time = np.linspace(0, 1, epochs + 1) ** 0.5
    coordinates = np.zeros((2, 2, kept, epochs + 1))  # method, axis, member, epoch
    for member in range(kept):
        angle = 2 * np.pi * member / 3 + 0.4
        arm = np.stack([time * np.cos(angle + 0.8 * time), time * np.sin(angle + 0.8 * time)])
        coordinates[0, :, member] = 25 * arm + random.normal(0, 0.4, arm.shape)
        coordinates[1, :, member] = 12 * arm + random.normal(0, 0.1, arm.shape)
    flat = coordinates.reshape(2, 2, -1)
    dims = ("method", "model")
    share = np.array([[np.nan, np.nan], [0.412, 0.278]])
    return results.make_result(
        {
            "x": (dims, flat[:, 0], "1", "axis 0 of the embedding"),
            "y": (dims, flat[:, 1], "1", "axis 1 of the embedding"),
            "variance_share": (("method", "draw"), share, "1", "share of variance of the axis"),
        },
        {
            "method": ["t-SNE", "PCA"],
            "member": ("model", np.repeat(np.arange(kept), epochs + 1)),
            "epoch": ("model", np.tile(np.arange(epochs + 1), kept)),
            "draw": [0, 1],
        },
        title="Predictions of the checkpoints, embedded in the plane",
        intervals="none",
        provenance={**provenance(members), "examples": 1024},
        left_out="",
        perplexity=10.0,
    )


def ensemble_size(members: int, epochs: int) -> xr.Dataset:
    """Scores against size: independent solutions gain much, snapshots of one run little."""
    size = np.arange(1, members + 1)
    saving = 1 - 1 / size
    metrics = ("accuracy", "nll", "brier", "ece")
    alone = np.array([0.688, 0.94, 0.432, 0.062])
    full = {
        "independent": np.array([0.052, -0.19, -0.092, -0.02]),
        "snapshots": np.array([0.005, -0.03, -0.009, -0.004]),
    }
    half = np.array([0.006, 0.02, 0.007, 0.004])
    score = np.stack([alone[:, None] + gain[:, None] * saving for gain in full.values()])  # method, metric, size
    gain = np.stack([gain[:, None] * saving for gain in full.values()])
    width = half[:, None] * (1 + 0.6 / size)
    dims = ("method", "metric", "size")
    subsets = np.array([min(200, math.comb(members, k)) for k in size])
    brier_law = np.stack([0.432 + full[method][2] * saving for method in full])
    return results.make_result(
        {
            "score": (dims, score, "1 (nats for nll)", "mean score over subsets"),
            "score_low": (dims, score - width, "1 (nats for nll)", "lower end of the 95 % interval"),
            "score_high": (dims, score + width, "1 (nats for nll)", "upper end of the 95 % interval"),
            "score_low_these": (dims, score - width / 2, "1 (nats for nll)", "lower end for these networks"),
            "score_high_these": (dims, score + width / 2, "1 (nats for nll)", "upper end for these networks"),
            "gain": (dims, gain, "1 (nats for nll)", "score minus the mean member's score"),
            "gain_low_these": (dims, gain - width / 6 * saving, "1 (nats for nll)", "lower end for these networks"),
            "gain_high_these": (dims, gain + width / 6 * saving, "1 (nats for nll)", "upper end for these networks"),
            "gain_low": (dims, gain - width / 3 * saving, "1 (nats for nll)", "lower end of the 95 % interval"),
            "gain_high": (dims, gain + width / 3 * saving, "1 (nats for nll)", "upper end of the 95 % interval"),
            "subsets": (("method", "size"), np.stack([subsets, subsets]), "1", "subsets averaged"),
            "brier_law": (("method", "size"), brier_law, "1", "closed form B1 - (1 - 1/k) V"),
        },
        {"method": list(full), "metric": list(metrics), "size": size},
        title="Scores against the number of networks averaged",
        intervals=CROSSED,
        provenance=provenance(members),
        left_out="",
        runs_of_snapshots=members,
    )


def _symmetric(values: np.ndarray, diagonal: float) -> np.ndarray:
    above = np.triu(values, 1)
    matrix = above + above.T
    np.fill_diagonal(matrix, diagonal)
    return matrix


EXAMPLES_BY_ANALYSIS = {
    "training": training,
    "confusion": confusion,
    "trajectory_similarity": trajectory_similarity,
    "solution_similarity": solution_similarity,
    "tsne": tsne,
    "ensemble_size": ensemble_size,
    **METHOD_EXAMPLES,
    **MAP_EXAMPLES,
}
