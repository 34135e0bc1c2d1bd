"""How solutions are connected: barriers between every two of them, and networks along paths between two."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from modescape import rng
from modescape.alignment.running import Setting
from modescape.analyses import image_sets
from modescape.analyses.connectivity.along import Fit, Met, Networks, paths_between
from modescape.analyses.connectivity.barriers import Barriers, Lines
from modescape.analyses.connectivity.kinds import INTERVALS, METRICS, PATHS, UNITS
from modescape.analyses.field import batches_of, loss_of, point_of, prepared
from modescape.analyses.requirements import left_out, trained
from modescape.arrays import group_codes
from modescape.context import StudyContext
from modescape.covers import THESE, new_if
from modescape.data.corruptions import SEVERITIES
from modescape.data.dataset import Split
from modescape.errors import InputError, NotEnough
from modescape.models import working_dtype
from modescape.paths.between import KINDS
from modescape.results import make_result
from modescape.types import Inputs

if TYPE_CHECKING:
    import xarray as xr


def measure(
    context: StudyContext,
    *,
    members: int = 5,
    points: int = 9,
    examples: int = 500,
    train_examples: int = 1000,
    steps: int = 300,
    learning_rate: float = 0.01,
    severity: int = 3,
) -> xr.Dataset:
    """Barriers of every two of the first solutions, and networks along paths between the first two.

    A barrier is what `modescape.barrier` gives, on test examples: as the networks are ("raw"), with the units of one in
    the order of the other's ("aligned"), and both with batch norm's statistics recomputed, or REPAIR where there are
    none ("..._reset"). Where no permutation is known for a layer, nothing is aligned, and the result says why. Paths:
    straight, straight to the aligned end, a Bezier curve and a polychain of one bend each, fitted to training examples.
    Along them batch-norm statistics are those of each network's own weights.

    Args:
        context: the study's data, network and evaluator.
        members: at most this many, from the first on: members * (members - 1) / 2 pairs.
        points: positions on the line of each pair, both ends included; paths also have the midpoints.
        examples: test examples, from the first on.
        train_examples: training examples from which statistics are made, from the first on.
        steps: of Adam for each curved path, on batches of the recipe's size of all training examples.
        learning_rate: at the first of them.
        severity: of the corruptions (`modescape.data.shift`) in whose loss paths are evaluated.

    Raises:
        NotEnough: with fewer than two trained members.
        InputError: for an unknown severity.

    Source: Entezari et al. 2022, arXiv 2110.06296; Garipov et al. 2018, arXiv 1802.10026; Jordan et al. 2022, arXiv
    2211.08403.
    """
    numbers = trained(context.offered, 2, "the matrix of barriers between solutions")[: max(members, 2)]
    if severity not in SEVERITIES:
        raise InputError(f"severity is {severity}; expected one of {', '.join(map(str, SEVERITIES))}")
    states = [point_of(context, member) for member in numbers]
    sets = _Sets.of(context, working_dtype(states[0].params), examples, train_examples)
    lines = sets.lines(context, max(points, 3))
    barriers = Barriers(len(states), sets.group, len(sets.test.label))
    barriers.measure(lines, states, lambda kinds: context.progress(kinds * lines.t * len(sets.test.label)))
    shifted, shift = _shifted(context, severity, examples)
    setting = Setting.of(context.module, sets.anew)
    networks = Networks(context, setting, states[0], {"test": sets.test.inputs, **shifted})
    t = np.linspace(0, 1, 2 * lines.t - 1)
    met = Met(networks, states, t, sets.test.label.cpu().numpy(), sets.group)
    seed = rng.key(context.study.manifest["seed"], "connectivity") % 2**31
    fit = Fit(lambda: _passes(context, sets.dtype), lines.loss, steps, learning_rate, seed)
    for kind, path in paths_between(context.module, states[0], states[1], barriers.first, fit).items():
        met.go(kind, path)
    units = UNITS[context.study.task.kind]
    return make_result(
        {**barriers.variables(units), **met.variables(units)},
        {
            **{"approach": list(KINDS), "other_approach": list(PATHS), "metric": list(METRICS)},
            **{"member": numbers, "other_member": numbers, "t": t},
        },
        title="Barriers and paths between solutions",
        intervals=INTERVALS,
        covers={"": THESE, "mean_barrier": new_if(len(numbers) - 1)},
        provenance=context.offered.provenance(examples=len(sets.test.label), members=len(numbers), repeats=1),
        left_out=left_out(context.offered),
        split="test",
        points=lines.t,
        reset="batch norm" if setting.normalised else "REPAIR",
        reset_examples=sum(len(target) for _, target in sets.anew),
        refused=barriers.refused,
        gaps=barriers.gaps,
        **{"steps": steps, "learning_rate": learning_rate, "severity": severity, "shift": shift},
    )


@dataclass(frozen=True)
class _Sets:
    """The examples that are used."""

    test: Split
    group: np.ndarray | None  # of each test example
    given: list[Any]  # the test examples as a network takes them, in batches
    anew: list[Any]  # training examples of which statistics are made, likewise
    dtype: torch.dtype

    @classmethod
    def of(cls, context: StudyContext, dtype: torch.dtype, examples: int, train_examples: int) -> _Sets:
        """At most this many of each, from the first on."""
        test = context.dataset.test.first(examples)
        group = group_codes(image_sets.clean(context, examples).group(context), len(test.label))
        given = batches_of(context, test, dtype=dtype)
        anew = batches_of(context, context.dataset.train.first(train_examples), dtype=dtype)
        return cls(test, group, given, anew, dtype)

    def lines(self, context: StudyContext, points: int) -> Lines:
        """How two networks are compared."""
        squared = None if context.study.task.kind == "classification" else _squared(context)
        return Lines(context.module, self.given, self.anew, points, loss_of(context), squared)


def _squared(context: StudyContext) -> Any:
    """(output, target) -> mean squared error in the target's unit."""
    task = context.dataset.task

    def squared(output: Tensor, target: Tensor) -> Tensor:
        return task.tally(output, target) / len(target)

    return squared


def _passes(context: StudyContext, dtype: torch.dtype) -> Iterator[tuple[Inputs, Tensor]]:
    """All training examples once, in whole batches of the recipe's size; none is prepared before it is asked for."""
    train, size = context.dataset.train, context.study.recipe.train.batch_size
    whole = len(train.label) - len(train.label) % min(size, len(train.label))
    return prepared(context, train.first(whole), dtype=dtype, examples=size)


def _shifted(context: StudyContext, severity: int, examples: int) -> tuple[dict[str, Inputs], str]:
    """The same examples under the study's shift, and a description of it, or why there is none."""
    try:
        inputs = image_sets.shifted(context, severity, examples).inputs(context)
        shift = image_sets.shift_of(context)
    except (InputError, NotEnough) as error:
        return {}, f"none: {error}"
    return {"shifted": inputs}, f"{', '.join(shift.corruptions)}, each of its own part of the examples"
