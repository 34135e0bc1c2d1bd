"""From a network to its tensors and back, and attributes that a network holds besides them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from modescape.batches import arguments_of
from modescape.types import Inputs, ModelState

MOST_DEPTH = 4  # of lists and dictionaries that are searched for tensors
_OWN = {"_parameters", "_buffers", "_modules", "_non_persistent_buffers_set"}  # of nn.Module itself


def split_state(module: nn.Module, kept: Collection[str] = ()) -> ModelState:
    """Copies of the trained parameters and of all other tensors, by their ``state_dict`` names.

    A tensor that two layers share appears once, under its first name. Frozen parameters (``requires_grad=False``) are
    kept with the buffers.

    Args:
        module: a network.
        kept: non-persistent buffers to include; the others are left out, as in ``state_dict``.
    """
    trained = {name: tensor for name, tensor in module.named_parameters() if tensor.requires_grad}
    frozen = {name: tensor for name, tensor in module.named_parameters() if not tensor.requires_grad}
    left_out = {name for name in passing_buffers(module) if name not in kept}
    buffers = {name: tensor for name, tensor in module.named_buffers() if name not in left_out}
    return ModelState(copies(trained), copies(frozen | buffers))


def passing_buffers(module: nn.Module) -> dict[str, Tensor]:
    """Non-persistent buffers, which ``state_dict`` leaves out."""
    saved = module.state_dict()
    return {name: tensor for name, tensor in module.named_buffers() if name not in saved}


class Slots:
    """Where a module holds its tensors, looked up once for many states that are installed one after another.

    Each tensor is looked up by name at every installation, since a network may replace it.
    """

    def __init__(self, module: nn.Module) -> None:
        self._places: list[tuple[dict[str, Any], str, str]] = []  # a layer's tensors, the tensor's name there, its name
        seen: set[int] = set()
        for prefix, layer in module.named_modules():
            for held in (layer._parameters, layer._buffers):
                for key, tensor in held.items():
                    if tensor is not None and id(tensor) not in seen:  # of what layers share the first
                        seen.add(id(tensor))
                        self._places.append((held, key, f"{prefix}.{key}" if prefix else key))

    def install(self, tensors: Mapping[str, Tensor]) -> None:
        """Make these tensors the module's own, sharing memory: running statistics change in both.

        A `torch.func.functional_call` does the same for one call in .35 ms (8 tensors), this takes .01 ms.

        Args:
            tensors: without a member axis, on the module's device and of its dtype, under the names of `split_state`;
                what is not among them stays the module's own.
        """
        for held, key, name in self._places:
            tensor = tensors.get(name)
            if tensor is not None:
                held[key].data = tensor.detach()


def install(module: nn.Module, state: ModelState) -> dict[str, nn.Parameter]:
    """`Slots.install` of one network alone; its previous tensors are dropped. Returns its parameters by name."""
    Slots(module).install(state.params | state.buffers)
    return dict(module.named_parameters())


def call_with(module: nn.Module, tensors: dict[str, Tensor], inputs: Inputs) -> Any:
    """Call a network with other tensors in place of its own, which are restored afterwards.

    Like `torch.func.functional_call`, which misses the second occurrence of a layer that a network holds twice.

    Args:
        module: a network.
        tensors: by the names of `split_state`; missing ones stay the module's own. Tensors that the network replaces
            are replaced here.
        inputs: what it is called with.
    """
    first: dict[int, str] = {}  # a tensor -> its first name
    places: dict[str, str] = {}  # every place that holds a tensor -> that tensor's first name
    for prefix, layer in module.named_modules():  # each layer once
        for name, tensor in [*layer._parameters.items(), *layer._buffers.items()]:
            if tensor is not None:
                place = f"{prefix}.{name}" if prefix else name
                places[place] = first.setdefault(id(tensor), place)
    given = {place: tensors[name] for place, name in places.items() if name in tensors}
    arguments, named = arguments_of(inputs)
    try:
        return functional_call(module, given, arguments, named, tie_weights=False)
    finally:
        tensors.update({name: given[name] for name in given.keys() & tensors.keys()})


def working_dtype(tensors: Mapping[str, Tensor]) -> torch.dtype:
    """The floating dtype of most of a network's parameters, which its inputs get."""
    counts: dict[torch.dtype, int] = {}
    for tensor in tensors.values():
        if tensor.is_floating_point():
            counts[tensor.dtype] = counts.get(tensor.dtype, 0) + tensor.numel()
    return max(counts, key=counts.__getitem__, default=torch.float32)


def attributes(module: nn.Module) -> dict[str, Any]:
    """Numbers and tensors that layers hold as attributes, also in lists and dictionaries: name -> value."""
    found: dict[str, Any] = {}
    for prefix, layer in module.named_modules():
        for name, value in vars(layer).items():
            if name not in _OWN and not name.endswith("_hooks") and name != "training":
                found.update(_within(f"{prefix}.{name}" if prefix else name, value, MOST_DEPTH))
    return found


def _within(name: str, value: Any, depth: int) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Tensor | bool | int | float):
        yield name, value.detach().clone() if isinstance(value, Tensor) else value
    elif depth and isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _within(f"{name}[{key!r}]", inner, depth - 1)
    elif depth and isinstance(value, tuple | list):
        for number, inner in enumerate(value):
            yield from _within(f"{name}[{number}]", inner, depth - 1)


def differing(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """Names that only one of them has, or whose values differ."""
    names = dict.fromkeys([*one, *other])
    return [name for name in names if name not in one or name not in other or not _same(one[name], other[name])]


def copies(tensors: Mapping[str, Any]) -> dict[str, Tensor]:
    """Copies of tensors by name."""
    return {name: tensor.detach().clone() for name, tensor in tensors.items()}


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, Tensor) and isinstance(other, Tensor):
        if one.shape != other.shape or one.dtype != other.dtype or one.layout != other.layout:
            return False
        if one.layout != torch.strided:
            one, other = one.to_dense(), other.to_dense()
        return bool(torch.equal(one, other)) or bool(((one == other) | ((one != one) & (other != other))).all())
    if type(one) is not type(other) or isinstance(one, Tensor):
        return False
    return bool(one == other) or (one != one and other != other)  # NaN equals NaN here
