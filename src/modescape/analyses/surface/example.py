"""A realistic made-up result, in the schema of docs/results.md, for tests of the figure and of the words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from modescape import results
from modescape.analyses.examples import about
from modescape.analyses.stating import Variables

if TYPE_CHECKING:
    import xarray as xr

SIDE = 21
ENDS = np.array([[0.0, 0.0], [1.0, 0.0], [0.5, 0.9]])  # the solutions


def example(members: int = 10, epochs: int = 10) -> xr.Dataset:
    """A bowl, three basins with hills between them, and a valley along which a run moves; a corner without a loss."""
    known = max(1, min(members, 3))
    x, y, loss = _grids(known)
    measured = np.ones(loss.shape)
    measured[:, 1::2, 3:17] = 0
    grid = ("approach", "y", "x")
    return results.make_result(
        {
            "loss": (grid, loss, "nats", "training loss"),
            "accuracy": (grid, np.where(np.isnan(loss), np.nan, 0.1 + 0.8 * np.exp(-loss)), "1", "accuracy"),
            "measured": (grid, measured, "1", "1 where it was measured"),
            "place_x": (("approach", "x"), x, "1", "coordinate along the first axis"),
            "place_y": (("approach", "y"), y, "1", "along the second"),
            **_planes(loss, known),
            **_runs(known, epochs),
            "solution_loss": (("member",), np.full(known, 0.01), "nats", "training loss of the solution"),
        },
        {
            "approach": ["random", "solutions", "principal"],
            "member": np.arange(known),
            "epoch": np.arange(epochs + 1),
            **{name: np.arange(SIDE) for name in ("x", "y")},
        },
        title="The loss on planes through weight space",
        **about(known, examples=300),
        split="test",
        train_examples=300,
        tolerance=0.05,
        without="",
        batch_norm="recompute",
    )


def _grids(known: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Coordinates [plane, place] and losses [plane, y, x]."""
    low, high = np.array([(-1.0, -0.4, -13.0), (-1.0, -0.4, -3.0)]), np.array([(1.0, 1.4, 3.0), (1.0, 1.4, 4.0)])
    x, y = np.linspace(low, high, SIDE, axis=2)
    (bowl, basins, valley) = [np.meshgrid(one, other) for one, other in zip(x, y, strict=True)]
    far = [np.hypot(basins[0] - end[0], basins[1] - end[1]) for end in ENDS[:known]]
    heights = [8 * (bowl[0] ** 2 + bowl[1] ** 2), 6 * np.min(far, axis=0) ** 2]
    heights.append(0.02 * valley[0] ** 2 + 0.15 * (valley[1] - 0.3 * np.abs(valley[0]) ** 0.8) ** 2)
    loss = 0.01 + np.stack(heights) ** 1.3
    loss[0, :2, -2:] = np.nan
    return x, y, loss


def _planes(loss: np.ndarray, known: int) -> Variables:
    """The planes, and the error of interpolation."""
    plane, angles = ("approach",), [np.nan, 60.0 if known == 3 else np.nan, np.nan]
    return {
        "gaps": (plane, np.isnan(loss).sum((1, 2)).astype(float), "1", "points without a finite loss"),
        "filled_error": (plane, np.array([0.013, 0.042, 0.009]), "1", "largest error of filled-in losses"),
        "filled_quality_error": (plane, np.array([0.02, 0.027, 0.06]), "1", "largest error of an accuracy"),
        "length_x": (plane, np.array([16.2, 22.4, 1.0]), "1", "length of the first axis"),
        "length_y": (plane, np.array([16.2, 22.4, 1.0]), "1", "length of the second axis"),
        "angle": (plane, np.full(3, 90.0), "degrees", "between the axes"),
        "solutions_angle": (plane, np.array(angles), "degrees", "between the solutions"),
    }


def _runs(known: int, epochs: int) -> Variables:
    """Positions of runs on the planes."""
    time = np.linspace(0, 1, epochs + 1)
    path = np.full((3, 3, known, epochs + 1), np.nan)
    path[:2, 0, 0] = 0.01 * np.stack([1 - time, time * (1 - time)])
    start = np.array([0.5, 0.3])
    path[:2, 1] = (start + time[:, None, None] * (ENDS[:known] - start)).transpose(2, 1, 0)
    path[:2, 2, 0] = np.stack([-11 * (1 - time) ** 2, 2.5 * 4 * time * (1 - time) ** 2])
    path[2] = np.where(np.isfinite(path[0]), 10 * (1 - time), np.nan)
    share, control = np.full((3, known), np.nan), np.full((3, known), np.nan)
    share[:, 0], control[:, 0] = (0.0003, 0.35, 0.92), 0.0
    share[1], control[1] = 0.35 + 0.01 * np.arange(known), 0.0
    dims = ("approach", "member", "epoch")
    return {
        "path_x": (dims, path[0], "1", "training run projected on the plane"),
        "path_y": (dims, path[1], "1", "along the second axis"),
        "path_distance": (dims, path[2], "1", "distance from the plane"),
        "path_share": (dims[:2], share, "1", "share of the run's variance along the plane"),
        "control": (dims[:2], control, "nats", "difference at the solution"),
    }
