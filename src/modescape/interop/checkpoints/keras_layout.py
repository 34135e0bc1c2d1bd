"""From the layers of a Keras file to the tensors of a network of torch: layouts turned, orders matched.

A kernel [height, width, in, out] becomes [out, in, height, width], a dense kernel [in, out] becomes [out, in]. After a
flattening Keras counts [height, width, channel] and torch [channel, height, width]: rows of that kernel change places.
Gamma, beta, moving mean and moving variance of a batch normalisation are weight, bias, running mean and variance.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import nn

from modescape.errors import InputError
from modescape.interop.checkpoints.held import Layer
from modescape.models import build
from modescape.models.checking import NetworkError
from modescape.recipe import Model
from modescape.types import Params

KNOWN = ("notebook_small_cnn", "notebook_medium_cnn", "notebook_resnet20", "small_cnn", "medium_cnn", "resnet20")
"""Built-in networks that files are compared with, in this order."""
PIXELS = 32  # height and width where no data says them: of all of these networks' papers
Norm = nn.modules.batchnorm._BatchNorm
TORCH = {
    "kernel": "weight",
    "gamma": "weight",
    "beta": "bias",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
}
"""Names of arrays in Keras -> in torch."""


def recognised(layers: Sequence[Layer], shape: Sequence[int] | None = None) -> str:
    """The built-in network that a file's layers are of; "" where none is.

    Args:
        layers: of the file.
        shape: [channels, height, width] of an image; None: as its first kernel asks, 32 x 32.
    """
    kernels = [layer.arrays["kernel"] for layer in layers if "kernel" in layer.arrays]
    if not kernels or kernels[0].ndim != 4 or kernels[-1].ndim != 2:
        return ""
    shape = shape or (int(kernels[0].shape[2]), PIXELS, PIXELS)
    for name in KNOWN:
        try:
            module = build(Model(factory=name), tuple(shape), int(kernels[-1].shape[1]), 0)
            as_state(layers, module, Path(name))
        except (InputError, NetworkError):
            continue
        return name
    return ""


def as_state(layers: Sequence[Layer], module: nn.Module, path: Path) -> Params:
    """The tensors of a network under its ``state_dict`` names.

    Layers of a kind are taken one after another; of those that fit, a convolution that a sum takes is a shortcut's.

    Args:
        layers: of the file, in order.
        module: the network that they belong to.
        path: of the file, for messages.

    Raises:
        InputError: if a layer of the network has no counterpart, or a layer of the file is left over.
    """
    left = [*layers]
    state: Params = {}
    channels, flattened = 0, False
    for name, part in module.named_modules():
        if isinstance(part, nn.Flatten):
            flattened = True
        if isinstance(part, nn.Conv2d | nn.Linear | Norm):
            wanted = _wanted(part)
            layer = _taken(left, wanted, name, path)
            arrays = _turned(layer, part, channels if flattened and isinstance(part, nn.Linear) else 1, path)
            state |= {f"{name}.{key}" if name else key: tensor for key, tensor in arrays.items()}
            flattened = flattened and not isinstance(part, nn.Linear)
            channels = part.out_channels if isinstance(part, nn.Conv2d) else channels
    if left:
        raise InputError(
            f"'{path}': its layer '{left[0].name}' ({_shapes(left[0])}) has no place in the network; {len(left)} are "
            "left over. Name the network of the file with --factory"
        )
    return state


def _wanted(part: nn.Module) -> dict[str, tuple[int, ...]]:
    """Arrays of a layer in Keras' layout."""
    if isinstance(part, nn.Conv2d):
        rows, columns = part.kernel_size
        kernel = (rows, columns, part.in_channels // part.groups, part.out_channels)
        return {"kernel": kernel, **({"bias": (part.out_channels,)} if part.bias is not None else {})}
    if isinstance(part, nn.Linear):
        return {
            "kernel": (part.in_features, part.out_features),
            **({"bias": (part.out_features,)} if part.bias is not None else {}),
        }
    assert isinstance(part, Norm)
    size = (part.num_features,)
    return {"moving_mean": size, "moving_variance": size} | ({"gamma": size, "beta": size} if part.affine else {})


def _taken(left: list[Layer], wanted: dict[str, tuple[int, ...]], name: str, path: Path) -> Layer:
    """Take the counterpart of a layer out of those that are left."""
    fitting = [layer for layer in left if {key: layer.arrays[key].shape for key in layer.arrays} == wanted]
    if not fitting:
        like = next((layer for layer in left if layer.arrays.keys() == wanted.keys()), None)
        there = f"; the next of its kind is '{like.name}' ({_shapes(like)})" if like else ""
        shapes = ", ".join(f"{key} {list(shape)}" for key, shape in wanted.items())
        raise InputError(f"'{path}' has no layer for '{name}' ({shapes}){there}; name the network with --factory")
    shortcut = name.endswith("shortcut")  # of others the normalisation behind them goes into the sum
    best = next((one for one in fitting if one.added is shortcut), fitting[0]) if "kernel" in wanted else fitting[0]
    left.remove(best)
    return best


def _turned(layer: Layer, part: nn.Module, channels: int, path: Path) -> Params:
    """The arrays of a layer as torch lays them out; ``channels`` of what was flattened before, else 1."""
    arrays = {key: torch.from_numpy(np.ascontiguousarray(array)).float() for key, array in layer.arrays.items()}
    if isinstance(part, Norm):
        epsilon = layer.settings.get("epsilon", part.eps)
        if not isinstance(epsilon, int | float) or abs(epsilon - part.eps) > 1e-9:
            raise InputError(
                f"'{path}': the batch normalisation '{layer.name}' has epsilon {epsilon}, the network's has {part.eps}"
            )
        return {TORCH[key]: array for key, array in arrays.items()} | {"num_batches_tracked": torch.tensor(0)}
    kernel = arrays["kernel"]
    if kernel.dim() == 2 and channels > 1:
        kernel = kernel.reshape(-1, channels, kernel.shape[1]).movedim(1, 0).reshape(kernel.shape)
    weight = kernel.permute(3, 2, 0, 1) if kernel.dim() == 4 else kernel.T
    return {"weight": weight.contiguous()} | ({"bias": arrays["bias"]} if "bias" in arrays else {})


def plain_tensors(layers: Sequence[Layer]) -> Params:
    """The arrays of layers that belong to no known network: by layer and kind, kernels turned as torch has them.

    Kernels of convolutions [..., in, out] become [out, in, ...].
    """
    found: Params = {}
    for layer in layers:
        for kind, array in layer.arrays.items():
            tensor = torch.from_numpy(np.ascontiguousarray(array))
            if kind == "kernel" and tensor.dim() >= 2:
                tensor = tensor.permute(-1, -2, *range(tensor.dim() - 2)).contiguous()
            found[f"{layer.name}.{TORCH.get(kind, kind)}"] = tensor.float()
    return found


def _shapes(layer: Layer) -> str:
    return ", ".join(f"{key} {list(array.shape)}" for key, array in layer.arrays.items())
