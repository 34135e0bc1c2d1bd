"""Grids measured: every point, or as few as show the same picture."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from modescape.landscape import exchange
from modescape.landscape.cuts import Cut
from modescape.landscape.evaluation import Evaluation
from modescape.landscape.field import Landscape
from modescape.landscape.refinement import refine
from modescape.landscape.surface import ACCURACY, AGREEMENT, LOSS, Surface, at_once

STEPS = np.linspace(-1, 1, 25)  # along each axis, in its lengths


def measure(
    landscape: Landscape,
    cut: Cut,
    x: Any = STEPS,
    y: Any = None,
    *,
    start: Surface | np.ndarray | str | Path | None = None,
    file: str | Path | None = None,
    tolerance: float | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Surface:
    """Loss, accuracy and agreement on a grid of a cut.

    Args:
        landscape: with the network, data and batch-norm policy.
        cut: of one axis or two.
        x: coordinates along the first axis.
        y: along the second; default: those of ``x``.
        start: a surface, file or array to go on with: what is measured in it is not measured again.
        file: .npz or .h5, written after every pass; where it is there, it is gone on with.
        tolerance: measure as few points as this error allows, and fill in the others (`refinement.refine`).
        progress: called with (points measured, points of the grid).

    Raises:
        InputError: if what is gone on with has another grid, cut or setting.
    """
    surface = Surface.empty(
        x,
        None if len(cut.axes) == 1 else x if y is None else y,
        angle=cut.angle,
        lengths=cut.lengths,
        about=cut.about | about(landscape, cut),
    )
    kept = Path(file) if file is not None else None
    before = kept if start is None and kept is not None and kept.exists() else start
    if before is not None:
        surface = surface.begun_from(exchange.read(before) if isinstance(before, str | Path) else before)
    held = [surface]

    def measured(index: np.ndarray) -> np.ndarray:
        """Losses at flat numbers; those that were measured before are looked up."""
        wanted = index[~held[0].measured.reshape(-1)[index]]
        points = cut.points(held[0].coordinates[wanted])
        for place, evaluation in landscape.sweep(points) if len(wanted) else ():
            held[0] = held[0].with_values(wanted[place], columns(evaluation))
            if kept is not None:
                exchange.write(held[0], kept)
            progress(int(held[0].measured.sum()), held[0].measured.size)
        return held[0].loss.reshape(-1)[index]

    if tolerance is None:
        for part in at_once(surface, surface.measured.size):
            measured(part)
        return held[0]
    found = refine(measured, surface.measured.shape, tolerance)
    done = replace(held[0], error=found.error)
    filled = {name: found.filled(array, done.measured) for name, array in done.fields.items()}
    done = replace(done, fields=filled)
    if kept is not None:
        exchange.write(done, kept)
    return done


def columns(evaluation: Evaluation) -> dict[str, np.ndarray]:
    """Values of a pass by the names of a surface's fields."""
    found = {LOSS: evaluation.loss}
    if evaluation.accuracy is not None:
        found[ACCURACY] = evaluation.accuracy
    return found | {AGREEMENT + name: own for name, own in evaluation.agreement.items()}


def about(landscape: Landscape, cut: Cut) -> dict[str, Any]:
    """What two surfaces must share for one to go on with the other."""
    digest = hashlib.blake2b(digest_size=8)
    for state in (cut.origin, *cut.axes):
        for name, tensor in (state.params | state.buffers).items():
            digest.update(name.encode())
            digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return {
        "batch_norm": landscape.runner.policy,
        "loss": landscape.evaluator.criterion.name,
        "cut": digest.hexdigest(),
    }
