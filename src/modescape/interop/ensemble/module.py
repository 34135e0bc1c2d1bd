"""An ensemble as one module: unprepared examples in, the ensemble's outputs out."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, fx, nn

from modescape import batches
from modescape.data.inputs.base import Prepare
from modescape.interop.ensemble.answers import ClassAnswers, NumberAnswers
from modescape.interop.ensemble.rules import NotStackableError
from modescape.interop.ensemble.stacking import holding, stacked, traced
from modescape.models import call_with
from modescape.network.plain import Plain
from modescape.tasks import Task
from modescape.types import Inputs, ModelState

IN_CACHE = 1 << 23  # bytes of the largest layer output that stays in a CPU's cache
TRIED = 3  # examples of the batch that a network is traced with


class OneByOne(nn.Module):
    """Members one after another, of a network that cannot be stacked."""

    def __init__(self, network: nn.Module, tensors: Mapping[str, Tensor], named: tuple[str, ...] | None) -> None:
        super().__init__()
        self.tensors, self.names, self.named = holding(tensors), tuple(tensors), named
        self.members = len(next(iter(tensors.values())))
        self._network = [network]  # not a part of this module: its own weights are not used

    def forward(self, *leaves: Tensor) -> Tensor:
        """Prepared leaves [example, ...] -> [member, example, width]."""
        held = dict(self.tensors.named_buffers())
        inputs = as_tree(leaves, self.named)
        return torch.stack(
            [
                call_with(self._network[0], {name: held[name][member] for name in self.names}, inputs)
                for member in range(self.members)
            ]
        )


class EnsembleModule(nn.Module):
    """Networks of one architecture as one module that returns the ensemble's outputs.

    ``forward`` takes the leaves of a batch by position, as in the data (images uint8 [example, channel, height, width];
    tables: numbers float64 and codes int64, [example, column]; tokens int64 [example, position]), with any number of
    examples, and returns outputs by name (`modescape.interop.ensemble.answers.UNITS`).

    Args:
        network: the architecture; its own weights are not used.
        state: params and buffers of all members, [member, ...].
        preparation: from examples to the network's inputs.
        example: leaves of a few examples, as in the data.
        task: the meaning of the network's output.
        answers: from the members' predictions to the ensemble's outputs.
    """

    def __init__(
        self,
        network: nn.Module,
        state: ModelState,
        preparation: Prepare,
        example: Inputs,
        task: Task,
        answers: ClassAnswers | NumberAnswers,
    ) -> None:
        super().__init__()
        self.answers, self.task, self.preparation = answers, task, preparation
        self.named = tuple(example) if isinstance(example, dict) else None  # how leaves are called in the data
        self.dtype = next((one.dtype for one in state.params.values() if one.is_floating_point()), torch.float32)
        prepared = preparation(example, dtype=self.dtype)
        names = tuple(prepared) if isinstance(prepared, dict) else None
        tensors = {name: tensor.detach() for name, tensor in (state.params | state.buffers).items()}
        self.size = len(next(iter(tensors.values())))
        plain, leaves = Plain.of(network).module, tuple(batches.leaves(prepared))
        each = OneByOne(plain, tensors, names)
        self.why_not, self.rows = "", 0  # an operation that cannot be stacked; examples at a time on a CPU
        self.members: nn.Module = each
        try:
            graph = traced(plain, leaves, names)
            together = stacked(graph, tensors, self.size)
            self.rows = _rows(graph, self.size)
            if _agree(together, each, leaves):
                self.members = together
            else:
                self.why_not = "the whole network, whose outputs change when stacked"
        except NotStackableError as error:
            self.why_not = str(error)
        self.eval()

    def forward(self, *leaves: Tensor) -> dict[str, Tensor]:
        """The ensemble's outputs, by name."""
        count = leaves[0].shape[0]
        if torch.compiler.is_exporting() or leaves[0].device.type != "cpu" or not 0 < self.rows < count:
            return self._answered(*leaves)
        parts = [self._answered(*part) for part in zip(*(leaf.split(self.rows) for leaf in leaves), strict=True)]
        return {name: torch.cat([part[name] for part in parts]) for name in parts[0]}

    def predictive(self, *leaves: Tensor) -> Tensor:
        """Each member's predictions, [member, example, width], before calibration."""
        prepared = self.preparation(as_tree(leaves, self.named), dtype=self.dtype)
        return self.task.predictive(self.members(*batches.leaves(prepared)))

    def _answered(self, *leaves: Tensor) -> dict[str, Tensor]:
        return self.answers(self.predictive(*leaves))


def as_tree(leaves: tuple[Tensor, ...], named: tuple[str, ...] | None) -> Inputs:
    """Leaves as a split or a network has them."""
    if named is not None:
        return dict(zip(named, leaves, strict=True))
    return leaves[0] if len(leaves) == 1 else leaves


def _agree(together: nn.Module, each: nn.Module, leaves: tuple[Tensor, ...]) -> bool:
    """Whether stacked and single members give the same outputs."""
    with torch.no_grad():
        found, expected = (module(*(leaf.clone() for leaf in leaves)) for module in (together, each))
    return found.shape == expected.shape and torch.allclose(found, expected, rtol=1e-3, atol=1e-4)


def _rows(graph: fx.GraphModule, members: int) -> int:
    """Examples at a time on a CPU, so that a layer's outputs are still in cache when the next one reads them."""
    largest = 1
    for node in graph.graph.nodes:
        found: Any = node.meta.get("val")
        if node.op == "call_function" and isinstance(found, Tensor):
            own = [size for size in found.shape if isinstance(size, int)]
            largest = max(largest, math.prod(own) * found.element_size())
    return max(1, IN_CACHE // (largest * members))
