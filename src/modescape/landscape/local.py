"""A landscape near one point: a sum over batches of a differentiable function, batch-norm statistics frozen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from modescape import rng, tree
from modescape.errors import InputError
from modescape.kernels.under_vmap import vmapped
from modescape.landscape.criteria import Criterion
from modescape.landscape.runner import Runner
from modescape.landscape.source import WHOLE, Batch, Pieces, Source
from modescape.types import Params


@dataclass(frozen=True, eq=False)
class Local:
    """The loss as a differentiable function of the coordinates alone: (1 / units) sum over batches of `total`.

    Running statistics are constants: recomputed at the point if that is the policy, then frozen, so that the loss is a
    sum over examples. Under the policy "batch" each batch's own statistics depend on the coordinates and are
    differentiated.

    Attributes:
        params: the point, [*] each.
        held: all other tensors of the network.
    """

    params: Params
    held: Params
    runner: Runner
    criterion: Criterion
    source: Source
    pieces: Pieces = WHOLE
    seed: int = 0

    @property
    def resident(self) -> bool:
        """Whether every pass goes over the same batches."""
        return self.source.resident

    def batches(self) -> Iterator[Batch]:
        """One pass over the data, in pieces."""
        return (piece for batch in self.source for piece in self.pieces.of(batch))

    def output(self, params: Params, batch: Batch) -> Tensor:
        """The network's output on a batch, differentiable with respect to ``params`` as often as torch allows."""
        return self.runner.differentiable(params, self.held, batch.inputs)

    def total(self, output: Tensor, batch: Batch) -> Tensor:
        """The sum of the batch's losses, a scalar tensor."""
        return self.criterion.total(output, batch.target, batch.examples)

    def each(self, output: Tensor, batch: Batch) -> Tensor:
        """The loss of every unit, [unit]."""
        return self.criterion.each(output, batch.target)

    def units(self, output: Tensor, batch: Batch) -> float:
        """The number of units of the batch over which the loss is averaged."""
        return self.criterion.count(output, batch.target, batch.examples)

    def sampled(self, output: Tensor, batch: Batch, number: int, draw: int) -> Batch:
        """The batch with targets drawn from the network's predictive distribution, by the stream of batch and draw.

        Raises:
            InputError: if the loss is not the negative log-density of a distribution.
        """
        if self.criterion.sample is None:
            raise InputError(
                f"the loss '{self.criterion.name}' has no distribution to draw targets from; the sampled Fisher matrix "
                "takes cross_entropy, binary_cross_entropy or mse"
            )
        generator = rng.stream(self.seed, "fisher targets", number, draw)
        return Batch(batch.inputs, self.criterion.sample(output, batch.target, generator), batch.examples)

    def value_and_gradient(self) -> tuple[float, Params]:
        """The loss and its gradient, summed batch by batch."""
        leaves = {name: tensor.detach().requires_grad_() for name, tensor in self.params.items()}
        sums = {name: torch.zeros_like(tensor) for name, tensor in self.params.items()}
        value, units = 0.0, 0.0
        for batch in self.batches():
            output = self.output(leaves, batch)
            total = self.total(output, batch)
            found = torch.autograd.grad(total, list(leaves.values()), materialize_grads=True, allow_unused=True)
            for own, gradient in zip(sums.values(), found, strict=True):
                own += gradient
            value += float(total.detach())
            units += self.units(output, batch)
        return value / max(units, 1.0), {name: tensor / max(units, 1.0) for name, tensor in sums.items()}

    def beside(self, others: Sequence[Local]) -> Several:
        """This point and others of the same landscape, as one function of all coordinates."""
        together = [self, *others]
        return Several(self, tree.stack([one.params for one in together]), tree.stack([one.held for one in together]))


@dataclass(frozen=True, eq=False)
class Several:
    """The sum of the losses near several points: a `Local` whose tensors are stacked, [point, ...].

    No point's loss depends on another's coordinates, so the Hessian of the sum is block diagonal: one pass over the
    data multiplies each point's Hessian with its own vector.

    Attributes:
        first: the first point.
        params: of all points, stacked.
        held: the other tensors, stacked.
    """

    first: Local
    params: Params
    held: Params

    @property
    def resident(self) -> bool:
        """Whether every pass is over the same batches."""
        return self.first.resident

    def batches(self) -> Iterator[Batch]:
        """One pass over the data, in pieces."""
        return self.first.batches()

    def output(self, params: Params, batch: Batch) -> Any:
        """The networks' outputs on a batch, [point, ...]."""
        return vmapped(lambda own, held: replace(self.first, held=held).output(own, batch), params, self.held)

    def total(self, output: Any, batch: Batch) -> Tensor:
        """The sum of the batch's losses at all points, a scalar tensor."""
        return vmapped(lambda own: self.first.total(own, batch), output).sum()

    def each(self, output: Tensor, batch: Batch | _Drawn) -> Tensor:
        """The loss of every unit at every point, [point x unit]."""
        if isinstance(batch, _Drawn):
            pairs = zip(output, batch.batches, strict=True)
            return torch.cat([self.first.each(said, own) for said, own in pairs])
        return vmapped(lambda own: self.first.each(own, batch), output).flatten()

    def units(self, output: Any, batch: Batch) -> float:
        """The number of units of the batch over which the loss of one point is averaged."""
        return self.first.units(output[0] if isinstance(output, Tensor) else output, batch)

    def sampled(self, output: Tensor, batch: Batch, number: int, draw: int) -> _Drawn:
        """The batch once per point, with targets drawn from that network's predictive distribution."""
        return _Drawn(tuple(self.first.sampled(own, batch, number, draw) for own in output))


@dataclass(frozen=True)
class _Drawn:
    """A batch for each point."""

    batches: tuple[Batch, ...]
