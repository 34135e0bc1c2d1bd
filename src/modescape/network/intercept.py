"""Redirects functions that a network calls itself to its member's operations.

Functions that torch composes in C++ and that drop something on the way (recurrent layers with dropout), and random
operations other than dropout, are not redirected: the trial finds that they draw from the global generator.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import FunctionType, TracebackType
from typing import Any, NamedTuple, Self

import torch
import torch.nn.functional as functional
from torch import Tensor
from torch.overrides import TorchFunctionMode

from modescape.kernels.geometry import Geometry
from modescape.network.member_ops import MemberOps, intercepting


class _Dropping(NamedTuple):
    """Variant of a dropout function of torch."""

    whole_channels: bool = False
    without_batch: int = -1  # number of dimensions at which an input is one example without a batch
    in_place: bool = False


_DROPOUTS: dict[Any, _Dropping] = {
    functional.dropout: _Dropping(),
    torch.dropout: _Dropping(),
    torch.dropout_: _Dropping(in_place=True),
    functional.dropout1d: _Dropping(whole_channels=True, without_batch=2),
    functional.dropout2d: _Dropping(whole_channels=True),  # three dimensions mean [example, channel, length]
    functional.dropout3d: _Dropping(whole_channels=True, without_batch=4),
    torch.feature_dropout: _Dropping(whole_channels=True),
    torch.feature_dropout_: _Dropping(whole_channels=True, in_place=True),
}
"""Calls of dropout; those of other distributions (alpha dropout, ...) draw from the global generator."""


def drop(ops: MemberOps, function: Any, input: Tensor, p: float, inplace: bool = False) -> Tensor:
    """One of torch's dropout functions in training, with the member's masks."""
    whole_channels, without_batch, in_place = _DROPOUTS[function]
    if input.dim() == without_batch:
        return ops.dropout(input[None], p, whole_channels, in_place or inplace)[0]
    return ops.dropout(input, p, whole_channels, in_place or inplace)


def _within(function: Any) -> Any:
    """One of torch's composed functions, unchanged, except that calls within it can be redirected."""
    asks = ("has_torch_function", "has_torch_function_unary")
    names = function.__globals__ | dict.fromkeys(asks, lambda tensors: False)
    body = FunctionType(function.__code__, names, function.__name__, function.__defaults__)
    body.__kwdefaults__ = function.__kwdefaults__
    return body


_COMPOSED = {
    function: _within(function)
    for function in (
        functional.multi_head_attention_forward,
        Tensor.backward,  # recomputes checkpointed blocks
        torch.autograd.backward,
        torch.autograd.grad,
    )
}
"""Functions whose inner calls are redirected too; torch would disable the mode while they run."""


class Intercept(TorchFunctionMode):
    """Within this block calls of dropout, attention, convolutions, linear layers and batch norm go to ``ops``."""

    def __init__(self, ops: MemberOps) -> None:
        super().__init__()
        self.ops = ops
        self.dropout_calls = 0
        self._handlers = {
            torch.conv2d: self._convolution,
            functional.linear: self._linear,
            functional.batch_norm: self._batch_norm,
            functional.group_norm: self._group_norm,
            functional.scaled_dot_product_attention: self._attention,
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
        if func is intercepting:
            return self.ops
        if func in _DROPOUTS:
            return self._dropout(func, *args, **kwargs)
        if func in _COMPOSED:
            return self._within(_COMPOSED[func], args, kwargs)
        handler = self._handlers.get(func)
        return func(*args, **kwargs) if handler is None else handler(*args, **kwargs)

    def _dropout(
        self,
        function: Any,
        input: Tensor,
        p: float = 0.5,
        training: bool = True,
        inplace: bool = False,
        *,
        train: bool | None = None,
    ) -> Tensor:
        self.dropout_calls += 1
        if not (training if train is None else train):
            return input
        return drop(self.ops, function, input, p, inplace)

    def _attention(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        attn_mask: Tensor | None = None,
        dropout_p: float = 0.0,
        is_causal: bool = False,
        *,
        scale: float | None = None,
        enable_gqa: bool = False,
    ) -> Tensor:
        if not dropout_p or (is_causal and attn_mask is not None):  # torch refuses the latter
            settings = {"scale": scale, "enable_gqa": enable_gqa}
            return functional.scaled_dot_product_attention(
                query, key, value, attn_mask, dropout_p, is_causal, **settings
            )
        self.dropout_calls += 1
        if is_causal:
            attn_mask = query.new_ones(query.shape[-2], key.shape[-2], dtype=torch.bool).tril()
        if enable_gqa:  # several heads of queries share one of keys and values
            key = key.repeat_interleave(query.shape[-3] // key.shape[-3], -3)
            value = value.repeat_interleave(query.shape[-3] // value.shape[-3], -3)
        return self.ops.attention(query, key, value, attn_mask, dropout_p, scale)

    def _within(self, body: Any, args: Any, kwargs: Any) -> Any:
        TorchFunctionMode.__enter__(self)
        try:
            return body(*args, **kwargs)
        finally:
            TorchFunctionMode.__exit__(self, None, None, None)

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

    def _group_norm(self, input: Tensor, *settings: Any, **named: Any) -> Tensor:
        """Group norm on contiguous memory: torch's function fails on channels last under `vmap`."""
        return functional.group_norm(input.contiguous() if self.ops.stacked else input, *settings, **named)


def _padded(input: Tensor, weight: Tensor, padding: str, dilation: int | Sequence[int]) -> Tensor:
    """Images padded with zeros for "same" (an odd one below and on the right); unchanged for "valid"."""
    if padding == "valid":
        return input
    sides: list[int] = []
    for taps, spread in zip(weight.shape[:-3:-1], Geometry.of(1, 0, dilation, 1).dilation[::-1], strict=True):
        total = spread * (taps - 1)
        sides += [total // 2, total - total // 2]
    return functional.pad(input, sides)
