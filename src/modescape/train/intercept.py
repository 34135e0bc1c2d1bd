"""What a network calls by itself, led to its member's operations."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

import torch
import torch.nn.functional as functional
from torch import Tensor
from torch.overrides import TorchFunctionMode

from modescape.kernels.geometry import Geometry
from modescape.train.member_ops import MemberOps

_WHOLE_CHANNELS = {
    functional.dropout: False,
    torch.dropout: False,
    torch.dropout_: False,
    functional.dropout1d: True,
    functional.dropout2d: True,
    functional.dropout3d: True,
    torch.feature_dropout: True,
}
"""Calls of dropout -> whether they drop whole channels."""


class Intercept(TorchFunctionMode):
    """Within this block calls of dropout, convolutions, dense layers and batch normalisation go to ``ops``."""

    def __init__(self, ops: MemberOps) -> None:
        super().__init__()
        self.ops = ops
        self.dropout_calls = 0
        self._handlers = {
            torch.conv2d: self._convolution,
            functional.linear: self._linear,
            functional.batch_norm: self._batch_norm,
        }

    def __enter__(self) -> Self:
        self.ops.__enter__()
        return super().__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        super().__exit__(kind, error, trace)
        self.ops.__exit__(kind, error, trace)

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func in _WHOLE_CHANNELS:
            self.dropout_calls += 1
            return self._dropout(_WHOLE_CHANNELS[func], *args, **kwargs)
        handler = self._handlers.get(func)
        return func(*args, **kwargs) if handler is None else handler(*args, **kwargs)

    def _dropout(
        self,
        whole_channels: bool,
        input: Tensor,
        p: float = 0.5,
        training: bool = True,
        inplace: bool = False,
        *,
        train: bool | None = None,
    ) -> Tensor:
        if not (training if train is None else train):
            return input
        return self.ops.dropout(input, p, whole_channels)

    def _convolution(
        self,
        input: Tensor,
        weight: Tensor,
        bias: Tensor | None = None,
        stride: int | Sequence[int] = 1,
        padding: int | Sequence[int] | str = 0,
        dilation: int | Sequence[int] = 1,
        groups: int = 1,
    ) -> Tensor:
        if input.dim() != 4 or not self.ops.convolves(input):
            return torch.conv2d(input, weight, bias, stride, padding, dilation, groups)  # type: ignore[arg-type]
        if isinstance(padding, str):
            input, padding = _padded(input, weight, padding, dilation), 0
        return self.ops.convolution(input, weight, bias, Geometry.of(stride, padding, dilation, groups))

    def _linear(self, input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        return self.ops.linear(input, weight, bias)

    def _batch_norm(
        self,
        input: Tensor,
        running_mean: Tensor | None,
        running_var: Tensor | None,
        weight: Tensor | None = None,
        bias: Tensor | None = None,
        training: bool = False,
        momentum: float = 0.1,
        eps: float = 1e-5,
    ) -> Tensor:
        one_value = input.numel() == input.shape[1]  # torch refuses that
        if not self.ops.stacked or not training or input.dim() != 4 or one_value:
            return functional.batch_norm(input, running_mean, running_var, weight, bias, training, momentum, eps)
        return self.ops.batch_norm(input, running_mean, running_var, weight, bias, momentum, eps)


def _padded(input: Tensor, weight: Tensor, padding: str, dilation: int | Sequence[int]) -> Tensor:
    """Images with the zeros that "same" asks for (an odd one below and on the right); "valid" asks for none."""
    if padding == "valid":
        return input
    sides: list[int] = []
    for taps, spread in zip(weight.shape[:-3:-1], Geometry.of(1, 0, dilation, 1).dilation[::-1], strict=True):
        total = spread * (taps - 1)
        sides += [total // 2, total - total // 2]
    return functional.pad(input, sides)
