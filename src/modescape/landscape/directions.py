"""Directions in weight space: random ones of a stated size, and conversions of flat vectors.

A direction is a dictionary of tensors by the names of the coordinates; tensors that it does not name do not move.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Literal, TypeAlias, get_args

import torch
from torch import Tensor, nn

from modescape import rng
from modescape.errors import InputError
from modescape.models import normalization_parameters
from modescape.types import Params

Normalization: TypeAlias = Literal["filter", "layer", "model"]
NORMALIZATIONS: tuple[Normalization, ...] = get_args(Normalization)
"""What is scaled to the length of the weights: each filter (the weights of one output), each tensor, the whole."""

TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
"""Layers whose outputs are the second axis of their weights."""


def left_out(params: Params, module: nn.Module | None = None) -> list[str]:
    """Names of the tensors that random directions do not move: biases, scales and shifts of normalisation.

    These are tensors with fewer than two axes and, if the network is known, all parameters of normalisation layers.
    """
    norms = set() if module is None else set(normalization_parameters(module))
    return [name for name, tensor in params.items() if tensor.dim() < 2 or name in norms]


def output_axes(module: nn.Module) -> dict[str, int]:
    """Name of each tensor whose filters lie along another axis than the first -> that axis."""
    layers = {name: layer for name, layer in module.named_modules() if isinstance(layer, TRANSPOSED)}
    return {f"{name}.weight" * bool(name) or "weight": 1 for name in layers}


def random_directions(
    params: Params,
    count: int = 2,
    normalization: Normalization = "filter",
    *,
    seed: int = 0,
    without: Collection[str] | None = None,
    axes: Mapping[str, int] | None = None,
) -> list[Params]:
    """Draw random directions, orthogonal to each other and scaled to the weights.

    Gaussian values of the shape of the weights; Gram-Schmidt within each group (filter, tensor, or all), then each
    group is scaled to the length of the weights in that group, so that the directions are orthogonal and their lengths
    exact. A group with fewer weights than directions cannot be orthogonalised: there the last directions are only
    scaled, and the remaining angle shows in `Cut.angle`.

    Args:
        params: the point, tensors by name.
        count: number of directions.
        normalization: which weights form a group.
        seed: of the streams; a tensor's values depend on its position among all tensors, not on the other tensors.
        without: names of tensors that do not move; default: `left_out`.
        axes: name -> the axis of its filters, if not the first.

    Raises:
        InputError: if the normalization is unknown, or no tensor is left to move.

    Source: Li et al. 2018, arXiv 1712.09913, with the order of orthogonalising and scaling as stated here.
    """
    if normalization not in NORMALIZATIONS:
        raise InputError(f"there is no normalization {normalization!r}; choose {', '.join(NORMALIZATIONS)}")
    stay = set(left_out(params) if without is None else without)
    moved = {name: tensor for name, tensor in params.items() if name not in stay}
    if not moved:
        raise InputError("all coordinates are left out of the direction; leave out fewer (without=...)")
    places = {name: place for place, name in enumerate(params)}
    drawn: list[Params] = []
    for number in range(count):
        keys = {name: rng.key(seed, "direction", number, places[name]) for name in moved}
        drawn.append({name: _normal(keys[name], tensor) for name, tensor in moved.items()})
    if normalization == "model":
        rows = [torch.cat([one[name].reshape(-1) for name in moved])[None] for one in drawn]
        weights = torch.cat([tensor.double().reshape(-1) for tensor in moved.values()])[None]
        return [_split(row[0], moved) for row in scaled(rows, weights)]
    done: list[Params] = [{} for _ in range(count)]
    for name, tensor in moved.items():
        axis = (axes or {}).get(name, 0) if normalization == "filter" else None
        rows = scaled([_rows(one[name], axis) for one in drawn], _rows(tensor.double(), axis))
        for own, row in zip(done, rows, strict=True):
            own[name] = _unrows(row, tensor, axis)
    return done


def scaled(rows: list[Tensor], weights: Tensor) -> list[Tensor]:
    """Gram-Schmidt within each row, then rows scaled to the length of those of the weights, float64 [row, weight].

    Args:
        rows: random values, [row, weight] for each direction.
        weights: whose row lengths they get, [row, weight].
    """
    found: list[Tensor] = []
    for own in rows:
        rest = own
        for _ in range(2):  # twice is enough for orthogonality to rounding
            for other in found:
                unit = other / other.norm(dim=1, keepdim=True).clamp_min(torch.finfo(other.dtype).tiny)
                rest = rest - (rest * unit).sum(1, keepdim=True) * unit
        room = rest.norm(dim=1, keepdim=True) > 1e-9 * own.norm(dim=1, keepdim=True)
        rest = torch.where(room, rest, own)
        length = rest.norm(dim=1, keepdim=True).clamp_min(torch.finfo(rest.dtype).tiny)
        found.append(rest / length * weights.norm(dim=1, keepdim=True))
    return found


def crowded(params: Params, count: int, without: Collection[str], axes: Mapping[str, int]) -> list[str]:
    """Names of tensors whose filters have fewer weights than there are directions, and cannot be orthogonal."""
    return [
        name
        for name, tensor in params.items()
        if name not in without and tensor.numel() // max(tensor.shape[axes.get(name, 0)], 1) < count
    ]


def direction_of(vector: Tensor, params: Params) -> Params:
    """A flat vector [parameter], such as an eigenvector or a gradient, as a direction.

    Raises:
        InputError: if its length is not the number of parameters.
    """
    size = sum(tensor.numel() for tensor in params.values())
    if vector.shape != (size,):
        raise InputError(f"a direction has shape {list(vector.shape)}, expected [{size}], one number a parameter")
    return _split(vector.double(), params)


def _normal(key: int, like: Tensor) -> Tensor:
    return rng.normal(torch.tensor(key, device=like.device), like.numel()).view(like.shape)


def _split(vector: Tensor, like: Params) -> Params:
    pieces = vector.split([tensor.numel() for tensor in like.values()])
    return {name: piece.view(tensor.shape) for (name, tensor), piece in zip(like.items(), pieces, strict=True)}


def _rows(tensor: Tensor, axis: int | None) -> Tensor:
    """[filter, weight], or [1, weight] without an axis."""
    return tensor.reshape(1, -1) if axis is None else tensor.movedim(axis, 0).flatten(1)


def _unrows(rows: Tensor, like: Tensor, axis: int | None) -> Tensor:
    if axis is None:
        return rows.view(like.shape)
    return rows.view(like.movedim(axis, 0).shape).movedim(0, axis).contiguous()
