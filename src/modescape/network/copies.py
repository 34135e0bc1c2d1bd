"""Copies of networks' tensors, as a trial makes and compares them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from safetensors import torch as safetensors
from torch import Tensor

from modescape import tree
from modescape.errors import InputError
from modescape.models.state import differing
from modescape.types import ModelState, Params

SAME = 1e-5  # largest difference that is only rounding, over the largest number, in float32


def stacked(states: Sequence[ModelState]) -> ModelState:
    """Copies [model, ...]."""
    params, buffers = (tree.stack([state[part] for state in states]) for part in (0, 1))
    return ModelState(params, buffers)


def leaves(states: Sequence[ModelState]) -> ModelState:
    """Copies [model, ...] whose parameters require gradients."""
    params, buffers = stacked(states)
    return ModelState({name: tensor.requires_grad_() for name, tensor in params.items()}, buffers)


def through_a_file(state: ModelState, name: str) -> ModelState:
    """The tensors after writing and reading a file of weights."""
    for held, tensor in {**state.params, **state.buffers}.items():
        try:
            safetensors.save({held: tensor.contiguous()})
        except Exception as error:
            raise InputError(
                f"{name}: '{held}' cannot be saved: it is {tensor.dtype}, {tensor.layout}, which files of weights "
                "(safetensors) do not hold; keep it as real numbers of at most 64 bits, dense"
            ) from error
    parts = ({key: tensor.contiguous() for key, tensor in part.items()} for part in state)
    read = (safetensors.load(safetensors.save(part)) for part in parts)
    return ModelState(*({key: tensor.clone() for key, tensor in part.items()} for part in read))


def equal(one: Params, two: Params) -> bool:
    """Whether two networks hold the same values."""
    return not differing(one, two)


def overlapping(one: Mapping[str, Tensor], two: Mapping[str, Tensor]) -> list[tuple[str, str]]:
    """Pairs of tensors with different names, or of two networks, that share memory."""
    places: dict[int, list[tuple[int, int, str]]] = {}
    one, two = (
        {name: tensor for name, tensor in part.items() if tensor.layout == torch.strided} for part in (one, two)
    )
    for name, tensor in two.items():
        start, end = _extent(tensor)
        places.setdefault(tensor.untyped_storage().data_ptr(), []).append((start, end, name))
    found = []
    for name, tensor in one.items():
        start, end = _extent(tensor)
        for begin, stop, other in places.get(tensor.untyped_storage().data_ptr(), []):
            if start < stop and begin < end and tensor is not two[other]:
                found.append((name, other))
    return found


def _extent(tensor: Tensor) -> tuple[int, int]:
    """First and last byte + 1 of a dense tensor in its storage."""
    size = tensor.element_size()
    steps = zip(tensor.shape, tensor.stride(), strict=True)
    last = sum((length - 1) * step for length, step in steps) if tensor.numel() else -1
    start = int(tensor.storage_offset())
    return start * size, (start + int(last) + 1) * size


def close(one: Tensor, two: Tensor, tolerance: float = SAME) -> bool:
    """Whether two tensors are equal up to rounding; non-finite values must match."""
    one, two = one.detach().double(), two.detach().double()
    scale = max(float(one[one.isfinite()].abs().max()), 1e-12) if bool(one.isfinite().any()) else 1.0
    return bool(torch.allclose(one, two, rtol=0.0, atol=tolerance * scale, equal_nan=True))
