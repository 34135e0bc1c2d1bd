"""Which version of a kernel runs: C on a CPU, Triton on a GPU, torch's operations everywhere else."""

from __future__ import annotations

import contextlib
import functools
import importlib.util
from collections.abc import Iterator
from typing import Literal, TypeAlias

import torch
from torch import Tensor

from modescape.kernels import native

Implementation: TypeAlias = Literal["torch", "native", "triton"]

_forced: list[Implementation] = []


def implementation(tensor: Tensor) -> Implementation:
    """What computes on this tensor."""
    return usual(tensor.device.type, tensor.dtype)


def usual(device: str, dtype: torch.dtype = torch.float32) -> Implementation:
    """What computes on numbers of this type on a device, "cpu" or "cuda"."""
    if _forced:
        return _forced[-1]
    if device == "cpu":
        return "native" if dtype == torch.float32 and native.library() is not None else "torch"
    return "triton" if device == "cuda" and dtype in (torch.float32, torch.bfloat16) and has_triton() else "torch"


@functools.cache
def has_triton() -> bool:
    """Whether Triton is installed; it comes with torch's CUDA builds."""
    return importlib.util.find_spec("triton") is not None


@contextlib.contextmanager
def forced(name: Implementation) -> Iterator[None]:
    """Within this block every kernel runs in this version: for tests and benchmarks."""
    _forced.append(name)
    try:
        yield
    finally:
        _forced.pop()
