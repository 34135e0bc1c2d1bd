"""Whether a layer has hooks; it must then be called itself, as a hook may change inputs and outputs."""

from __future__ import annotations

from torch import nn


def listened(layer: nn.Module) -> bool:
    """Whether a layer has hooks of its forward or backward pass."""
    hooks = (layer._forward_hooks, layer._forward_pre_hooks, layer._backward_hooks, layer._backward_pre_hooks)
    return any(map(bool, hooks))
