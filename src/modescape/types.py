"""The few types that all packages share."""

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
    """Everything that determines a network's function: trained parameters and tracked buffers."""

    params: Params  # trained tensors
    buffers: Params  # running statistics and other buffers
