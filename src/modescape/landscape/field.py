"""`Landscape`: the loss of any network on any data as a scalar field over its weights."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor, nn

from modescape import tree
from modescape.errors import InputError
from modescape.landscape import memory
from modescape.landscape.criteria import Loss, criterion
from modescape.landscape.cuts import Cut, Projection
from modescape.landscape.directions import (
    Normalization,
    crowded,
    direction_of,
    left_out,
    output_axes,
    random_directions,
)
from modescape.landscape.evaluation import Evaluation, Evaluator, joined
from modescape.landscape.layout import Layout, Point
from modescape.landscape.local import Local
from modescape.landscape.runner import Policy, Runner
from modescape.landscape.source import Batches, Source
from modescape.landscape.surface import Surface
from modescape.landscape.trying import first_pass
from modescape.models import working_dtype
from modescape.types import ModelState, Params

SAME = 1e-5  # relative difference between two values at one point that rounding in float32 explains


@runtime_checkable
class Points(Protocol):
    """Many points that are made lazily, such as those of a grid."""

    def __len__(self) -> int: ...
    def stacked(self, start: int, stop: int) -> ModelState:
        """Points start to stop - 1, tensors [point, ...]."""
        ...


class Landscape:
    """The mean loss over data as a function of a network's weights.

    Args:
        model: any network; it is not modified.
        params: the point of interest; default: the network's own weights. May be a ``state_dict``.
        batches: the data: a list of (inputs, target), a DataLoader, a function that returns an iterator, or two
            tensors.
        loss: a name (`LOSSES`), or a function (output, target) -> mean over the batch.
        batch_norm: which statistics a point uses (`POLICIES`): "recompute" (over the data), "interpolate" (those that
            the point contains), "eval" (those of the point of interest), "batch" (each batch's own).
        device: where to compute; default: where the network is.
        predictions: name -> predicted classes [unit], or logits [unit, class], whose agreement is measured.
        batch_norm_batches: the data on which statistics are recomputed; default: ``batches``.
        unpack: batch -> (inputs, target), for batches of another structure.
        dropout: keep dropout active, with the same masks at every point.
        points_per_pass: points evaluated at once; default: as many as fit in memory.
        stack: evaluate these by `vmap`; default: if the network allows it and it is faster.
        seed: of dropout masks and random directions.
        check: test the network first (one point twice, other weights once), and warn if it is not deterministic.

    Raises:
        InputError: if the network cannot be called with other weights, the loss is not a scalar, a point is of another
            architecture, or the data can be iterated over only once.

    >>> field = Landscape(nn.Linear(2, 2), batches=(torch.eye(2), torch.tensor([0, 1])))
    >>> zero = {name: torch.zeros_like(tensor) for name, tensor in field.params.items()}
    >>> round(field.value(zero), 4)  # log 2
    0.6931
    """

    def __init__(
        self,
        model: nn.Module,
        params: Point | None = None,
        batches: Batches | None = None,
        loss: str | Loss = "cross_entropy",
        batch_norm: Policy = "recompute",
        device: torch.device | str | None = None,
        *,
        predictions: Mapping[str, Any] | None = None,
        batch_norm_batches: Batches | None = None,
        unpack: Callable[[Any], tuple[Any, Any]] | None = None,
        dropout: bool = False,
        points_per_pass: int | None = None,
        stack: bool | None = None,
        seed: int = 0,
        check: bool = True,
    ) -> None:
        if batches is None:
            raise InputError("there is no data: give batches, a list of (inputs, target) or a DataLoader")
        own = next((tensor.device for tensor in model.parameters()), "cpu") if isinstance(model, nn.Module) else "cpu"
        place = torch.device(own if device is None else device)
        sums = criterion(loss)
        self.runner = Runner.of(model, batch_norm, place, raw=sums.own is not None, dropout=dropout, seed=seed)
        self.layout, self.seed = Layout.of(self.runner.module), seed
        dtype = working_dtype(self.layout.params)
        source = Source.of(batches, place, dtype, unpack)
        statistics = source if batch_norm_batches is None else Source.of(batch_norm_batches, place, dtype, unpack)
        references = {name: _labels(labels, place) for name, labels in (predictions or {}).items()}
        if references and sums.labels is None:
            raise InputError(f"the loss '{sums.name}' has no classes for predictions to agree with; leave them out")
        own_point = ModelState(self.layout.params, {})
        given = own_point if params is None else self.layout.state(params)
        self.point = ModelState(given.params, self.layout.held | given.buffers)
        self._check_finite()
        self.evaluator = Evaluator(
            self.runner, sums, source, statistics, self.point.buffers, references, self.layout.frozen
        )
        tried = first_pass(self.evaluator, self.point, stack, check)
        self.stack = tried.stack
        self.evaluator = replace(self.evaluator, pieces=tried.pieces)
        fitting = memory.points_at_once(self.point, tried.activations, place, tried.stack)
        if not tried.stack and source.resident:
            fitting = min(fitting, memory.ALONE)
        self.points_per_pass = points_per_pass or fitting
        if check:
            self._check_same()

    @property
    def params(self) -> Params:
        """The coordinates of the point of interest."""
        return self.point.params

    def state(self, point: Point | None = None) -> ModelState:
        """A point as parameters and buffers, checked; default: the point of interest."""
        return self.point if point is None else self.layout.state(point)

    def value(self, point: Point | None = None) -> float:
        """The mean loss at a point; NaN or infinite if the network's outputs are."""
        return float(self.evaluate([self.state(point)]).loss[0])

    def values(self, points: Sequence[Point] | Mapping[str, Tensor] | Points) -> np.ndarray:
        """The mean loss at many points, float64 [point]; see `evaluate`."""
        return self.evaluate(points).loss

    def evaluate(self, points: Sequence[Point] | Mapping[str, Tensor] | Points | None = None) -> Evaluation:
        """Loss, accuracy and agreement at many points, several in each pass over the data.

        Args:
            points: a list; one dictionary of stacked tensors [point, ...]; or `Points`. Default: the point of interest.
        """
        parts = [evaluation for _, evaluation in self.sweep([self.point] if points is None else points)]
        if not parts:
            raise InputError("there are no points to evaluate")
        return joined(parts)

    def sweep(self, points: Sequence[Point] | Mapping[str, Tensor] | Points) -> Iterator[tuple[slice, Evaluation]]:
        """`evaluate`, one pass at a time: yields the points and their evaluation.

        If a GPU runs out of memory, passes have half as many points from then on.
        """
        ordered = points if isinstance(points, Points) else _Given(self.layout, self.point.buffers, points)
        start = 0
        while start < len(ordered):
            place = slice(start, min(start + self.points_per_pass, len(ordered)))
            try:
                state = ordered.stacked(place.start, place.stop)
                evaluation = self.evaluator(state.params | state.buffers, self.stack and place.stop - start > 1)
            except torch.cuda.OutOfMemoryError:
                if self.points_per_pass == 1:
                    raise
                self.points_per_pass = -(-self.points_per_pass // 2)
                continue
            yield place, evaluation
            start = place.stop

    def local(self, point: Point | None = None) -> Local:
        """The loss near a point, for its derivatives; see `modescape.curvature`."""
        state = self.state(point)
        whole = self.evaluator.completed_point(state)
        params = {name: whole[name] for name in self.layout.params}
        held = {name: whole.get(name, tensor) for name, tensor in self.point.buffers.items()}
        own = self.evaluator
        return Local(params, held, self.runner, own.criterion, own.source, own.pieces, self.seed)

    def value_and_gradient(self, point: Point | None = None) -> tuple[float, Params]:
        """The mean loss and its gradient, with batch-norm statistics frozen at the point."""
        return self.local(point).value_and_gradient()

    def gradient(self, point: Point | None = None) -> Params:
        """The gradient alone; see `value_and_gradient`."""
        return self.value_and_gradient(point)[1]

    def random_cut(
        self,
        axes: int = 2,
        normalization: Normalization = "filter",
        *,
        point: Point | None = None,
        seed: int | None = None,
        without: Collection[str] | None = None,
    ) -> Cut:
        """A line or plane through a point along random directions scaled to its weights (`random_directions`).

        Args:
            axes: 1 or 2.
            normalization: "filter", "layer" or "model".
            point: default: the point of interest.
            seed: of the directions; default: the landscape's.
            without: names of tensors that do not move; default: biases and the parameters of normalisation layers.
        """
        origin, module = self._anchor(point), self.runner.module
        stay = left_out(origin.params, module) if without is None else list(without)
        own = self.seed if seed is None else seed
        along = output_axes(module)
        found = random_directions(origin.params, axes, normalization, seed=own, without=stay, axes=along)
        few = crowded(origin.params, axes, stay, along) if normalization == "filter" else []
        return Cut.along(origin, *found, directions="random", normalization=normalization, seed=own, crowded=few)

    def cut_through(self, *points: Point, orthogonal: bool = True) -> Cut:
        """The line through two solutions, or the plane through three (`Cut.through`)."""
        return Cut.through(*(self._anchor(point) for point in points), orthogonal=orthogonal)

    def cut_along(self, *directions: Mapping[str, Tensor] | Tensor, point: Point | None = None) -> Cut:
        """A line or plane through a point along given directions.

        Args:
            directions: tensors by name (a gradient), or flat vectors (rows of ``eigenvalues().vectors``).
            point: default: the point of interest.
        """
        origin = self._anchor(point)
        read = [direction_of(one, origin.params) if isinstance(one, Tensor) else dict(one) for one in directions]
        return Cut.along(origin, *read, directions="given")

    def principal_cut(self, trajectory: Sequence[Point], axes: int = 2, *, point: Point | None = None) -> Cut:
        """The plane through a point along the principal components of a trajectory; default: its last point."""
        states = [self._anchor(one) for one in trajectory]
        return Cut.principal(states[-1] if point is None else self._anchor(point), states, axes)

    def project(self, cut: Cut, points: Sequence[Point]) -> Projection:
        """Project points on a cut: coordinates, distances, and the share of their variance along it."""
        return cut.project([self._anchor(point) for point in points])

    def surface(self, cut: Cut | None = None, x: Any = None, y: Any = None, **settings: Any) -> Surface:
        """Values on a grid of a cut (`modescape.landscape.sweeping.measure`); default: 25 x 25 along `random_cut`."""
        from modescape.landscape.sweeping import STEPS, measure

        return measure(self, self.random_cut() if cut is None else cut, STEPS if x is None else x, y, **settings)

    def _anchor(self, point: Point | None) -> ModelState:
        """A point with the buffers that are interpolated with its weights; frozen weights stay with the network."""
        state = self.state(point)
        brought = {name: tensor for name, tensor in state.buffers.items() if name not in self.layout.frozen}
        return ModelState(state.params, brought)

    def _check_finite(self) -> None:
        for name, tensor in self.point.params.items():
            if not bool(tensor.isfinite().all()):
                raise InputError(f"'{name}' of the point holds NaN or infinity; expected one that did not diverge")

    def _check_same(self) -> None:
        """Warn if the same point evaluates to two values."""
        first, second = self.value(), self.value()
        if not (first == second or abs(first - second) <= SAME * abs(first) or (first != first and second != second)):
            warnings.warn(
                f"the same point has the values {first:.6g} and {second:.6g}: the data or the network differ from pass "
                "to pass (random crops, dropout called by function); surfaces and derivatives are noisy",
                stacklevel=3,
            )


class _Given:
    """Points of a list, or stacked, as `Points`."""

    def __init__(self, layout: Layout, held: Params, points: Any) -> None:
        self.held, self.whole, self.rows = held, None, []
        if isinstance(points, ModelState | Mapping):
            self.whole = layout.state(points, ndim=1)
        else:
            self.rows = [layout.state(point) for point in points]
        self.brought = {name: None for row in self.rows for name in row.buffers}

    def __len__(self) -> int:
        return len(self.rows) if self.whole is None else len(next(iter(self.whole.params.values())))

    def stacked(self, start: int, stop: int) -> ModelState:
        if self.whole is not None:
            return ModelState(*({name: t[start:stop] for name, t in part.items()} for part in self.whole))
        rows = self.rows[start:stop]
        given = [{name: row.buffers.get(name, self.held[name]) for name in self.brought} for row in rows]
        return ModelState(tree.stack([row.params for row in rows]), tree.stack(given))


def _labels(predictions: Any, device: torch.device) -> Tensor:
    """Classes [unit] of classes, or of logits or probabilities [..., class]."""
    labels = torch.as_tensor(predictions).to(device)
    return labels.argmax(-1).reshape(-1) if labels.is_floating_point() else labels.long().reshape(-1)
