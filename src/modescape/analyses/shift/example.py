"""A realistic made-up result, in the schema of docs/results.md, for tests of the figure and of the words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from modescape import results
from modescape.analyses.examples import ACROSS, ALONE, HALF, METRICS, SCORE, WITHIN, about, interval, stated
from modescape.analyses.shift.paired import covers_of_members

if TYPE_CHECKING:
    import xarray as xr

    from modescape.analyses.stating import Variables

SHIFTED = np.array([-0.036, 0.115, 0.06, 0.028])  # change of a score by one step of severity
CORRUPTIONS = (
    *("gaussian_noise", "shot_noise", "impulse_noise", "speckle_noise", "gaussian_blur", "defocus_blur", "glass_blur"),
    *("motion_blur", "zoom_blur", "snow", "frost", "fog", "brightness", "saturate", "contrast", "elastic_transform"),
    *("pixelate", "jpeg_compression", "spatter"),
)
NO_EFFECT = {"gaussian_blur": 2, "saturate": 5}  # corruption -> last severity without effect


def example(members: int = 10, epochs: int = 10) -> xr.Dataset:
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
    dims = ("approach", "metric", "severity")
    return results.make_result(
        {
            "score": (dims, score, SCORE, "mean over corruptions"),
            **interval("score", dims, score, width, SCORE),
            **interval("score", dims, score, width / 2, SCORE, these=True),
            **_over_one(score),
            "score_spread": (dims, np.broadcast_to(spread, score.shape), SCORE, "standard deviation over corruptions"),
            "score_of_corruption": (
                ("approach", "metric", "corruption", "severity"),
                each,
                SCORE,
                "on the corruption's own part of the test images",
            ),
            **_gains(each),
            "effect": (("corruption", "severity"), 8 * severity * (1 - lacking), "levels of 255", "mean change"),
            "changed": (("corruption", "severity"), 0.15 * severity * (1 - lacking), "1", "share that changes"),
            "without_effect": (("corruption", "severity"), lacking, "1", "1: nothing comes of it"),
            "jensen_shannon": (("approach", "severity"), divergence, "nats", "divergence of the networks"),
            "jensen_shannon_calibrated": (("approach", "severity"), 0.45 * divergence, "nats", "after calibration"),
            **stated(list(gains)),
        },
        {"approach": list(gains), "metric": list(METRICS), "corruption": list(CORRUPTIONS), "severity": severity},
        title="Scores and diversity under corruption",
        **about(members, intervals="95 %: paired bootstrap over test examples"),
        covers=covers_of_members(members),
        samples=5,
        source="our corruptions",
    )


def _gains(each: np.ndarray) -> Variables:
    """Differences from one network, which comes first, with intervals; [method, metric, corruption, severity]."""
    dims, gain = ("approach", "metric", "corruption", "severity"), each - each[:1]
    half = np.broadcast_to(2 * HALF[:, None, None], gain.shape)
    value = {"gain_of_corruption": (dims, gain, SCORE, "score minus one network's")}
    return value | interval("gain_of_corruption", dims, gain, half, SCORE)


def _over_one(score: np.ndarray) -> Variables:
    """Differences from one network, which comes first, with both intervals; [method, metric, severity]."""
    dims, gain = ("approach", "metric", "severity"), score - score[:1]
    half = 0.5 * np.minimum(np.abs(gain), HALF[:, None]) * (1 + 0.1 * np.arange(score.shape[2]))
    value = {"gain": (dims, gain, SCORE, "score minus one network's")}
    ends = interval("gain", dims, gain, half, SCORE) | interval("gain", dims, gain, half / 2, SCORE, these=True)
    return value | ends
