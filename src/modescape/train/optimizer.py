"""Optimisers of stacked members: torch's own, which work element by element and so never mix members."""

from __future__ import annotations

import torch
from torch import Tensor

from modescape import recipe
from modescape.types import Params


def make_optimizer(train: recipe.Train, params: Params) -> torch.optim.Optimizer:
    """Adam or SGD over stacked params [member, ...], with coupled weight decay on all tensors or on kernels only."""
    decayed = [tensor for tensor in params.values() if train.decay == "all" or tensor.dim() > 2]
    rest = [tensor for tensor in params.values() if train.decay == "kernels" and tensor.dim() <= 2]
    groups = [
        {"params": tensors, "weight_decay": decay}
        for tensors, decay in ((decayed, train.weight_decay), (rest, 0.0))
        if tensors
    ]
    if train.optimizer == "adam":
        return torch.optim.Adam(groups, lr=train.learning_rate, eps=train.epsilon, fused=True)
    return torch.optim.SGD(groups, lr=train.learning_rate, momentum=train.momentum, fused=True)


def optimizer_tensors(optimizer: torch.optim.Optimizer, params: Params, member: int) -> dict[str, Tensor]:
    """One member's optimiser state as named tensors: "exp_avg/conv.weight", ...; the inverse of `restore`."""
    tensors: dict[str, Tensor] = {}
    for name, param in params.items():
        for kind, value in optimizer.state.get(param, {}).items():
            if isinstance(value, Tensor):
                tensors[f"{kind}/{name}"] = value[member] if value.shape == param.shape else value
    return tensors


def restore(optimizer: torch.optim.Optimizer, params: Params, members: list[dict[str, Tensor]]) -> None:
    """Put back what `optimizer_tensors` gave, one dictionary a stacked member."""
    for name, param in params.items():
        state: dict[str, Tensor] = {}
        for entry, tensor in members[0].items():
            kind, _, owner = entry.partition("/")
            if owner != name:
                continue
            per_member = tensor.shape == param.shape[1:] and kind != "step"
            joined = torch.stack([tensors[entry] for tensors in members]) if per_member else tensor.clone()
            state[kind] = joined.to(param.device)
        if state:
            optimizer.state[param] = state
