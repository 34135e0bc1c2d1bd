"""The operations of a network in training, as performed for its member.

`nn.Dropout` draws from the global generator in the order of the group, so a member's masks would depend on its
neighbours; a vmapped convolution becomes a grouped one, which is slow. Within a `MemberOps` block the layers prepared
by `modescape.network.fuse` use their member's dropout key and the operations for a single member or for stacked ones;
`modescape.network.intercept` redirects functions that a network calls itself.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextvars import ContextVar, Token
from dataclasses import dataclass
from types import TracebackType
from typing import Literal, NamedTuple, Self, TypeAlias

import torch
import torch.nn.functional as functional
from torch import Tensor
from torch.overrides import handle_torch_function, has_torch_function

from modescape import batches
from modescape.errors import InputError
from modescape.kernels.batch_norm import batch_norm_under_vmap
from modescape.kernels.block import Block, blocks
from modescape.kernels.convolution import Choices, conv2d_under_vmap, stacked_conv2d
from modescape.kernels.dropout import LEVELS, dropout, dropout_under_vmap
from modescape.kernels.forms import Arithmetic
from modescape.kernels.geometry import Geometry
from modescape.kernels.pooling import pool, pool_under_vmap
from modescape.types import Inputs

MemoryFormat: TypeAlias = Literal["channels_last", "contiguous"]


@dataclass(frozen=True)
class ComputePolicy:
    """How products are computed: arithmetic, the form of each convolution, the memory layout of images."""

    arithmetic: Arithmetic = "float32"
    choices: Choices = Choices()
    memory_format: MemoryFormat = "channels_last"  # of images, and of the results of the operations here

    def laid(self, inputs: Inputs) -> Inputs:
        """Inputs in the memory layout of this study, such as images with channels last."""
        return batches.mapped(self._laid, inputs)

    def _laid(self, images: Tensor) -> Tensor:
        if images.dim() != 4:
            return images.clone() if self.memory_format == "contiguous" else images.contiguous()
        if self.memory_format == "contiguous":  # a copy: with one channel both are one to torch, and a `view` may fail
            return images.clone(memory_format=torch.contiguous_format)
        return images.contiguous(memory_format=torch.channels_last)  # convolutions on a CPU are twice as fast


class BlockLayers(NamedTuple):
    """Settings of a block of layers."""

    weight: Tensor
    bias: Tensor | None
    padding: int  # zeros around the image, pixels
    p: float  # of dropout
    size: int  # of the pooling's windows, pixels
    ceil: bool
    relu: bool


class MemberOps:
    """Context in which a network's layers are those of one member, or of stacked members.

    Args:
        key: dropout key of this step, int64, []; under ``vmap`` one per member.
        stacked: the network runs under ``vmap``.
        policy: how products are computed.
        recomputes: parts of the network run again in the backward pass, which is inside the block. A dropout call is
            then identified not by its number but by a key drawn from the global generator: seeded by ``key``, it gives
            the same masks each time, and `torch.utils.checkpoint` restores it before recomputing.
    """

    def __init__(
        self, key: Tensor, *, stacked: bool = False, policy: ComputePolicy = ComputePolicy(), recomputes: bool = False
    ) -> None:
        self.key, self.stacked, self.policy, self.recomputes = key, stacked, policy, recomputes
        self.calls = 0  # dropout calls with p > 0
        self.in_backward = False  # whether the backward pass has begun; set by the caller
        self.calls_in_backward = 0  # of any operation
        self._drawn: set[int] = set()
        self._tokens: list[Token[MemberOps | None]] = []  # one for each time that the block is open

    def __enter__(self) -> Self:
        self._tokens.append(_innermost.set(self))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _innermost.reset(self._tokens.pop())

    def dropout(self, x: Tensor, p: float, whole_channels: bool, in_place: bool = False) -> Tensor:
        """The next dropout call of the forward pass."""
        key, call, levels = self._next(p)
        if key is None:
            return x
        dropped = self._laid((dropout_under_vmap if self.stacked else dropout)(x, key, call, levels, whole_channels))
        return x.copy_(dropped) if in_place else dropped

    def attention(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        mask: Tensor | None,
        p: float,
        scale: float | None,
    ) -> Tensor:
        """Attention whose weights are dropped, softmax(scale query key^T + mask) value.

        Args:
            query: [..., target, feature].
            key: [..., source, feature].
            value: [..., source, value].
            mask: added to the scores, or booleans (True: attended to), broadcast to [..., target, source].
            p: of dropout.
            scale: of the products; default 1 / sqrt(feature).
        """
        scores = (query * (query.shape[-1] ** -0.5 if scale is None else scale)) @ key.transpose(-2, -1)
        if mask is None:
            weights = scores.softmax(-1)
        else:
            scores = scores.masked_fill(~mask, -math.inf) if mask.dtype == torch.bool else scores + mask
            nobody = (scores == -math.inf).all(-1, keepdim=True)  # attended to: weights of 0, as in torch
            weights = scores.masked_fill(nobody, 0.0).softmax(-1).masked_fill(nobody, 0.0)
        rows = weights.reshape(-1, *weights.shape[-2:])  # four dimensions would be laid out channels last
        return self.dropout(rows, p, False).view(weights.shape) @ value

    def pool(self, x: Tensor, p: float, size: int, ceil: bool, relu: bool) -> Tensor:
        """Dropout, pooling and ReLU; the next dropout call where p is not 0."""
        return self._laid((pool_under_vmap if self.stacked else pool)(x, *self._next(p), size, ceil, relu))

    def blocks(self, x: Tensor, chain: Sequence[BlockLayers]) -> Tensor:
        """Blocks of convolution, dropout, pooling and ReLU; one dropout call each if p is not 0."""
        if self.convolves(x):
            for one in chain:
                convolved = self.convolution(x, one.weight, one.bias, Geometry.of(1, one.padding, 1, 1))
                x = self.pool(convolved, one.p, one.size, one.ceil, one.relu)
            return x
        for part in [[one] for one in chain] if self.recomputes else [chain]:  # a call of the kernel has one key
            draws = [self._next(one.p) for one in part]
            key = next((key for key, _, _ in draws if key is not None), None)
            ready = [
                Block(one.weight, one.bias, one.padding, call, levels, *one[4:])
                for one, (_, call, levels) in zip(part, draws, strict=True)
            ]
            x = self._laid(blocks(x, ready, key))
        return x

    def convolves(self, x: Inputs) -> bool:
        """Whether convolutions are computed here: for a single member in float32 on a CPU, torch's own are used."""
        return self.stacked or self.policy.arithmetic == "bf16" or batches.device_of(x).type == "cuda"

    def convolution(self, x: Tensor, weight: Tensor, bias: Tensor | None, geometry: Geometry) -> Tensor:
        """A convolution under the study's policy."""
        self._note()
        settings = (geometry, self.policy.arithmetic, self.policy.choices)
        if self.stacked:
            return self._laid(conv2d_under_vmap(x, weight, bias, *settings))
        return self._laid(stacked_conv2d(x[None], weight[None], None if bias is None else bias[None], *settings)[0])

    def linear(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """A linear layer in the study's arithmetic."""
        self._note()
        if self.policy.arithmetic != "bf16":
            return functional.linear(x, weight, bias)
        dtype = torch.bfloat16
        return functional.linear(x.to(dtype), weight.to(dtype), None if bias is None else bias.to(dtype))

    def batch_norm(
        self,
        x: Tensor,
        running_mean: Tensor | None,
        running_variance: Tensor | None,
        weight: Tensor | None,
        bias: Tensor | None,
        momentum: float,
        epsilon: float,
        relu: bool = False,
    ) -> Tensor:
        """Batch normalisation of stacked members in training."""
        settings = (running_mean, running_variance, momentum, epsilon, relu)
        return self._laid(batch_norm_under_vmap(x, weight, bias, *settings))

    def _laid(self, x: Tensor) -> Tensor:
        """An operation's channels-last result in the memory layout that the network needs."""
        if self.policy.memory_format == "channels_last" or x.dim() != 4:
            return x
        return x.clone(memory_format=torch.contiguous_format)

    def _next(self, p: float) -> tuple[Tensor | None, int, int]:
        """Key, number and dropped levels of the next dropout call; calls with p = 0 are not counted."""
        self._note()
        if not 0 <= p <= 1:
            raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")  # torch's words
        levels = round(p * LEVELS)
        if not levels:
            return None, 0, 0
        if self.recomputes:
            return self._draw(), 0, levels
        call, self.calls = self.calls, self.calls + 1
        return self.key, call, levels

    def _draw(self) -> Tensor:
        """The key of a dropout call in a network that recomputes, int64 []."""
        drawn = torch.randint(-(1 << 63), (1 << 63) - 1, (), dtype=torch.int64)
        if not self.in_backward:
            self._drawn.add(int(drawn))
        elif int(drawn) not in self._drawn:
            raise InputError(
                "the network computes a block with dropout again in the backward pass, with other elements dropped; "
                "leave preserve_rng_state=True in torch.utils.checkpoint"
            )
        return drawn.to(self.key.device)

    def _note(self) -> None:
        self.calls_in_backward += self.in_backward


_innermost: ContextVar[MemberOps | None] = ContextVar("modescape_member_ops", default=None)


_NOTHING = (None,)  # no tensors, so that torch only asks its modes


def current() -> MemberOps | None:
    """The innermost open block of this thread.

    On a GPU torch computes gradients, and recomputes checkpointed blocks, in its own threads; it carries function modes
    over to them, so `modescape.network.intercept.Intercept` answers.
    """
    return _innermost.get() or intercepting()


def intercepting() -> MemberOps | None:
    """The operations of the innermost `modescape.network.intercept.Intercept`, which answers this call itself."""
    return handle_torch_function(intercepting, _NOTHING) if has_torch_function(_NOTHING) else None
