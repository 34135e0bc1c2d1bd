"""The matrices of several points of one landscape, multiplied in one pass if the network can be stacked."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeVar

import torch
from torch import Tensor

from modescape.curvature.graphs import Graphs
from modescape.curvature.lanczos import Matrix
from modescape.curvature.operators import Field, Local, Operator, Product, hessian
from modescape.errors import InputError
from modescape.types import Params

AT_ONCE = 16  # points per pass: their graphs are in memory together
KEEP = 1 << 28  # bytes of graphs kept from one product to the next

T = TypeVar("T")
Make = Callable[[Any, Any], Operator]
"""(landscape, point) -> its matrix: `hessian`, `ggn`, `fisher`."""


class Stackable(Local, Protocol):
    """A loss near a point that can be summed with those near others, as `modescape.Landscape.local` gives it."""

    @property
    def resident(self) -> bool:
        """Whether every pass is over the same batches."""
        ...

    def beside(self, others: Sequence[Any], /) -> Local:
        """The sum of the losses near this point and others, whose tensors are stacked, [point, ...]."""
        ...


class Landscape(Field, Protocol):
    """Anything that gives the loss near every point, and knows whether its networks can run stacked."""

    @property
    def stack(self) -> bool:
        """Whether stacking is possible and faster."""
        ...


@dataclass(frozen=True, eq=False)
class Together:
    """Matrices at several points, each multiplying its own vectors, all in one pass over the data.

    Products take [point, parameter] or [point, parameter, vector] and return the same. The values are those of one
    matrix after another, up to rounding: the matrix of the sum of all losses is block diagonal, with the points'
    matrices as blocks. Graphs of the first batches are kept while they take at most ``keep`` bytes, so that further
    products skip the forward pass and the gradient; memory is these bytes and one batch, whatever the size of the data.

    Attributes:
        whole: the matrix of the sum of losses; with one point, its matrix.
        points: number of points.
        keep: bytes of graphs that are kept.
    """

    whole: Operator
    points: int
    keep: int = KEEP

    @classmethod
    def of(cls, landscape: Field, points: Sequence[Any], matrix: Make = hessian, *, keep: int = KEEP) -> Together:
        """The matrices at points of a landscape, stacked if there are several."""
        if not points:
            raise InputError("there are no points; expected one or more")
        first, *others = [matrix(landscape, point) for point in points]
        if others:
            own: Any = first.local
            first = replace(first, local=own.beside([other.local for other in others]))
        return cls(first, len(points), keep)

    def __len__(self) -> int:
        return self.points

    @property
    def shape(self) -> tuple[int, int]:
        """(parameters, parameters), of each matrix."""
        return self.whole.size // self.points, self.whole.size // self.points

    @property
    def dtype(self) -> torch.dtype:
        """The dtype of products."""
        return self.whole.dtype

    @property
    def device(self) -> torch.device:
        """Where products are computed."""
        return self.whole.device

    def __matmul__(self, vectors: Tensor) -> Tensor:
        expected = [self.points, self.shape[0]]
        if list(vectors.shape[:2]) != expected or vectors.dim() > 3:
            raise InputError(
                f"vectors have shape {list(vectors.shape)}, expected {expected} or {[*expected, 'vector']}"
            )
        columns = vectors.to(self.device, self.dtype).view(*expected, -1)
        own = [self._named(column) for column in columns.unbind(2)]
        sums, units = torch.zeros_like(columns), 0.0
        for product, count in self._products():
            for place, vector in enumerate(own):
                found = product(vector)
                sums[..., place] += torch.cat([one.reshape(self.points, -1) for one in found.values()], 1)
            units += count
        return (sums / max(units, 1.0)).view(vectors.shape)

    def columns(self, vectors: int, /) -> Matrix:
        """The same with vectors side by side, [parameter, point x vector]; see `lanczos.Columns`."""
        return _Columns(self, vectors)

    @functools.cached_property
    def _graphs(self) -> Graphs:
        return Graphs(self.keep if getattr(self.whole.local, "resident", False) else 0)

    def _named(self, rows: Tensor) -> Params:
        """Rows [point, parameter] as named tensors of the operator."""
        like = self.whole.local.params
        pieces = rows.split([tensor.numel() // self.points for tensor in like.values()], 1)
        return {name: piece.reshape(like[name].shape) for name, piece in zip(like, pieces, strict=True)}

    def _products(self) -> Iterator[tuple[Product, float]]:
        """Each batch's product and number of units."""
        for number, batch in enumerate(self.whole.local.batches()):
            yield self._graphs.prepared(number, functools.partial(self.whole.prepared, batch, number))


@dataclass(frozen=True, eq=False)
class _Columns:
    """`Together` for vectors side by side."""

    together: Together
    vectors: int

    @property
    def shape(self) -> tuple[int, int]:
        return self.together.shape

    def __matmul__(self, columns: Tensor) -> Tensor:
        own = columns.unflatten(1, (self.together.points, self.vectors)).movedim(1, 0)
        return (self.together @ own).movedim(0, 1).flatten(1)


def each(
    landscape: Landscape,
    points: Sequence[Any],
    work: Callable[[Together], list[T]],
    matrix: Make = hessian,
    *,
    stack: bool | None = None,
    keep: int = KEEP,
) -> list[T]:
    """Apply ``work`` to the matrices at points: several at once where that is faster, else one by one; [point].

    Args:
        landscape: the field to which the points belong.
        points: tensors by name.
        work: (matrices at some points) -> a result for each.
        matrix: which matrix; see `Make`.
        stack: whether points are processed together; default: if the network can be stacked and it is faster.
        keep: bytes of graphs kept from one product to the next.
    """
    wanted = landscape.stack if stack is None else stack
    for size in [AT_ONCE, 1] if wanted else [1]:
        groups = [points[start : start + size] for start in range(0, len(points), size)]
        try:
            return [one for some in groups for one in work(Together.of(landscape, some, matrix, keep=keep))]
        except RuntimeError:  # an operation without a batched derivative, or out of memory
            if size == 1 or stack:
                raise
    return []
