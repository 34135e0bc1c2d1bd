"""Realistic made-up results of the analyses that compare ways to make an ensemble, with the paper's orderings."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from example_parts import CROSSED, provenance, stated

from modescape import results

if TYPE_CHECKING:
    import xarray as xr

METRICS = ("accuracy", "nll", "brier", "ece")
SCORE = "1 (nats for nll)"
SUBSPACES = ("random", "dropout", "diagonal", "low_rank", "low_rank_scaled", "pca_random", "swag")
# gain of K samples around one solution over the solution: accuracy, NLL, Brier, ECE; Jensen-Shannon of the samples
WITHIN = {
    "trajectory": (0.0115, -0.065, -0.038, -0.03, 0.091),
    "weight_average": (0.007, -0.05, -0.015, -0.012, np.nan),
    "random": (0.0065, -0.07, -0.039, -0.028, 0.082),
    "dropout": (0.005, -0.06, -0.03, -0.025, 0.061),
    "diagonal": (0.0085, -0.045, -0.025, -0.018, 0.023),
    "low_rank": (0.0095, -0.055, -0.032, -0.022, 0.046),
    "low_rank_scaled": (0.0115, -0.068, -0.039, -0.026, 0.050),
    "pca_random": (0.003, -0.03, -0.015, -0.012, 0.031),
    "swag": (0.010, -0.06, -0.034, -0.024, 0.042),
}
ALONE = np.array([0.718, 0.92, 0.453, 0.09])  # of one network
ACROSS = np.array([0.066, -0.23, -0.155, -0.055])  # gain of infinitely many networks
HALF = np.array([0.005, 0.016, 0.006, 0.004])  # half of an interval
SHIFTED = np.array([-0.036, 0.115, 0.06, 0.028])  # change of a score by one step of severity
CORRUPTIONS = (
    *("gaussian_noise", "shot_noise", "impulse_noise", "speckle_noise", "gaussian_blur", "defocus_blur", "glass_blur"),
    *("motion_blur", "zoom_blur", "snow", "frost", "fog", "brightness", "saturate", "contrast", "elastic_transform"),
    *("pixelate", "jpeg_compression", "spatter"),
)
NO_EFFECT = {"gaussian_blur": 2, "saturate": 5}  # corruption -> last severity at which nothing comes of it


def subspace_scales(members: int, epochs: int) -> xr.Dataset:
    """A sweep of each method's setting: a little distance helps, much of it destroys the network."""
    steps = 8
    best = {"random": 0.12, "dropout": 0.075, "diagonal": 0.2, "low_rank": 0.16, "low_rank_scaled": 0.25}
    best |= {"pca_random": 0.1, "swag": 0.22}
    distance = np.stack([best[method] * 2.0 ** (np.arange(steps) - 4.5) for method in SUBSPACES])
    gain = np.array([WITHIN[method][1] for method in SUBSPACES])[:, None]
    ratio = distance / np.array(list(best.values()))[:, None]
    nll = ALONE[1] + 0.02 + gain * 2 * ratio / (1 + ratio**2) + 0.1 * ratio**3 / 4
    accuracy = ALONE[0] - 0.01 - 0.02 * ratio**2 / (1 + 0.05 * ratio**2)
    accepted = np.where(np.array(SUBSPACES)[:, None] == "random", np.clip(1.3 - 0.2 * ratio**2, 0, 1), np.nan)
    scale = np.stack([10.0 * 2.0 ** (np.arange(steps) - 4) * (place + 1) for place in range(len(SUBSPACES))])
    chosen = np.argmin(nll, axis=1)
    dims = ("method", "draw")
    return results.make_result(
        {
            "step": (dims, distance, "1", "distance of samples from their centre"),
            **stated(SUBSPACES),
            "scale": (dims, scale, "1", "setting of the method"),
            "distance": (dims, distance, "1", "distance of samples over the length of the solution"),
            "nll": (dims, nll, "nats", "validation loss of the ensemble of samples"),
            "accuracy": (dims, accuracy, "1", "mean validation accuracy of a sample"),
            "accepted": (dims, accepted, "1", "share of draws above the threshold"),
            "chosen": (("method",), chosen, "1", "step with the lowest loss"),
            "chosen_low": (("method",), chosen - 1, "1", "lower end of its 95 % interval"),
            "chosen_high": (("method",), chosen + 1, "1", "upper end of its 95 % interval"),
            "edge": (("method",), np.zeros(len(SUBSPACES), int), "1", "1 where the last step is the best"),
        },
        {"method": list(SUBSPACES), "draw": np.arange(steps)},
        title="Scale of each subspace method, chosen on validation",
        intervals="none",
        provenance={**provenance(members), "examples": 5000},
        left_out="",
        split="validation",
        samples=10,
        draws=40,
        solution_nll=float(ALONE[1] + 0.02),
        solution_accuracy=float(ALONE[0] - 0.01),
    )


def ensemble_methods(members: int, epochs: int) -> xr.Dataset:
    """Scores against size: across solutions much is gained, within one a little, and both add up in part."""
    size = np.arange(1, members + 1)
    saving = 1 - 1 / size
    methods = ("independent", *WITHIN)
    within = np.array([(0, 0, 0, 0), *(values[:4] for values in WITHIN.values())], dtype=float)
    gain = within[:, :, None] * (1 - 0.85 * saving) + ACROSS[:, None] * saving  # method, metric, size
    score = ALONE[:, None] + gain
    width = HALF[:, None] * (1 + 0.6 / size)
    narrow = width / 3 * np.maximum(saving, 0.2)
    jensen_shannon = np.array([0.274, *(values[4] for values in WITHIN.values())])
    dims = ("method", "metric", "size")
    place = [methods.index(method) for method in SUBSPACES]
    cost = np.where(np.isin(methods, ("independent", "weight_average")), 1, 10)
    return results.make_result(
        {
            "score": (dims, score, SCORE, "mean score over subsets"),
            "score_low": (dims, score - width, SCORE, "lower end of the 95 % interval"),
            "score_high": (dims, score + width, SCORE, "upper end of the 95 % interval"),
            "score_low_these": (dims, score - width / 2, SCORE, "lower end for these networks"),
            "score_high_these": (dims, score + width / 2, SCORE, "upper end for these networks"),
            "gain": (dims, gain, SCORE, "score minus that of the mean single network"),
            "gain_low_these": (dims, gain - narrow / 2, SCORE, "lower end for these networks"),
            "gain_high_these": (dims, gain + narrow / 2, SCORE, "upper end for these networks"),
            "gain_low": (dims, gain - narrow, SCORE, "lower end of the 95 % interval"),
            "gain_high": (dims, gain + narrow, SCORE, "upper end of the 95 % interval"),
            "jensen_shannon": (("method",), jensen_shannon, "nats", "divergence of the networks"),
            "jensen_shannon_calibrated": (("method",), jensen_shannon * 0.45, "nats", "after calibration"),
            "training_epochs": (("method",), np.full(len(methods), 40), "1", "training epochs of one entry"),
            "forward_passes": (("method",), cost, "1", "forward passes of one entry"),
            **stated(methods),
            "equal_distance_score": (("other_method", "metric"), score[place, :, 0], SCORE, "at one distance"),
            "equal_distance_jensen_shannon": (("other_method",), 0.8 * jensen_shannon[place], "nats", "there"),
            "equal_distance_scale": (("other_method",), np.arange(1.0, 8), "1", "setting there"),
            "equal_distance_reached": (("other_method",), np.full(7, 0.1), "1", "distance there"),
            "stored_score": (("metric",), ALONE.copy(), SCORE, "with stored statistics"),
            "recomputed_score": (("metric",), ALONE, SCORE, "with recomputed statistics"),
            "stored_disagreement": (("member",), np.zeros(members), "1", "share of labels that differ"),
            "stored_jensen_shannon": (("member",), np.zeros(members), "nats", "divergence of the two"),
        },
        {
            "method": list(methods),
            "metric": list(METRICS),
            "size": size,
            "other_method": list(SUBSPACES),
            "member": np.arange(members),
        },
        title="Scores of every way to make an ensemble",
        intervals=CROSSED,
        provenance=provenance(members),
        left_out="",
        samples=10,
        batch_norm="recompute",
        batch_norm_layers=0,
        equal_distance=0.1,
    )


def shift(members: int, epochs: int) -> xr.Dataset:
    """Scores under corruption: everything gets worse, the order stays, diversity grows."""
    random = np.random.default_rng(4)
    severity = np.arange(6)
    within = {method: np.array(values[:4]) for method, values in WITHIN.items()}
    together = ACROSS * 0.8
    gains = {"single": np.zeros(4), **within, "independent": together}
    gains |= {f"independent + {method}": together + 0.15 * values for method, values in within.items()}
    base = np.stack([ALONE + gain for gain in gains.values()])[:, :, None]  # method, metric, severity
    score = base + SHIFTED[:, None] * severity * (1 - 0.08 * (base / ALONE[:, None] - 1))
    width = np.broadcast_to(HALF[:, None] * (1 + 0.1 * severity), score.shape)
    spread = np.abs(SHIFTED)[:, None] * severity * 0.8
    factor = np.clip(random.gamma(3, 0.35, len(CORRUPTIONS)), 0.1, 2.5)[:, None]
    lacking = np.zeros((len(CORRUPTIONS), 6), np.int8)
    for name, first in NO_EFFECT.items():
        lacking[CORRUPTIONS.index(name), 1 : first + 1] = 1
    each = base[:, :, None] + SHIFTED[:, None, None] * severity * factor  # method, metric, corruption, severity
    each[:, 0] = np.clip(each[:, 0], 0.1, 1)
    each[:, :, lacking.any(1)] = np.nan
    known = {**{method: values[4] for method, values in WITHIN.items()}, "independent": 0.274}
    divergence = np.array([known.get(method, np.nan) for method in gains])[:, None] * (1 + 0.075 * severity)
    dims = ("method", "metric", "severity")
    return results.make_result(
        {
            "score": (dims, score, SCORE, "mean over corruptions"),
            "score_low": (dims, score - width, SCORE, "lower end of the 95 % interval"),
            "score_high": (dims, score + width, SCORE, "upper end of the 95 % interval"),
            "score_low_these": (dims, score - width / 2, SCORE, "lower end for these networks"),
            "score_high_these": (dims, score + width / 2, SCORE, "upper end for these networks"),
            "score_spread": (dims, np.broadcast_to(spread, score.shape), SCORE, "standard deviation over corruptions"),
            "score_of_corruption": (
                ("method", "metric", "corruption", "severity"),
                each,
                SCORE,
                "on the corruption's own part of the test images",
            ),
            "effect": (("corruption", "severity"), 8 * severity * (1 - lacking), "levels of 255", "mean change"),
            "changed": (("corruption", "severity"), 0.15 * severity * (1 - lacking), "1", "share that changes"),
            "without_effect": (("corruption", "severity"), lacking, "1", "1: nothing comes of it"),
            "jensen_shannon": (("method", "severity"), divergence, "nats", "divergence of the networks"),
            "jensen_shannon_calibrated": (("method", "severity"), 0.45 * divergence, "nats", "after calibration"),
            **stated(list(gains)),
        },
        {"method": list(gains), "metric": list(METRICS), "corruption": list(CORRUPTIONS), "severity": severity},
        title="Scores and diversity under corruption",
        intervals="95 %: paired bootstrap over test examples",
        provenance=provenance(members),
        left_out="",
        samples=5,
        source="our corruptions",
    )


def decomposition(members: int, epochs: int) -> xr.Dataset:
    """Mean score minus diversity, exactly, for the ensembles of K networks."""
    diversity = {"independent": np.array([0.125, 0.205, 0.11, 0.18])}
    order = {"trajectory": 0.45, "random": 0.4, "low_rank_scaled": 0.33, "low_rank": 0.3, "swag": 0.28}
    order |= {"diagonal": 0.17, "dropout": 0.38, "pca_random": 0.2}
    diversity |= {method: share * diversity["independent"] for method, share in order.items()}
    term = np.stack(list(diversity.values()))
    mean = np.array([0.453, 0.92, 0.453, 0.92]) + 0.12 * term * np.array([1, 1, 1, 1])
    mean[0] = (0.453, 0.92, 0.453, 0.92)
    half = 0.02 * np.abs(term) + np.array([0.002, 0.004, 0.002, 0.004])
    dims = ("method", "metric")
    return results.make_result(
        {
            "mean_score": (dims, mean, SCORE, "mean score of the networks"),
            "diversity": (dims, term, SCORE, "diversity term"),
            "ensemble_score": (dims, mean - term, SCORE, "score of the ensemble"),
            "diversity_low": (dims, term - half, SCORE, "lower end of the 95 % interval"),
            "diversity_high": (dims, term + half, SCORE, "upper end of the 95 % interval"),
            **stated(list(diversity)),
        },
        {"method": list(diversity), "metric": ["brier", "nll", "brier_geometric", "nll_geometric"]},
        title="An ensemble's score: mean score minus diversity",
        intervals="95 %: bootstrap over test examples",
        provenance=provenance(members),
        left_out="",
        networks=5,
    )


def calibration(members: int, epochs: int) -> xr.Dataset:
    """Reliability: single networks are overconfident, averages less, averages of calibrated ones underconfident."""
    methods = {
        "single": -0.11,
        "single, calibrated": -0.005,
        "independent": -0.02,
        "independent, calibrated members": 0.08,
        "independent, calibrated average": 0.004,
    }
    bins = np.arange(15)
    middle = (bins + 0.5) / 15
    there = middle > 0.12  # no top probability of ten classes is lower than 0.1
    confidence = np.where(there, np.tile(middle, (5, 1)), np.nan)
    off = np.array(list(methods.values()))[:, None]
    accuracy = np.clip(confidence + off * 4 * middle * (1.1 - middle), 0, 1)
    share = np.where(there, middle**3, 0) / (middle[there] ** 3).sum() * np.ones((5, 1))
    ece = np.nansum(share * np.abs(accuracy - confidence), axis=1)
    others = {"independent": 0.20, "trajectory": 0.045, "random": 0.05, "dropout": -0.02, "diagonal": 0.025}
    others |= {"low_rank": 0.035, "low_rank_scaled": 0.042, "pca_random": 0.02, "swag": 0.04}
    size = np.arange(1, min(members, 10) + 1)
    gain = np.array(list(others.values()))[:, None]
    calibrated = 0.83 - gain * (1 - 1 / size)
    equivalent = np.where(calibrated > 0.83, np.nan, 1 / np.clip(1 - (gain / 0.20) * (1 - 1 / size), 1e-3, None))
    behind = calibrated - 0.83
    low, high = equivalent * 0.93, equivalent * 1.07
    low = np.where(low < 1, np.nan, low)  # open ends
    high = np.where(high > size[-1], np.inf, high)
    sized = ("other_method", "size")
    return results.make_result(
        {
            "confidence": (("method", "x"), confidence, "1", "mean top probability in the bin"),
            "accuracy": (("method", "x"), accuracy, "1", "accuracy in the bin"),
            "share": (("method", "x"), share, "1", "share of the images in the bin"),
            "ece": (("method",), ece, "1", "expected calibration error"),
            "calibrated_nll": (sized, calibrated, "nats", "calibrated NLL"),
            "calibrated_nll_low": (sized, calibrated - 0.012, "nats", "lower end of the 95 % interval"),
            "calibrated_nll_high": (sized, calibrated + 0.012, "nats", "upper end of the 95 % interval"),
            "equivalent": (sized, equivalent, "1", "deep-ensemble equivalent"),
            "equivalent_low": (sized, low, "1", "lower end of the 95 % interval"),
            "equivalent_high": (sized, high, "1", "upper end of the 95 % interval"),
            "equivalent_below": (sized, np.isnan(equivalent), "1", "whether the method is worse than one network"),
            "behind": (sized, behind, "nats", "calibrated NLL minus that of the mean single network"),
            "behind_low": (sized, behind - 0.004, "nats", "lower end of the 95 % interval"),
            "behind_high": (sized, behind + 0.004, "nats", "upper end of the 95 % interval"),
            "temperature": (("member",), 1.75 + 0.05 * np.sin(np.arange(members)), "1", "temperature"),
            **stated(list(others), "other_method"),
        },
        {
            "method": list(methods),
            "x": bins,
            "other_method": list(others),
            "size": size,
            "member": np.arange(members),
        },
        title="Calibration, and what ensembles are worth after it",
        intervals="95 %: bootstrap over test examples",
        provenance=provenance(members),
        left_out="",
    )


def randomness(members: int, epochs: int) -> xr.Dataset:
    """Pairs of runs: whatever differs, they end equally far apart; the last bit takes a little longer."""
    choices = ("same", "different")
    conditions = [
        (f"{start} initialisation, {order} order, {dropout} dropout", start, order, dropout)
        for start in choices
        for order in choices
        for dropout in choices
        if (start, order, dropout) != ("same", "same", "same")
    ]
    conditions.append(("same initialisation, same order, same dropout, last bit", "same", "same", "same"))
    epoch = np.arange(epochs + 1)
    time = epoch / max(epochs, 1)
    disagreement, distance, cosine = [], [], []
    for name, start, order, dropout in conditions:
        late = 3.0 if name.endswith("last bit") else 9.0 if dropout == "different" else 7.0
        grown = 1 - np.exp(-late * time)
        final = 0.27 if start == "different" else 0.24 if order == "different" else 0.2
        disagreement.append(final * grown + (0.85 * np.exp(-9 * time) if start == "different" else 0))
        near = 1e-7 if name.endswith("last bit") else 0.002 * late
        apart = near * (1 / near) ** np.clip(2 * time, 0, 1) * np.where(epoch == 0, 0, 1)
        distance.append(np.full(epochs + 1, 1.3 + late / 100) if start == "different" else apart)
        cosine.append(np.full(epochs + 1, 0.003) if start == "different" else 1 - 0.6 * grown)
    dims = ("method", "epoch")
    rate = np.stack(disagreement)
    divergence = 0.9 * rate
    return results.make_result(
        {
            "disagreement": (dims, rate, "1", "share of test examples with different predicted labels"),
            "disagreement_low": (dims, rate * 0.95, "1", "lower end of the 95 % interval"),
            "disagreement_high": (dims, rate * 1.05, "1", "upper end of the 95 % interval"),
            "distance": (dims, np.stack(distance), "1", "distance of the weights over their mean length"),
            "cosine": (dims, np.stack(cosine), "1", "cosine of the weights"),
            "normalized_disagreement": (dims, rate / 0.29, "1", "disagreement over the mean error"),
            "jensen_shannon": (dims, divergence, "nats", "Jensen-Shannon divergence of the two"),
        },
        {
            "method": [condition[0] for condition in conditions],
            **{
                key: ("method", [condition[place] for condition in conditions])
                for place, key in enumerate(("initialisation", "order", "dropout"), start=1)
            },
            "epoch": epoch,
        },
        title="Which random choice makes two runs differ",
        intervals="95 %: bootstrap over test examples, mean over pairs",
        provenance={**provenance(members), "repeats": 3},
        left_out="",
    )


def cyclic(members: int, epochs: int) -> xr.Dataset:
    """Networks of one cyclical run: better than one long run's, less diverse than independent ones."""
    random = np.random.default_rng(5)
    networks = max(2, min(members, 6))
    single = {
        "independent": ALONE,
        "snapshots": ALONE + np.array([-0.002, 0.02, 0.004, 0.0]),
        "csgmcmc, cold": ALONE + np.array([-0.003, 0.01, 0.003, -0.01]),
        "csgmcmc, T = 1": ALONE + np.array([-0.02, -0.02, 0.01, -0.03]),
        "long run": ALONE + np.array([0.004, 0.09, 0.006, 0.02]),
        "ensemble": ALONE,
        "whole long run": ALONE + np.array([0.006, 0.15, 0.008, 0.03]),
    }
    share = np.array([1, 0.62, 0.6, 0.5, 0, 1.1, 0])[:, None]
    member_score = np.stack(list(single.values()))
    score = member_score + share * ACROSS * (1 - 1 / networks)
    score, member_score = (np.hstack([part, part[:, 1:2] - 0.06]) for part in (score, member_score))  # calibrated NLL
    half = np.append(HALF, HALF[1])
    reference = ["independent"] * 5 + ["ensemble"] * 2
    than = score - score[[list(single).index(name) for name in reference]]
    than[[0, 5]] = np.nan
    accuracy = member_score[:, :1] + random.normal(0, 0.003, (7, networks))
    diversity = np.array([0.92, 0.75, 0.72, 0.66, 0.9, 0, 0])[:, None] + random.normal(0, 0.02, (7, networks))
    accuracy[4, 1:] = diversity[4, 1:] = np.nan
    accuracy[5:] = diversity[5:] = np.nan
    accuracy[0, -1] = diversity[0, -1] = np.nan  # the baseline is left out
    dims, both = ("method", "metric"), "1 (nats for nll and calibrated_nll)"
    cost = np.array([40 * networks] * 5 + [40 * members] * 2)
    passes = np.array([networks] * 4 + [1, members, 1])
    return results.make_result(
        {
            "score": (dims, score, both, "score of the ensemble"),
            "score_low": (dims, score - half, both, "lower end of the 95 % interval"),
            "score_high": (dims, score + half, both, "upper end of the 95 % interval"),
            "difference": (dims, than, both, "score minus that of the reference"),
            "difference_low": (dims, than - half / 2, both, "lower end of the 95 % interval"),
            "difference_high": (dims, than + half / 2, both, "upper end of the 95 % interval"),
            "member_score": (dims, member_score, both, "mean score of the networks"),
            "jensen_shannon": (("method",), np.array([0.274, 0.17, 0.165, 0.14, *[np.nan] * 3]), "nats", "divergence"),
            "training_epochs": (("method",), cost, "1", "training epochs"),
            "forward_passes": (("method",), passes, "1", "forward passes an image"),
            "accuracy": (("method", "draw"), accuracy, "1", "accuracy of each network"),
            "diversity": (("method", "draw"), diversity, "1", "disagreement with the baseline over the own error"),
        },
        {
            "method": list(single),
            "reference": ("method", reference),
            "metric": [*METRICS, "calibrated_nll"],
            "draw": np.arange(networks),
        },
        title="Cyclical runs against independent ones",
        intervals="95 %: paired over test examples",
        provenance={**provenance(members), "repeats": 2},
        left_out="",
        networks=networks,
        network_epochs=40,
        training_images=10_000,
        ensemble_members=members,
        member_epochs=40,
        member_images=45_000,
        long_runs=1,
    )


METHOD_EXAMPLES = {
    "ensemble_methods": ensemble_methods,
    "decomposition": decomposition,
    "calibration": calibration,
    "subspace_scales": subspace_scales,
    "shift": shift,
    "randomness": randomness,
    "cyclic": cyclic,
}
