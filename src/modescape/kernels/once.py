"""Operations with first derivatives only, in backward mode: anything more raises instead of returning a silent 0."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function

from modescape.errors import InputError

WHAT_TO_DO = "take the network's plain form, Network.plain() or modescape.network.plain.Plain.of(module)"


class Once(Function):
    """An operation whose ``backward`` is `differentiable_once`; without forward mode and `torch.func`.

    Raises:
        InputError: if a further derivative, forward mode or `torch.func` is used.
    """

    @classmethod
    def apply(cls, *args: Any, **kwargs: Any) -> Any:
        """`Function.apply`."""
        try:
            return super().apply(*args, **kwargs)
        except RuntimeError as error:
            if "setup_context" not in str(error):  # what torch says of operations that its transforms do not take
                raise
            raise InputError(f"transforms of torch.func do not take a network's fused layers; {WHAT_TO_DO}") from error

    @staticmethod
    def jvp(ctx: Any, *tangents: Any) -> Any:
        """Forward mode, which is refused."""
        raise InputError(f"a network's fused layers have no derivatives in forward mode; {WHAT_TO_DO}")


def differentiable_once(backward: Callable[..., tuple[Tensor | None, ...]]) -> Callable[..., tuple[Tensor | None, ...]]:
    """Make a ``backward`` whose results raise when they are differentiated.

    They depend on the incoming gradients, and on the inputs that the forward pass gave to ``ctx.save_for_backward``.
    Torch's own `once_differentiable` covers the gradients only, and leaves a silent 0 where they are constant.

    Raises:
        InputError: in the second backward pass.
    """

    @functools.wraps(backward)
    def wrapped(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        if not torch.is_grad_enabled():  # no graph of the gradients is needed
            return backward(ctx, *grads)
        with torch.no_grad():
            gradients = backward(ctx, *grads)
        sources = [tensor for tensor in (*grads, *ctx.saved_tensors) if tensor is not None and tensor.requires_grad]
        return tuple(None if gradient is None else _Refusing.apply(gradient, *sources) for gradient in gradients)  # type: ignore[misc]

    return wrapped


class _Refusing(Function):
    """The identity, whose derivative raises."""

    @staticmethod
    def forward(ctx: Any, gradient: Tensor, *sources: Tensor) -> Tensor:  # type: ignore[override]
        return gradient.view_as(gradient)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        raise InputError(
            "second derivatives of a network's fused layers were asked for, and they have first ones alone; "
            + WHAT_TO_DO
        )
