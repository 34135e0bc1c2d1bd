"""Realistic made-up results of the analyses that map weights and functions, in the paper's manner."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from example_parts import provenance, stated

from modescape import results
from modescape.functionspace import diversity_bounds, diversity_limits

if TYPE_CHECKING:
    import xarray as xr

METHODS = ("random", "dropout", "mc_dropout", "diagonal", "low_rank", "low_rank_scaled", "pca_random", "swag")
CLASSES = 10
BASELINE = 0.762  # accuracy
NAMES = ("in distribution", "svhn <cropped>", "cifar100")


def tsne_subspace(members: int, epochs: int) -> xr.Dataset:
    """An arm for each run; samples at its end, as far out as the method reaches."""
    kept, samples = min(members, 3), 20
    random = np.random.default_rng(10)
    time = np.linspace(0, 1, epochs + 1) ** 0.5
    methods = [method for method in METHODS if method != "mc_dropout"]
    x, y = [], []
    for number in range(len(methods)):
        paths, around = [], []
        for member in range(kept):
            angle = 2 * np.pi * member / 3 + number
            arm = 25 * np.stack([time * np.cos(angle + 0.8 * time), time * np.sin(angle + 0.8 * time)])
            paths.append(arm + random.normal(0, 0.3, arm.shape))
            around.append(arm[:, -1:] + random.normal(0, 0.7 + 0.5 * (number % 4), (2, samples)))
        both = np.concatenate([*paths, *around], axis=1)
        x.append(both[0])
        y.append(both[1])
    dims, epoch = ("method", "model"), np.arange(epochs + 1)
    return results.make_result(
        {
            "x": (dims, np.stack(x), "1", "axis 0 of the embedding"),
            "y": (dims, np.stack(y), "1", "axis 1 of the embedding"),
            **stated(methods),
        },
        {
            "method": methods,
            "member": ("model", np.concatenate([np.repeat(np.arange(kept), n) for n in (epochs + 1, samples)])),
            "epoch": ("model", np.concatenate([np.tile(epoch, kept), np.full(kept * samples, epochs)])),
            "is_sample": ("model", np.repeat([0, 1], [kept * (epochs + 1), kept * samples])),
        },
        title="Trajectories and samples around their solutions, embedded by their predictions",
        intervals="none",
        provenance={**provenance(kept), "examples": 512},
        left_out="",
        split="test",
        samples=samples,
        perplexity=20.0,
    )


def radial(members: int, epochs: int) -> xr.Dataset:
    """A wedge of high accuracy around each ray, nothing between them; similarity to a solution in its own wedge."""
    radius, angle = np.linspace(0, 2, 21), np.linspace(-27, 117, 25)
    away = [angle[:, None] - ray for ray in (0.0, 90.0)]
    grown = 1 / (1 + np.exp(-(radius - 0.45) / 0.06))
    fading = np.clip(1 - 0.25 * np.clip(radius - 1, 0, None), 0, 1)
    wedge = [np.exp(-((off / 21) ** 4)) * grown for off in away]
    accuracy = 0.1 + 0.06 * grown + 0.6 * np.maximum(*wedge) * fading**0.3
    similarity = np.stack([np.exp(-((off / 15) ** 2)) * np.exp(-(((radius - 1) / 0.9) ** 2)) * grown for off in away])
    agreement = 1 - (1 - similarity) * (1 - accuracy)
    calm = 2.3 - 2.3 * (accuracy - 0.1) / 0.9
    nll = calm + 0.5 * (radius - 1) ** 2 * radius * (1 - accuracy)
    time = np.linspace(0, 1, epochs + 1)
    path = 0.14 + 0.86 * time**0.7
    random = np.random.default_rng(11)
    samples = np.array([[1.0], [0.0]]) + random.normal(0, 0.1, (2, 30))
    pair = ("member", "y", "x")
    return results.make_result(
        {
            "accuracy": (("y", "x"), accuracy, "1", "accuracy"),
            "nll": (("y", "x"), nll, "nats", "loss"),
            "nll_best_temperature": (("y", "x"), calm, "nats", "loss at the temperature that suits the point best"),
            "agreement": (pair, agreement, "1", "share of examples with the solution's label"),
            "similarity": (pair, similarity, "1", "max(0, 1 - d / (1 - accuracy))"),
            "control": (("member",), np.zeros(2), "1", "difference at the solution"),
            "path_x": (("member", "epoch"), np.stack([path, 0.02 * time]), "1", "trajectory, along solution 1"),
            "path_y": (("member", "epoch"), np.stack([0.02 * time * (1 - time), path]), "1", "trajectory, the rest"),
            "sample_x": (("draw",), samples[0], "1", "Gaussian samples around solution 1, magnified"),
            "sample_y": (("draw",), samples[1], "1", "Gaussian samples around solution 1, magnified"),
        },
        {"member": [0, 1], "x": radius, "y": angle, "epoch": np.arange(epochs + 1), "draw": np.arange(30)},
        title="The plane through the origin and two solutions, in polar coordinates",
        intervals="none",
        provenance={**provenance(2), "examples": 1000},
        left_out="",
        split="test",
        magnified=100.0,
        sample_scale=1.0,
        sample_distance=0.02,
        batch_norm="recompute",
    )


def tunnel(members: int, epochs: int) -> xr.Dataset:
    """A hill on the straight line, level ground in the tunnel; the function changes half-way."""
    t, radius = np.linspace(0, 1, 21), np.linspace(0, 1.25, 11)
    hill = 4 * t * (1 - t)
    loss = np.stack([0.92 + 1.35 * hill**2, 0.92 + 0.09 * hill])
    train_loss = np.stack([0.35 + 1.9 * hill**2, 0.35 + 0.06 * hill])
    accuracy = np.stack([0.718 - 0.58 * hill**1.5, 0.718 - 0.014 * hill])
    swap = 1 / (1 + np.exp((t - 0.5) / 0.07))
    ends = np.stack([swap, 1 - swap, np.full(len(t), 0.0)])
    own = 0.12 * hill * np.array([[1], [1], [1]])
    straight = np.clip(np.stack([1 - 2.6 * t, 1 - 2.6 * (1 - t), np.zeros(len(t))]), 0, 1)
    similarity = np.stack([straight, np.clip(ends - own + 0.04, 0, 1)])
    similarity[:, 0, 0] = similarity[:, 1, -1] = 1
    agreement = 1 - (1 - similarity) * (1 - accuracy[:, None])
    grown = 1 / (1 + np.exp(-(radius[:, None] - 0.45) / 0.06))
    triangle = 0.1 + (accuracy[1] - 0.1) * grown
    likeness = similarity[1, :2, None] * grown * np.exp(-(((radius[:, None] - 1) / 0.8) ** 2))
    dims, kinds = ("method", "t"), ("method", "member", "t")
    known = max(2, min(members, 3))
    barrier = np.stack([train_loss.max(1) - train_loss[:, 0], loss.max(1) - loss[:, 0]], axis=1)
    return results.make_result(
        {
            "loss": (dims, loss, "nats", "loss on test images"),
            "accuracy": (dims, accuracy, "1", "accuracy on test images"),
            "train_loss": (dims, train_loss, "nats", "loss on training images"),
            "agreement": (kinds, agreement[:, :known], "1", "share of examples with the solution's label"),
            "similarity": (kinds, similarity[:, :known], "1", "max(0, 1 - d / (1 - accuracy))"),
            "triangle_accuracy": (("y", "x"), triangle, "1", "accuracy on the stitched triangles"),
            "triangle_similarity": (("other_member", "y", "x"), likeness, "1", "similarity to each end there"),
            "barrier": (("method", "metric"), barrier, "nats", "height above the line between the ends' losses"),
            "control": (("other_member",), np.zeros(2), "1", "difference at the ends"),
        },
        {
            "method": ["straight", "tunnel"],
            "t": t,
            "member": np.arange(known),
            "other_member": np.arange(2),
            "x": t,
            "y": radius,
            "metric": ["train_loss", "loss"],
        },
        title="A low-loss path between two solutions",
        intervals="none",
        provenance={**provenance(known), "examples": 1000},
        left_out="",
        split="test",
        batch_norm="recompute",
        unrelated="2" if known == 3 else "none: the study has two members",
    )


def diversity_plane(members: int, epochs: int) -> xr.Dataset:
    """Solutions near 1; samples rise from the baseline and bend to the left, between the curves."""
    random = np.random.default_rng(12)
    methods = ("independent", "trajectory", *METHODS)
    length = max(30, members - 1)
    accuracy, diversity = np.full((len(methods), length), np.nan), np.full((len(methods), length), np.nan)
    accuracy[0, : members - 1] = random.normal(BASELINE + 0.004, 0.006, members - 1)
    diversity[0, : members - 1] = random.normal(0.9, 0.03, members - 1)
    for row, method in enumerate(methods[1:], start=1):
        reach = {"trajectory": 0.5, "dropout": 0.9, "mc_dropout": 0.2, "diagonal": 0.35}.get(method, 0.6)
        way = np.sort(random.uniform(0, 1, 30)) ** 2 * reach
        accuracy[row, :30] = BASELINE - (BASELINE - 0.12) * way
        lower, upper = diversity_limits(accuracy[row, :30], BASELINE, CLASSES)
        diversity[row, :30] = lower + (upper - lower) * (0.05 + 0.02 * (row % 5)) * np.minimum(1, 5 * way)
    x = np.linspace(1 / CLASSES, max(BASELINE, np.nanmax(accuracy)), 200)
    lower, upper = diversity_limits(x, BASELINE, CLASSES)
    lowest, highest = diversity_bounds(x, BASELINE)
    dims = ("method", "draw")
    return results.make_result(
        {
            "accuracy": (dims, accuracy, "1", "accuracy of the network"),
            "disagreement": (dims, diversity * (1 - accuracy), "1", "share of labels that differ from the baseline's"),
            "diversity": (dims, diversity, "1", "that share divided by the network's error"),
            **stated(methods, draws=length),
            "lower": (("x",), lower, "1", "limit: the baseline with labels changed at random"),
            "upper": (("x",), upper, "1", "limit: right or wrong independently of the baseline"),
            "lowest": (("x",), lowest, "1", "least that the two accuracies allow"),
            "highest": (("x",), highest, "1", "most that the two accuracies allow"),
        },
        {"method": list(methods), "draw": np.arange(length), "x": x},
        title="Diversity against accuracy, of networks around one solution and of other solutions",
        intervals="none",
        provenance=provenance(members),
        left_out="",
        split="test",
        baseline_accuracy=BASELINE,
        baseline_member=0,
        classes=CLASSES,
    )


def diversity_map(members: int, epochs: int) -> xr.Dataset:
    """Sweeps that leave the single network's corner; the exact Brier law of K networks."""
    networks = max(2, min(members, 5))
    steps = 6
    methods = ("independent", "trajectory", *(method for method in METHODS if method != "mc_dropout"), "weight_average")
    settings = ("raw", "calibrated", "raw, shifted", "calibrated, shifted")
    diversity, mean = (np.full((len(settings), len(methods), steps), np.nan) for _ in range(2))
    barrier, cost = (np.full((len(methods), steps), np.nan) for _ in range(2))
    for row, method in enumerate(methods):
        if method in ("independent", "trajectory", "weight_average"):
            at = {"independent": (0.16, 0.453, 1.9), "trajectory": (0.06, 0.449, 0.06), "weight_average": (0, 0.43, 0)}
            v, brier, height = (np.array([value]) for value in at[method])
        else:
            way = 0.03 * 2.0 ** np.arange(steps)
            v = (0.1 + 0.012 * row) * way / (0.25 + 0.02 * row + way)
            brier = 0.452 - 0.012 * np.minimum(way, 0.2) / 0.2 + v * (0.25 + 0.05 * row + 0.5 * way)
            height = 0.02 + 0.6 * way**1.5
        place = slice(len(v))
        for setting, (shrunk, worse) in enumerate(((1, 0), (0.55, -0.035), (1.2, 0.16), (0.62, 0.1))):
            diversity[setting, row, place] = v * shrunk
            mean[setting, row, place] = brier + worse - (1 - shrunk) * v * 0.8
        barrier[row, place] = height
        cost[row, place] = epochs * (networks if method == "independent" else 1)
    saving = 1 - 1 / networks
    ensemble = mean - saving * diversity
    spread, limit = diversity[:, :1, :1], (mean - diversity)[:, :1, :1]
    with np.errstate(divide="ignore"):
        equivalent = np.where(ensemble > limit, spread / (ensemble - limit), np.inf)
    dims = ("metric", "method", "draw")
    return results.make_result(
        {
            "diversity": (dims, diversity, "1", "V: mean over pairs of half the squared distance of probabilities"),
            "mean_brier": (dims, mean, "1", "mean network's Brier score"),
            "ensemble_brier": (dims, ensemble, "1", "Brier score of the ensemble by the exact law"),
            "limit_brier": (dims, mean - diversity, "1", "Brier score of infinitely many such networks"),
            "equivalent": (dims, equivalent, "1", "independent networks with the ensemble's Brier score"),
            **{
                f"equivalent_{end}": (dims, ends, "1", f"{end} end of its 95 % interval")
                for end, ends in (
                    ("low", 0.9 * equivalent),
                    ("high", np.where(equivalent > 6, np.inf, 1.1 * equivalent)),
                )
            },
            "barrier": (("method", "draw"), barrier, "nats", "barrier of the training loss to the solution"),
            "training_epochs": (("method", "draw"), cost, "1", "epochs of training behind all networks"),
            **stated(methods, draws=steps),
        },
        {"metric": list(settings), "method": list(methods), "draw": np.arange(steps)},
        title="Brier score of ensembles by the exact law, as a map",
        intervals="none",
        provenance={**provenance(members), "examples": 2000},
        left_out="",
        split="test",
        networks=networks,
        severity=3,
    )


def ood(members: int, epochs: int) -> xr.Dataset:
    """Entropies that move up on other data, most of all for independent networks; the paper's divergences."""
    methods = ("single", "independent", "trajectory", *METHODS)
    divergence = {"single": np.nan, "independent": 0.384, "trajectory": 0.153, "random": 0.155, "dropout": 0.12}
    divergence |= {"mc_dropout": 0.07, "diagonal": 0.034, "low_rank": 0.087, "low_rank_scaled": 0.09, "swag": 0.08}
    spread = np.array([divergence.get(method, 0.05) for method in methods])
    edges = np.linspace(0, np.log(CLASSES), 21)
    x = (edges[1:] + edges[:-1]) / 2
    quiet = np.nan_to_num(spread)[:, None, None]
    shift = np.array([0.0, 1.0, 0.75])[:, None]
    typical = 0.35 + 1.6 * quiet + (0.35 + 1.4 * quiet) * shift  # method, data set, bin
    share = np.exp(-x / typical) + 0.35 * shift * np.exp(-(((x - typical - 0.3) / 0.35) ** 2))
    share /= share.sum(-1, keepdims=True)
    entropy = (share * x).sum(-1)
    told = 0.74 + 0.35 * quiet + np.array([0.0, 0.02, -0.03])
    told = np.concatenate([told - 0.008, told], axis=1)  # method, metric, data set
    told[:, :, 0] = np.nan
    dims, kinds = ("method", "corruption"), ("method", "metric", "corruption")
    disagreement = spread[:, None] * np.array([0.72, 1.0, 0.9])
    return results.make_result(
        {
            "jensen_shannon": (dims, disagreement, "nats", "Jensen-Shannon divergence of as many networks"),
            "mean_entropy": (dims, entropy, "nats", "mean entropy of the prediction"),
            "entropy_share": ((*dims, "x"), share, "1", "share of images by the entropy of their prediction"),
            "auroc": (kinds, told, "1", "area under the receiver operating characteristic"),
            "aupr": (kinds, told - 0.05, "1", "area under precision and recall"),
            "fpr95": (kinds, 1.35 - told, "1", "share of test images taken for other data at 95 % found"),
            **stated(methods),
        },
        {"method": list(methods), "corruption": list(NAMES), "metric": ["max_probability", "entropy"], "x": x},
        title="Predictions on other data",
        intervals="none",
        provenance={**provenance(members), "examples": 5000},
        left_out="",
        split="test",
        networks=5,
        runs=min(members, 5),
    )


MAP_EXAMPLES = {
    "tsne_subspace": tsne_subspace,
    "radial": radial,
    "tunnel": tunnel,
    "diversity_plane": diversity_plane,
    "diversity_map": diversity_map,
    "ood": ood,
}
