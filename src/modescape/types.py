"""The few types that everything speaks."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from torch import Tensor

Params: TypeAlias = "dict[str, Tensor]"
"""Tensors by their ``state_dict`` names; stacked members share one leading axis."""

Inputs: TypeAlias = "Tensor | tuple[Tensor, ...] | dict[str, Tensor]"
"""Examples: tensors with one leading axis; see `modescape.batches`."""

Forward: TypeAlias = "Callable[[Params, Tensor], Tensor]"
"""(params, images [example, channel, height, width]) -> logits [example, class]."""


class ModelState(NamedTuple):
    """Everything that fixes a network's function: what is trained and what is only tracked."""

    params: Params  # trained tensors
    buffers: Params  # running statistics and other buffers
