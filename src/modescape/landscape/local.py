"""A landscape near one point: a sum over batches of a differentiable function, batch-norm statistics frozen."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from modescape import rng
from modescape.errors import InputError
from modescape.landscape.criteria import Criterion
from modescape.landscape.runner import Runner
from modescape.landscape.source import WHOLE, Batch, Pieces, Source
from modescape.types import Params


@dataclass(frozen=True, eq=False)
class Local:
    """The loss as a function of the coordinates alone: (1 / units) sum over batches of `total`.

    Running statistics are those of the point, as numbers: recomputed there where that is the policy, then frozen, so
    that the sum is one over examples. Under the policy "batch" each batch's own statistics depend on the coordinates,
    and have derivatives.

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
        """Whether every pass goes through the same batches in the same order."""
        return self.source.resident

    def batches(self) -> Iterator[Batch]:
        """One pass over the data, in pieces."""
        return (piece for batch in self.source for piece in self.pieces.of(batch))

    def output(self, params: Params, batch: Batch) -> Tensor:
        """What the network says of a batch, differentiable by ``params`` as often as torch's operations are."""
        return self.runner.differentiable(params, self.held, batch.inputs)

    def total(self, output: Tensor, batch: Batch) -> Tensor:
        """The sum of the batch's losses, a number."""
        return self.criterion.total(output, batch.target, batch.examples)

    def each(self, output: Tensor, batch: Batch) -> Tensor:
        """The loss of every unit, [unit]."""
        return self.criterion.each(output, batch.target)

    def units(self, output: Tensor, batch: Batch) -> float:
        """Over how many units of the batch the loss is a mean."""
        return self.criterion.count(output, batch.target, batch.examples)

    def sampled(self, output: Tensor, batch: Batch, number: int, draw: int) -> Batch:
        """The batch with targets drawn from what the network says, from the stream of the batch and draw.

        Raises:
            InputError: if the loss is no log-probability that could be drawn from.
        """
        if self.criterion.sample is None:
            raise InputError(
                f"the loss '{self.criterion.name}' has no distribution to draw targets from; the sampled Fisher matrix "
                "takes cross_entropy, binary_cross_entropy or mse"
            )
        generator = rng.stream(self.seed, "fisher targets", number, draw)
        return Batch(batch.inputs, self.criterion.sample(output, batch.target, generator), batch.examples)

    def value_and_gradient(self) -> tuple[float, Params]:
        """The loss and its gradient by the coordinates, summed batch by batch."""
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
