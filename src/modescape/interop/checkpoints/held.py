"""The content of a file of weights, of any format."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from modescape.errors import InputError
from modescape.plain import MOST_NAME, shown
from modescape.types import Params

FORMATS = ("auto", "torch", "lightning", "safetensors", "keras")
MOST = 1 << 38  # bytes of a file
MOST_TENSORS = 100_000
MOST_AXES = 16


@dataclass(frozen=True)
class Layer:
    """A layer of a Keras file that has weights."""

    name: str
    arrays: Mapping[str, np.ndarray]  # "kernel", "bias", "gamma", ... -> in Keras' layout
    settings: Mapping[str, Any] = field(default_factory=dict[str, Any])  # of the layer, where the file has them
    added: bool | None = None  # whether a sum takes what it gives, as of a projection; None: the file does not say


@dataclass(frozen=True)
class Held:
    """The weights of one checkpoint."""

    path: Path
    tensors: Params  # by the names of the file
    notes: tuple[str, ...] = ()  # sentences: what was taken of it
    epoch: int | None = None  # that the file itself names
    layers: Sequence[Layer] = ()  # of a Keras file, in the order of the network; ``tensors`` are empty then
    others: Mapping[str, Params] = field(default_factory=dict[str, Params])  # copies beside it, such as "ema"


def checked(path: Path, tensors: Mapping[str, Any], size: int) -> Params:
    """Check that tensors are plain and not larger than their file.

    Args:
        path: of the file.
        tensors: by name.
        size: bytes of the file.

    Raises:
        InputError: naming the tensor.
    """
    if len(tensors) > MOST_TENSORS:
        raise InputError(f"'{path}' holds {len(tensors):,} tensors, expected at most {MOST_TENSORS:,}")
    total = 0
    for name, tensor in tensors.items():
        if not isinstance(tensor, torch.Tensor):
            raise InputError(f"'{path}': {shown(repr(name), 60)} is of type {type(tensor).__name__}, expected a tensor")
        if len(name) > MOST_NAME or tensor.dim() > MOST_AXES:
            raise InputError(f"'{path}': a tensor has a name of {len(name):,} characters and {tensor.dim()} axes")
        if tensor.layout != torch.strided or tensor.is_quantized or tensor.is_meta:
            raise InputError(
                f"'{path}': '{shown(name, 60)}' is sparse, quantised or empty; save plain tensors, as dense float32"
            )
        total += tensor.numel() * tensor.element_size()
        if tensor.numel() * tensor.element_size() > tensor.untyped_storage().nbytes() or total > 4 * size + (1 << 20):
            raise InputError(
                f"'{path}': '{shown(name, 60)}' declares {list(tensor.shape)} numbers, more than a file of {size:,} "
                "bytes holds; save the tensors themselves (.clone()), not views of others"
            )
    return {name: tensor.detach() for name, tensor in tensors.items()}


def not_finite(tensors: Params) -> str:
    """The name of the first tensor with a number that is not finite; "" where there is none."""
    bad = (name for name, tensor in tensors.items() if tensor.is_floating_point() and not tensor.isfinite().all())
    return next(bad, "")


def natural(text: str) -> list[tuple[int, str]]:
    """Sorts run 2 before run 10."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", text)]
