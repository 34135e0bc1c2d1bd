"""Curvature matrices of a loss as operators: they multiply vectors and are never formed.

Each is a mean over units of the data (examples, tokens, values: whatever the loss averages over), summed batch by
batch, so that memory does not grow with the data: one batch, its graph, and the vectors. Batch-norm statistics are
constants, fixed at the point.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from modescape import tree
from modescape.curvature.convolution import TwiceDifferentiable
from modescape.curvature.derivatives import Slopes, gradients, pulled_back, pushed_forward
from modescape.curvature.graphs import MEMORY, Graphs
from modescape.errors import InputError
from modescape.types import Params


class Local(Protocol):
    """A loss near a point, as `modescape.Landscape.local` gives it: (1 / units) sum over batches of `total`."""

    @property
    def params(self) -> Params:
        """The point."""
        ...

    def batches(self) -> Iterator[Any]:
        """The batches of one pass over the data."""
        ...

    def output(self, params: Params, batch: Any, /) -> Tensor:
        """The network's output, differentiable with respect to ``params``."""
        ...

    def total(self, output: Tensor, batch: Any, /) -> Tensor:
        """The sum of a batch's losses."""
        ...

    def each(self, output: Tensor, batch: Any, /) -> Tensor:
        """The loss of every unit."""
        ...

    def units(self, output: Tensor, batch: Any, /) -> float:
        """How many units the batch has."""
        ...

    def sampled(self, output: Tensor, batch: Any, number: int, draw: int, /) -> Any:
        """The batch with targets drawn from the network's predictive distribution."""
        ...


class Field(Protocol):
    """Anything that gives the loss near every point, as `modescape.Landscape` does."""

    def local(self, point: Any = None, /) -> Local:
        """The loss near a point; None: the point of interest."""
        ...


Product = Callable[[Params], Params]


@dataclass(frozen=True, eq=False)
class Operator(ABC):
    """A symmetric matrix [parameter, parameter] as an operator; parameters are ordered as in the point.

    Products take vectors [parameter], several at once [parameter, vector] (one forward pass per batch for all), a
    dictionary of tensors, or NumPy arrays, and return the same kind.
    """

    local: Local
    _graphs: list[Graphs] = field(default_factory=list, init=False, repr=False)  # of the active `kept` block, if any

    @property
    def size(self) -> int:
        """Number of parameters."""
        return sum(tensor.numel() for tensor in self.local.params.values())

    @property
    def shape(self) -> tuple[int, int]:
        """(parameters, parameters)."""
        return self.size, self.size

    @property
    def dtype(self) -> torch.dtype:
        """The dtype of products with tensors."""
        return next(iter(self.local.params.values())).dtype

    @property
    def device(self) -> torch.device:
        """Where products are computed."""
        return next(iter(self.local.params.values())).device

    @abstractmethod
    def prepared(self, batch: Any, number: int) -> tuple[Product, float]:
        """For one batch: its product with a vector, summed over its units, and the number of units."""

    def __matmul__(self, vectors: Any) -> Any:
        if isinstance(vectors, dict):
            return tree.unravel(self @ tree.ravel(vectors, self.local.params), self.local.params)
        if isinstance(vectors, np.ndarray):
            placed = torch.as_tensor(vectors).to(self.device, self.dtype)
            return (self @ placed).cpu().numpy().astype(vectors.dtype, copy=False)
        if vectors.shape[:1] != (self.size,) or vectors.dim() > 2:
            raise InputError(
                f"a vector has shape {list(vectors.shape)}, expected [{self.size}] or [{self.size}, vector]"
            )
        columns = vectors[:, None] if vectors.dim() == 1 else vectors
        sums = torch.zeros_like(columns, dtype=self.dtype, device=self.device)
        own = [tree.unravel(column.to(sums), self.local.params) for column in columns.T]
        units = 0.0
        for number, batch in enumerate(self.local.batches()):
            product, count = self._prepared(batch, number)
            for place, vector in enumerate(own):
                sums[:, place] += tree.ravel(product(vector))
            units += count
            del product  # frees the batch's graph before the next one is built
        return (sums / max(units, 1.0)).view(vectors.shape)

    def _prepared(self, batch: Any, number: int) -> tuple[Product, float]:
        if not self._graphs:
            return self.prepared(batch, number)
        return self._graphs[-1].prepared(number, partial(self.prepared, batch, number))

    @contextmanager
    def kept(self, memory: int = MEMORY) -> Iterator[None]:
        """Context in which the graphs of batches are kept from product to product.

        A product then has nothing to prepare, which for a network with convolutions saves a third of the time. Only for
        data that are the same in every pass (a list of batches, tensors); otherwise nothing is kept.

        A nested block is part of the outer one.

        Args:
            memory: bytes that graphs may take. Those of the first batches that fit are kept, the others are made again.
        """
        if self._graphs or not getattr(self.local, "resident", False):
            yield
            return
        self._graphs.append(Graphs(memory))
        try:
            yield
        finally:
            self._graphs.clear()

    def to_scipy(self) -> Any:
        """The operator as a `scipy.sparse.linalg.LinearOperator` on float64 arrays."""
        from scipy.sparse.linalg import LinearOperator

        def one(vector: np.ndarray) -> np.ndarray:
            return self @ np.asarray(vector).reshape(-1)

        make: Any = LinearOperator  # its constructor returns a subclass, unknown to type checkers
        return make(self.shape, matvec=one, matmat=lambda vectors: self @ vectors, dtype=np.float64)

    def leaves(self) -> Params:
        """The point as leaf tensors that require gradients."""
        return {name: tensor.detach().clone().requires_grad_() for name, tensor in self.local.params.items()}


class Hessian(Operator):
    """Second derivatives of the loss: gradient of (gradient . v), by two backward passes."""

    def prepared(self, batch: Any, number: int) -> tuple[Product, float]:
        """The graph of a batch's gradient, shared by all vectors."""
        leaves = self.leaves()
        with TwiceDifferentiable():
            output = self.local.output(leaves, batch)
        gradient = gradients(self.local.total(output, batch), leaves, create_graph=True)
        units = self.local.units(output, batch)

        def product(vector: Params) -> Params:
            along = [(own, vector[name]) for name, own in gradient.items() if own.requires_grad]
            return pulled_back(along, leaves)

        return product, units


class GaussNewton(Operator):
    """J^T H J with the Jacobian J of the output and the Hessian H of the loss with respect to the output.

    Positive semi-definite where the loss is convex in the output. J v by forward-mode differentiation, J^T by one
    backward pass: no double backward. Equal to the Fisher matrix if the loss is a negative log-probability of an
    exponential family in its natural parameters (cross-entropy, squared error).

    Source: Martens 2020, arXiv 1412.1193.
    """

    def prepared(self, batch: Any, number: int) -> tuple[Product, float]:
        """The network's graph, and that of the loss's gradient with respect to the output."""
        leaves = self.leaves()
        output = self.local.output(leaves, batch)
        if not isinstance(output, Tensor):
            raise InputError(
                f"the network returns {type(output).__name__}; the GGN needs a network that returns one tensor"
            )
        said = output.detach().requires_grad_()
        (slope,) = torch.autograd.grad(self.local.total(said, batch), said, create_graph=True)
        units = self.local.units(said, batch)

        def product(vector: Params) -> Params:
            if not slope.requires_grad:  # a loss without curvature
                return {name: torch.zeros_like(tensor) for name, tensor in vector.items()}
            pushed = pushed_forward(lambda params: self.local.output(params, batch), self.local.params, vector)
            (bent,) = torch.autograd.grad(slope, said, pushed, retain_graph=True)
            return pulled_back([(output, bent)], leaves)

        return product, units


@dataclass(frozen=True, eq=False)
class Fisher(Operator):
    """Mean over units of g g^T, with g the gradient of the loss of a single unit.

    Attributes:
        draws: 0 uses the data's targets (the empirical Fisher matrix, which is not the Fisher matrix unless the model
            is correct); otherwise that many targets per unit are drawn from the network's predictive distribution. With
            independent outputs of a regression, each output is a unit.

    Source: Kunstner et al. 2019, arXiv 1905.12558.
    """

    draws: int = 0

    def prepared(self, batch: Any, number: int) -> tuple[Product, float]:
        """The network's graph, and for each draw that of the losses; gradients of single units are never stored."""
        leaves = self.leaves()
        output = self.local.output(leaves, batch)
        targets = [self.local.sampled(output, batch, number, draw) for draw in range(self.draws)] or [batch]
        slopes = [Slopes.of(lambda said, own=own: self.local.each(said, own), output) for own in targets]
        units = self.local.units(output, batch) * len(targets)

        def product(vector: Params) -> Params:
            pushed = pushed_forward(lambda params: self.local.output(params, batch), self.local.params, vector)
            weight = torch.stack([own.transposed(own.times(pushed)) for own in slopes]).sum(0)
            return pulled_back([(output, weight)], leaves)

        return product, units


def hessian(field: Field, point: Any = None) -> Hessian:
    """The Hessian of a landscape's mean loss at a point; default: the point of interest."""
    return Hessian(field.local(point))


def ggn(field: Field, point: Any = None) -> GaussNewton:
    """The generalised Gauss-Newton matrix of a landscape's mean loss at a point; default: the point of interest."""
    return GaussNewton(field.local(point))


def fisher(field: Field, point: Any = None, *, draws: int = 0) -> Fisher:
    """The Fisher matrix: empirical, from the data's targets, or from ``draws`` targets per unit drawn from the network.

    Raises:
        InputError: if ``draws`` is above 0 and the loss defines no distribution to draw from.
    """
    if draws < 0:
        raise InputError(f"draws is {draws}; expected 0 (the data's own targets) or more")
    return Fisher(field.local(point), draws)
