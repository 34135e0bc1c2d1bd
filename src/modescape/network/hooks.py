"""Whether anything listens to a layer, which must then be called: a hook may change what goes in or comes out."""

from __future__ import annotations

from torch import nn


def listened(layer: nn.Module) -> bool:
    """Whether a layer has hooks of its forward or backward pass."""
    hooks = (layer._forward_hooks, layer._forward_pre_hooks, layer._backward_hooks, layer._backward_pre_hooks)
    return any(map(bool, hooks))
