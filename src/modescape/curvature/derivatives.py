"""The derivatives behind the operators: gradients, J^T u, J v, and those of a loss with respect to the output."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor

from modescape.types import Params


@dataclass(frozen=True, eq=False)
class Slopes:
    """Derivatives S of the units' losses with respect to the network's output, [unit, output element]."""

    said: Tensor
    losses: Tensor  # [unit], with their graph
    weight: Tensor  # [unit], the weight in `pulled`
    pulled: Tensor  # S^T weight, with its graph

    @classmethod
    def of(cls, each: Callable[[Tensor], Tensor], output: Tensor) -> Slopes:
        """For a function from the output to the losses."""
        said = output.detach().requires_grad_()
        losses = each(said)
        weight = torch.zeros_like(losses, requires_grad=True)
        (pulled,) = torch.autograd.grad(losses, said, weight, create_graph=True)
        return cls(said, losses, weight, pulled)

    def times(self, pushed: Tensor) -> Tensor:
        """S u, [unit]."""
        return torch.autograd.grad(self.pulled, self.weight, pushed, retain_graph=True)[0]

    def transposed(self, weight: Tensor) -> Tensor:
        """S^T w, of the output's shape."""
        return torch.autograd.grad(self.losses, self.said, weight, retain_graph=True)[0]


def gradients(value: Tensor, leaves: Params, *, create_graph: bool = False) -> Params:
    """Derivatives of a scalar with respect to the leaves; 0 for those on which it does not depend."""
    found = torch.autograd.grad(
        value, list(leaves.values()), create_graph=create_graph, allow_unused=True, materialize_grads=True
    )
    return dict(zip(leaves, found, strict=True))


def pulled_back(along: Iterable[tuple[Tensor, Tensor]], leaves: Params) -> Params:
    """J^T u, summed over pairs of an output with its graph and a u; the graphs are kept."""
    pairs = [pair for pair in along if pair[0].requires_grad]
    if not pairs:
        return {name: torch.zeros_like(tensor) for name, tensor in leaves.items()}
    outputs, weights = zip(*pairs, strict=True)
    found = torch.autograd.grad(
        outputs, list(leaves.values()), weights, retain_graph=True, allow_unused=True, materialize_grads=True
    )
    return dict(zip(leaves, found, strict=True))


def pushed_forward(function: Callable[[Params], Tensor], params: Params, vector: Params) -> Tensor:
    """J v of a function of parameters by forward-mode differentiation.

    Where an operation has no forward mode, by differentiating J^T u with respect to u, one backward pass more.
    """
    own = {name: vector[name].to(tensor.dtype) for name, tensor in params.items()}
    _load_forward_mode()
    with contextlib.suppress(RuntimeError):  # includes NotImplementedError; any other fault shows again below
        return torch.func.jvp(function, (params,), (own,))[1].detach()
    leaves = {name: tensor.detach().clone().requires_grad_() for name, tensor in params.items()}
    output = function(leaves)
    weight = torch.zeros_like(output, requires_grad=True)
    back = torch.autograd.grad(
        output, list(leaves.values()), weight, create_graph=True, allow_unused=True, materialize_grads=True
    )
    sums = [(gradient * own[name]).sum() for name, gradient in zip(leaves, back, strict=True) if gradient.requires_grad]
    return torch.autograd.grad(torch.stack(sums).sum(), weight)[0]


@cache
def _load_forward_mode() -> None:
    """Load what torch imports at the first forward-mode derivative, without its warning about torch.jit."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.func.jvp(torch.sin, (torch.zeros(()),), (torch.ones(()),))
