"""Gradients that cannot be differentiated again say so: torch takes what a kernel gives for a constant otherwise."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function

from modescape.errors import InputError


def differentiable_once(backward: Callable[..., tuple[Tensor | None, ...]]) -> Callable[..., tuple[Tensor | None, ...]]:
    """A ``backward`` whose results refuse to be differentiated by what they depend on.

    That is the incoming gradients, and the inputs that the forward pass gave to ``ctx.save_for_backward``: torch walks
    only where what is asked for can be reached. Its own `once_differentiable` knows the gradients alone, and leaves a
    silent 0 where they are constant.

    Raises:
        InputError: in the second backward pass.
    """

    @functools.wraps(backward)
    def wrapped(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        if not torch.is_grad_enabled():  # nobody wants a graph of the gradients
            return backward(ctx, *grads)
        with torch.no_grad():
            slopes = backward(ctx, *grads)
        sources = [tensor for tensor in (*grads, *ctx.saved_tensors) if tensor is not None and tensor.requires_grad]
        return tuple(None if slope is None else _Refusing.apply(slope, *sources) for slope in slopes)  # type: ignore[misc]

    return wrapped


class _Refusing(Function):
    """What it is given; it has no derivative."""

    @staticmethod
    def forward(ctx: Any, slope: Tensor, *sources: Tensor) -> Tensor:  # type: ignore[override]
        return slope.view_as(slope)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        raise InputError(
            "second derivatives of a network's fused layers were asked for, and they have first ones alone; "
            "take its plain form, Network.plain() or modescape.network.plain.Plain.of(module)"
        )
