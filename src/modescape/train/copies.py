"""Copies of networks' tensors, as a trial makes and compares them."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from safetensors import torch as safetensors
from torch import Tensor

from modescape import tree
from modescape.errors import InputError
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
    """The tensors as a file of weights gives them back."""
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
    """Whether two networks hold the same bits."""
    return one.keys() == two.keys() and all(torch.equal(one[name], two[name]) for name in one)


def close(one: Tensor, two: Tensor, tolerance: float = SAME) -> bool:
    """Whether they are the same but for rounding; what is not finite must be so in both."""
    one, two = one.detach().double(), two.detach().double()
    scale = max(float(one[one.isfinite()].abs().max()), 1e-12) if bool(one.isfinite().any()) else 1.0
    return bool(torch.allclose(one, two, rtol=0.0, atol=tolerance * scale, equal_nan=True))
