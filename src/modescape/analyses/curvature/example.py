"""A realistic made-up result, in the schema of docs/results.md, for tests of the figure and of the words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from modescape import results
from modescape.analyses.examples import about, interval
from modescape.covers import NEW_MEMBERS, NEW_VECTORS

if TYPE_CHECKING:
    import xarray as xr

    from modescape.analyses.stating import Variables

EPOCHS = (0, 1, 2, 4, 7, 13, 23, 40)
UNIT = "nats per squared unit of weight"


def example(members: int = 10, epochs: int = 10) -> xr.Dataset:
    """A peak at 0 and a few large eigenvalues; sharp at first, then flat; sharpness is uncorrelated with the rest."""
    random = np.random.default_rng(0)
    scale = np.exp(random.normal(0, 0.5, members))
    outside = 1.4 * np.outer(scale, [1, 0.55, 0.4])
    x = np.linspace(-0.3, 1.1 * outside.max(), 300)
    bells = np.exp(-0.5 * ((x - np.zeros((members, 1))) / 0.05) ** 2)
    bells += 3e-4 * np.exp(-0.5 * ((x[None, None] - outside[..., None]) / 0.05) ** 2).sum(1)
    density = bells / (0.05 * np.sqrt(2 * np.pi))
    rises = np.stack([0.003 * scale, 0.02 * np.exp(random.normal(0, 0.2, members))])
    if members > 2:
        density[2], outside[2], rises[:, 2] = np.nan, np.nan, np.nan  # a point without a finite loss
    trace = 4.2 * np.nan_to_num(outside[:, 0], nan=np.nan)
    steps = [epoch for epoch in EPOCHS if epoch <= epochs]
    place = np.array(steps) / max(epochs, 1)
    along = np.multiply.outer(0.3 + 9 * place * np.exp(-5 * place), [1, 0.6, 0.45])
    correlated = random.uniform(-0.3, 0.4, (4, 2))
    balls, both = ("approach", "member"), ("metric", "other_metric")
    ends = (np.clip(correlated - 0.65, -1, 1), np.clip(correlated + 0.55, -1, 1))
    return results.make_result(
        {
            "density": (("member", "x"), density, "1", "density of the eigenvalues of the Hessian, integral 1"),
            **interval("density", ("member", "x"), density, (0.6 * density, 1.4 * density), "1"),
            **_spectrum(outside, trace, "member"),
            **_spectrum(along, 8 * along[:, 0], "epoch", "epoch_"),
            "sharpness": (balls, rises, "nats", "largest rise of the training loss that was found in the ball"),
            "mean_rise": (balls, 1e-3 * rises, "nats", "mean rise of the training loss at random steps"),
            "mean_rise_error": (balls, 2e-4 * rises, "nats", "its standard error over the steps"),
            "train_loss": (("member",), 0.02 + 0.01 * scale, "nats", "loss on these training examples"),
            "test_loss": (("member",), 0.2 + random.normal(0, 0.02, members), "nats", "loss on test images"),
            "disagreement": (("member",), 0.05 + random.normal(0, 0.003, members), "1", "mean over other members"),
            "correlation": (both, correlated, "1", "rank correlation over members"),
            **interval("correlation", both, correlated, ends, "1"),
        },
        {
            **{"member": np.arange(members), "x": x, "eigenvalue": [1, 2, 3], "epoch": steps},
            **{"approach": ["ball", "adaptive"], "metric": ["ball", "adaptive", "largest", "trace"]},
            "other_metric": ["test_loss", "disagreement"],
        },
        title="Curvature of the training loss",
        **about(members, examples=1297, intervals="95 %: of densities and traces over random vectors"),
        covers={"": NEW_VECTORS, "correlation": NEW_MEMBERS},
        **{"split": "test", "training_examples": 300, "followed": 0, "probes": 4, "steps": 16, "deviation": 0.05},
        **{"radius": 0.05, "adaptive_radius": 0.5, "gaps": int(members > 2), "batch_norm": "none"},
    )


def _spectrum(largest: np.ndarray, trace: np.ndarray, dim: str, prefix: str = "") -> Variables:
    """Ends and trace of Hessians whose largest eigenvalues are [place, eigenvalue]."""
    error = np.zeros_like(largest)
    return {
        f"{prefix}largest": ((dim, "eigenvalue"), largest, UNIT, "largest eigenvalues of the Hessian, falling"),
        f"{prefix}largest_error": ((dim, "eigenvalue"), error, UNIT, "at most so far from a true one"),
        f"{prefix}smallest": ((dim,), -0.05 * largest[:, 0], UNIT, "smallest eigenvalue of the Hessian"),
        f"{prefix}smallest_error": ((dim,), error[:, 0], UNIT, "at most so far from a true one"),
        f"{prefix}trace": ((dim,), trace, UNIT, "sum of all eigenvalues"),
        **interval(f"{prefix}trace", (dim,), trace, 0.06 * trace, UNIT),
    }
