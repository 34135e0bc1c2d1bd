"""Which version of a kernel runs: C on a CPU, Triton on a GPU, torch's operations everywhere else."""

from __future__ import annotations

import contextlib
import functools
import importlib.util
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Literal, TypeAlias

import torch
from torch import Tensor

from modescape.kernels import native

Implementation: TypeAlias = Literal["torch", "native", "triton"]

NUMBERS: dict[Implementation, tuple[torch.dtype, ...]] = {
    "native": (torch.float32,),
    "triton": (torch.float32, torch.bfloat16),
}
"""Devices and dtypes of each version; torch's operations take everything."""

_forced: ContextVar[Implementation | None] = ContextVar("modescape_forced_kernels", default=None)


def implementation(tensor: Tensor) -> Implementation:
    """The version that computes on this tensor."""
    return usual(tensor.device.type, tensor.dtype)


def usual(device: str, dtype: torch.dtype = torch.float32) -> Implementation:
    """The version for a dtype on a device, "cpu" or "cuda"."""
    if (forced_to := _forced.get()) is not None:
        name = forced_to
    elif device == "cpu":
        name = "native" if native.library() is not None else "torch"
    else:
        name = "triton" if device == "cuda" and has_triton() else "torch"
    return name if dtype in NUMBERS.get(name, (dtype,)) else "torch"


@functools.cache
def has_triton() -> bool:
    """Whether Triton is installed; it comes with torch's CUDA builds."""
    return importlib.util.find_spec("triton") is not None


@contextlib.contextmanager
def forced(name: Implementation) -> Iterator[None]:
    """Within this block every kernel runs in this version, for dtypes that it supports: a plan's, or for a comparison.

    It holds for the thread that opens it. Gradients of an operation are computed in the version of its forward pass,
    wherever torch computes them.
    """
    token = _forced.set(name)
    try:
        yield
    finally:
        _forced.reset(token)
