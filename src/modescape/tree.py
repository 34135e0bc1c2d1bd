"""Arithmetic on ``Params``: dictionaries of tensors treated as one vector."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from modescape.types import ModelState, Params


def ravel(params: Params, names: Iterable[str] | None = None) -> Tensor:
    """One flat vector [parameter] of the tensors in ``names`` (default: all), in dictionary order."""
    return torch.cat([params[name].reshape(-1) for name in (params if names is None else names)])


def unravel(vector: Tensor, like: Params) -> Params:
    """The inverse of `ravel`: pieces of ``vector`` [parameter] with the names, shapes and types of ``like``.

    Raises:
        ValueError: if the number of elements differs.
    """
    sizes = [tensor.numel() for tensor in like.values()]
    if vector.shape != (sum(sizes),):
        raise ValueError(f"a vector of shape {list(vector.shape)} cannot fill {sum(sizes)} parameters")
    pieces = vector.split(sizes)
    return {name: piece.view(like[name].shape).to(like[name].dtype) for name, piece in zip(like, pieces, strict=True)}


def stack(members: Sequence[Params]) -> Params:
    """Give ``members`` a common leading axis: n dictionaries -> one with tensors [n, ...].

    Raises:
        ValueError: if names or shapes differ.
    """
    first = members[0]
    for number, other in enumerate(members[1:], start=1):
        if other.keys() != first.keys():
            odd = sorted(other.keys() ^ first.keys())[0]
            raise ValueError(f"network {number} and network 0 differ in {odd!r}; stack networks of one model")
        for name, tensor in first.items():
            if other[name].shape != tensor.shape:
                raise ValueError(
                    f"networks 0 and {number} differ in {name!r} ({list(tensor.shape)} and "
                    f"{list(other[name].shape)}); stack networks of one model"
                )
    return {name: torch.stack([member[name] for member in members]) for name in first}


def unstack(stacked: Params, index: int) -> Params:
    """Network ``index`` of stacked params: views without the leading axis."""
    return {name: tensor[index] for name, tensor in stacked.items()}


def parted(tensors: Params, like: ModelState) -> ModelState:
    """Split all tensors of a network, by name, into params and buffers as in ``like``."""
    return ModelState(*({name: tensors[name] for name in part} for part in like))


def dot(a: Params, b: Params) -> Tensor:
    """Inner product of two networks seen as vectors, accumulated in float64."""
    return torch.stack([(a[name].double() * b[name].double()).sum() for name in a]).sum()


def lerp(a: Params, b: Params, t: float) -> Params:
    """(1 - t) a + t b, tensor by tensor."""
    return {name: torch.lerp(a[name], b[name], t) for name in a}
