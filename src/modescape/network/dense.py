"""Members of the built-in MLP, stacked without `vmap`: one batched product per layer.

On a CPU a step of a small network is mostly the overhead of calling operations. Under `vmap` that is three times the
overhead of a single member's step; here it is little more for ten members than for one (BENCHMARKS.md).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeGuard

import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from modescape.models.mlp import ACTIVATIONS, Mlp
from modescape.network.fuse import altered
from modescape.network.hooks import listened
from modescape.network.member_ops import MemberOps
from modescape.types import Inputs

Layer: TypeAlias = "Callable[[Tensor, Mapping[str, Tensor], MemberOps], Tensor]"
"""From activations [member, example, feature], stacked tensors by name, and the members' operations."""


@dataclass(frozen=True)
class Dense:
    """A network that is a row of dense layers, elementwise functions, dropout and layer norms."""

    layers: tuple[Layer, ...]

    def takes(self, inputs: Inputs) -> TypeGuard[Tensor]:
        """Whether these are rows of numbers [member, example, feature] on a CPU: a GPU replays what `vmap` gives."""
        return isinstance(inputs, Tensor) and inputs.dim() == 3 and inputs.device.type == "cpu"

    def __call__(self, tensors: Mapping[str, Tensor], inputs: Tensor, keys: Tensor) -> Tensor:
        """Outputs [member, example, width] of stacked members.

        Args:
            tensors: parameters and buffers [member, ...].
            inputs: [member, example, feature].
            keys: dropout keys, int64 [member].
        """
        ops = MemberOps(keys)
        for layer in self.layers:
            inputs = layer(inputs, tensors, ops)
        return inputs


def dense_of(module: nn.Module) -> Dense | None:
    """The built-in MLP as a sequence of layers; None for another network, or one with embeddings or batch norm.

    None also where it was changed: by hooks, a ``forward`` of an instance, layers without a bias or with a shared one.
    """
    if type(module) is not Mlp or len(module.embeddings):
        return None
    if any(listened(layer) or altered(layer) for layer in module.modules()):
        return None
    named = dict(module.named_parameters())  # one that two layers share is named once
    for name, layer in module.body.named_children():
        if type(layer) in (nn.Linear, nn.LayerNorm) and {f"body.{name}.weight", f"body.{name}.bias"} - set(named):
            return None
    made = [_layer(f"body.{name}", layer) for name, layer in module.body.named_children()]
    layers = tuple(layer for layer in made if layer is not None)
    return Dense(layers) if len(layers) == len(made) else None


def _layer(name: str, layer: Any) -> Layer | None:
    if type(layer) is nn.Linear:
        return lambda x, tensors, ops: _linear(x, tensors[f"{name}.weight"], tensors[f"{name}.bias"])
    if type(layer) is nn.Dropout:
        return lambda x, tensors, ops: ops.dropout(x, layer.p, False) if layer.training else x
    if type(layer) is nn.LayerNorm:
        return lambda x, tensors, ops: _norm(x, tensors[f"{name}.weight"], tensors[f"{name}.bias"], layer.eps)
    return (lambda x, tensors, ops: layer(x)) if type(layer) in ACTIVATIONS.values() else None


def _linear(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    return torch.baddbmm(bias[:, None], x, weight.transpose(1, 2))


def _norm(x: Tensor, weight: Tensor, bias: Tensor, epsilon: float) -> Tensor:
    return functional.layer_norm(x, x.shape[-1:], eps=epsilon) * weight[:, None] + bias[:, None]
