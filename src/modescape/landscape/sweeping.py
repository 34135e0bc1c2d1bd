"""Measuring grids: every point, or only as many as the tolerance requires."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from modescape.engines import Engine, Opener
from modescape.errors import InputError, WorkError
from modescape.landscape import exchange
from modescape.landscape.cuts import Cut
from modescape.landscape.evaluation import Evaluation
from modescape.landscape.field import Landscape
from modescape.landscape.refinement import refine
from modescape.landscape.surface import ACCURACY, AGREEMENT, LOSS, Surface

ITEM = 8  # most points per item
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
    engine: Engine | None = None,
    workplace: Opener | None = None,
) -> Surface:
    """Loss, accuracy and agreement on a grid of a cut.

    Args:
        landscape: with the network, data and batch-norm policy.
        cut: of one axis or two.
        x: coordinates along the first axis.
        y: along the second; default: those of ``x``.
        start: a surface, file or array to resume from: its measured points are not measured again.
        file: .npz or .h5, written after every pass; if it exists, the measurement resumes from it.
        tolerance: relative error up to which points are interpolated instead (`refinement.refine`); None: measure all.
        progress: called with (points measured, points in the grid).
        engine: where points are evaluated, `ITEM` per item of `Engine.map`; default: in this process, pass by pass.
        workplace: opens (landscape, cut) in each worker; required with an engine.

    Raises:
        InputError: if what it resumes from has another grid, cut or setting, or an engine is given without
            ``workplace``.
        WorkError: if points failed in workers; a later call resumes from the file.
    """
    kept = Path(file) if file is not None else None
    before = kept if start is None and kept is not None and kept.exists() else start
    surface = begun(landscape, cut, x, y, before)
    if engine is not None and workplace is None:
        raise InputError("engine= also needs workplace=, which opens (landscape, cut) in each worker")
    held = [surface]

    def measured(index: np.ndarray) -> np.ndarray:
        """Losses at flat indices; those measured before are looked up."""
        wanted = index[~held[0].measured.reshape(-1)[index]]
        places = held[0].coordinates[wanted]
        if engine is None or workplace is None:
            passes = here(landscape, cut, wanted, places)
        else:
            passes = elsewhere(engine, workplace, wanted, places)
        for own, values in passes if len(wanted) else ():
            held[0] = held[0].with_values(own, values)
            if kept is not None:
                exchange.write(held[0], kept)
            progress(int(held[0].measured.sum()), held[0].measured.size)
        return held[0].loss.reshape(-1)[index]

    if tolerance is None:
        measured(surface.pending())
        return held[0]
    found = refine(measured, surface.measured.shape, tolerance)
    done = replace(held[0], error=found.error)
    filled = {name: found.filled(array, done.measured) for name, array in done.fields.items()}
    done = replace(done, fields=filled)
    if kept is not None:
        exchange.write(done, kept)
    return done


def begun(landscape: Landscape, cut: Cut, x: Any, y: Any, before: Surface | np.ndarray | str | Path | None) -> Surface:
    """The grid with the values measured before; arguments as `measure`."""
    second = None if len(cut.axes) == 1 else x if y is None else y
    own = cut.about | about(landscape, cut)
    surface = Surface.empty(x, second, angle=cut.angle, lengths=cut.lengths, about=own)
    if before is None:
        return surface
    return surface.begun_from(exchange.read(before) if isinstance(before, str | Path) else before)


Pass = tuple[np.ndarray, dict[str, np.ndarray]]
"""Flat indices of points, and their values by field name."""


@dataclass(frozen=True)
class Item:
    """A few points of a grid, one item of an engine."""

    numbers: tuple[int, ...]
    coordinates: tuple[tuple[float, ...], ...]

    def __str__(self) -> str:
        return f"{self.numbers[0]} to {self.numbers[-1]}"


def here(landscape: Landscape, cut: Cut, numbers: np.ndarray, coordinates: np.ndarray) -> Iterator[Pass]:
    """Evaluate points in passes over the data in this process."""
    for place, evaluation in landscape.sweep(cut.points(coordinates)):
        yield numbers[place], columns(evaluation)


def elsewhere(engine: Engine, workplace: Opener, numbers: np.ndarray, coordinates: np.ndarray) -> Iterator[Pass]:
    """Evaluate points as items of an engine, in order of completion, spread over all of its workers.

    No item is a single point if there are several: a single point would not run stacked and would round differently.
    """
    size = min(ITEM, -(-len(numbers) // engine.at_once))
    count = max(1, min(-(-len(numbers) // size), len(numbers) // 2))
    items = [
        Item(tuple(map(int, own)), tuple(tuple(map(float, row)) for row in places))
        for own, places in zip(np.array_split(numbers, count), np.array_split(coordinates, count), strict=True)
    ]
    for outcome in engine.map(evaluated, items, context=workplace):
        if outcome.error is not None:
            raise WorkError(f"points {outcome.item} of the grid failed: {outcome.error}")
        yield np.array(outcome.item.numbers), outcome.value


def evaluated(opened: tuple[Landscape, Cut], item: Item, report: Callable[[Any], None]) -> dict[str, np.ndarray]:
    """The function that an engine calls: values at an item's points."""
    landscape, cut = opened
    return columns(landscape.evaluate(cut.points(np.array(item.coordinates))))


def columns(evaluation: Evaluation) -> dict[str, np.ndarray]:
    """Values of a pass by field name."""
    found = {LOSS: evaluation.loss}
    if evaluation.accuracy is not None:
        found[ACCURACY] = evaluation.accuracy
    return found | {AGREEMENT + name: own for name, own in evaluation.agreement.items()}


def about(landscape: Landscape, cut: Cut) -> dict[str, Any]:
    """What two surfaces must share for one to be resumed from the other."""
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
