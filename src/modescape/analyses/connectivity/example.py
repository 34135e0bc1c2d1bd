"""A realistic made-up result, in the schema of docs/results.md, for tests of the figure and of the words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from modescape import results
from modescape.analyses.connectivity.draw import KINDS
from modescape.analyses.connectivity.kinds import INTERVALS, METRICS, PATHS, UNITS
from modescape.analyses.examples import about, interval
from modescape.covers import NEW, THESE

if TYPE_CHECKING:
    import xarray as xr

HEIGHT = np.array([[1.88, 0.65], [1.12, 0.41], [0.51, 0.18], [0.27, 0.09]])  # [kind, metric]
HILL = np.array([[1.99, 0.77], [0.62, 0.23], [0.05, 0.012], [0.04, 0.005]])  # [path, metric]
SETTINGS = {
    **{"split": "test", "points": 9, "reset": "REPAIR", "reset_examples": 300, "refused": "", "gaps": 0},
    **{"steps": 300, "learning_rate": 0.01, "severity": 3},
    "shift": "gaussian_noise, fog, each of its own part of the examples",
}


def example(members: int = 10, epochs: int = 10) -> xr.Dataset:
    """Barriers that alignment and reset mostly remove; curved paths on which the function changes."""
    random, known = np.random.default_rng(9), max(2, min(members, 5))
    noise = random.normal(0, 0.12, (known, known))
    value = HEIGHT[..., None, None] * (1 + (noise + noise.T) / 2)
    value[..., range(known), range(known)] = 0
    t = np.linspace(0, 1, 17)
    hill = np.exp(-(((t - 0.5) / 0.17) ** 2)) - np.exp(-((0.5 / 0.17) ** 2))
    loss, quality = 0.2 + HILL[:, :1] * hill, 0.93 - HILL[:, 1:] * hill
    swap = 1 / (1 + np.exp((t - 0.5) / 0.07))
    ends = np.stack([swap, 1 - swap, *[np.full(len(t), 0.05)] * (known - 2)])
    similarity = np.clip(ends[None] * np.ones((len(PATHS), 1, 1)) - 0.4 * HILL[:, 1, None, None] * hill, 0, 1)
    agreement = 1 - (1 - similarity) * (1 - quality[:, None])
    cosine = 0.02 + np.where(np.eye(known), np.nan, 0.01 * noise)
    matrix, kind = ("approach", "metric", "member", "other_member"), ("approach", "metric")
    pair, path, unit = ("member", "other_member"), ("other_approach", "t"), UNITS["classification"]
    height = ("other_approach", "metric")
    return results.make_result(
        {
            "barrier": (matrix, value, unit, "height above the line between both ends"),
            **interval("barrier", matrix, value, 0.05 * value, unit),
            "mean_barrier": (kind, HEIGHT, unit, "mean over pairs"),
            **interval("mean_barrier", kind, HEIGHT, 0.2 * HEIGHT if known > 2 else 0.1 * HEIGHT, unit),
            "cosine": (pair, cosine, "1", "cosine of the weights"),
            "aligned_cosine": (pair, cosine + 0.25, "1", "cosine of the weights, aligned"),
            "loss": (path, loss, "nats", "loss on test examples"),
            "accuracy": (path, quality, "1", "accuracy on test examples"),
            "shifted_loss": (path, 0.25 + 1.1 * loss, "nats", "loss on corrupted test examples"),
            "agreement": (("other_approach", "member", "t"), agreement, "1", "share of examples with the same label"),
            "similarity": (("other_approach", "member", "t"), similarity, "1", "max(0, 1 - d / (1 - accuracy))"),
            "path_barrier": (height, HILL, unit, "height above the line between both ends"),
            **interval("path_barrier", height, HILL, 0.1 * HILL, unit),
            "control": (("other_approach",), np.zeros(len(PATHS)), "1", "difference at the ends"),
        },
        {
            **{"approach": list(KINDS), "other_approach": list(PATHS), "metric": list(METRICS)},
            **{"member": np.arange(known), "other_member": np.arange(known), "t": t},
        },
        title="Barriers and paths between solutions",
        **about(known, examples=500, intervals=INTERVALS),
        covers={"": THESE, "mean_barrier": NEW},
        **SETTINGS,
    )
