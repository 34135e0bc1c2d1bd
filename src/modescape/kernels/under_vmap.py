"""Operations on stacked members, as ``vmap`` calls them from inside a network written for one."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

from torch import Tensor
from torch.autograd import Function
from torch.func import vmap


def vmapped(function: Callable[..., Any], *arguments: Any) -> Any:
    """Call a function under `torch.vmap`, without its warnings about slow operations."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="There is a performance drop")
        return vmap(function)(*arguments)


def under_vmap(operation: Callable[..., Tensor], tensors: int) -> Callable[..., Tensor]:
    """Wrap an operation so that, under `torch.vmap`, it runs on all members at once.

    Args:
        operation: its first ``tensors`` arguments are tensors with a leading member axis, or None.
        tensors: how many; a tensor that all members share is expanded.
    """

    class UnderVmap(Function):
        @staticmethod
        def forward(*arguments: Any) -> Tensor:  # type: ignore[override]
            raise RuntimeError("only under vmap")

        @staticmethod
        def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
            raise RuntimeError("only under vmap")

        @staticmethod
        def vmap(info: Any, in_dims: tuple[int | None, ...], *arguments: Any) -> tuple[Tensor, int]:
            members = info.batch_size
            front = [
                tensor if tensor is None else _stacked(tensor, dim, members)
                for tensor, dim in zip(arguments[:tensors], in_dims, strict=False)
            ]
            return operation(*front, *arguments[tensors:]), 0

    return UnderVmap.apply  # type: ignore[return-value]


def _stacked(tensor: Tensor, dim: int | None, members: int) -> Tensor:
    return tensor.expand(members, *tensor.shape) if dim is None else tensor.movedim(dim, 0)
