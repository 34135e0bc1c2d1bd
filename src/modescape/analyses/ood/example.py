"""A realistic made-up result, in the schema of docs/results.md, for tests of the figure and of the words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from modescape import results
from modescape.analyses.examples import CLASSES, SUBSPACE, about, stated
from modescape.covers import NEW

if TYPE_CHECKING:
    import xarray as xr

NAMES = ("in distribution", "svhn <cropped>", "cifar100")


def example(members: int = 10, epochs: int = 10) -> xr.Dataset:
    """Entropies that move up on other data, most of all for independent networks; the paper's divergences."""
    methods = ("single", "independent", "trajectory", *SUBSPACE)
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
    dims, kinds = ("approach", "corruption"), ("approach", "metric", "corruption")
    disagreement = spread[:, None] * np.array([0.72, 1.0, 0.9])
    return results.make_result(
        {
            "jensen_shannon": (dims, disagreement, "nats", "Jensen-Shannon divergence of as many networks"),
            "mean_entropy": (dims, entropy, "nats", "mean entropy of the prediction"),
            "entropy_share": ((*dims, "x"), share, "1", "share of images by the entropy of their prediction"),
            "auroc": (kinds, told, "1", "area under the receiver operating characteristic"),
            "auroc_low": (kinds, told - 0.02, "1", "lower end of its 95 % interval"),
            "auroc_high": (kinds, told + 0.015, "1", "upper end of its 95 % interval"),
            "aupr": (kinds, told - 0.05, "1", "area under precision and recall"),
            "fpr95": (kinds, 1.35 - told, "1", "share of test images taken for other data at 95 % found"),
            **stated(methods),
        },
        {"approach": list(methods), "corruption": list(NAMES), "metric": ["max_probability", "entropy"], "x": x},
        title="Predictions on other data",
        **about(members, examples=5000),
        covers=NEW,
        split="test",
        networks=5,
        runs=min(members, 5),
    )
