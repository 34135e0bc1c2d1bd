"""Matching tensors of files to a network, or to the tensors that several files have in common."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from modescape.errors import InputError
from modescape.interop.checkpoints.held import Held
from modescape.interop.checkpoints.keras_layout import as_state, plain_tensors
from modescape.interop.checkpoints.naming import stripped, under, without_prefix
from modescape.plain import shown
from modescape.types import ModelState, Params

STATISTICS = ("running_mean", "running_var", "num_batches_tracked")
NORMAL = re.compile(r"(^|[._])(bn|norm|ln|layernorm|batchnorm|groupnorm|layer_norm|batch_normalization)[._\d]*", re.I)
MOST_NAMES = 3  # that a message lists


@dataclass(frozen=True)
class Fitted:
    """The state of a network, and how names of the file were changed."""

    state: Params  # by ``state_dict`` names
    prefix: str = ""  # taken off the names
    left: tuple[str, ...] = ()  # names in the file that the network does not have


def chosen(held: Held, weights: str) -> Held:
    """Select the network's own weights, or their averaged copy.

    Args:
        held: of a file.
        weights: "raw" or "ema".

    Raises:
        InputError: if there is no such copy.
    """
    if weights == "raw":
        if not held.others:
            return held
        names = ", ".join(map(repr, held.others))
        note = f"it holds averaged weights ({names}) besides the network's own; its own are used"
        return Held(held.path, held.tensors, (*held.notes, note), held.epoch, held.layers)
    if not held.others:
        raise InputError(f"'{held.path}' holds no averaged weights (ema); leave out --weights ema")
    name, tensors = next(iter(held.others.items()))
    return Held(held.path, tensors, (*held.notes, f"its averaged weights are used, {name!r}"), held.epoch, held.layers)


def fitted(held: Held, module: torch.nn.Module, kept: Sequence[str]) -> Fitted:
    """Match the weights of a file to a network.

    Args:
        held: of a file.
        module: the network, as its factory makes it.
        kept: names of the tensors that its state has.

    Raises:
        InputError: if a tensor of the network is missing, or has another shape.
    """
    own = module.state_dict()
    if held.layers:
        found, prefix = as_state(held.layers, module, held.path), ""
    else:
        prefix = under(held.tensors, [name for name in kept if name.rpartition(".")[2] not in STATISTICS])
        if prefix is None:
            found, prefix = stripped(held.tensors)
            return _refused(held.path, found, own, kept)
        found = without_prefix(held.tensors, prefix)
    if "num_batches_tracked" in " ".join(kept):
        for name in kept:
            if name.endswith("num_batches_tracked") and name not in found:  # of versions before it was counted
                found[name] = torch.zeros_like(own[name])
    _check(held.path, found, own, kept)
    state = {name: found[name].to(own[name].dtype) if name in own else found[name] for name in kept}
    return Fitted(state, prefix, tuple(name for name in found if name not in own))


def _check(path: Path, found: Params, own: Mapping[str, torch.Tensor], kept: Sequence[str]) -> None:
    for name in kept:
        if name not in found:
            raise InputError(f"'{path}' has no '{name}', which the network has; is it a file of this network?")
        if name in own and found[name].shape != own[name].shape:
            raise InputError(
                f"'{path}': '{name}' is {list(found[name].shape)}, the network's is {list(own[name].shape)}; "
                "give the factory the arguments that it was trained with (--set model.arguments={...})"
            )
        if name in own and found[name].is_floating_point() != own[name].is_floating_point():
            raise InputError(f"'{path}': '{name}' holds {found[name].dtype} numbers, the network {own[name].dtype}")


def _refused(path: Path, found: Params, own: Mapping[str, torch.Tensor], kept: Sequence[str]) -> Fitted:
    missing = [name for name in kept if name not in found]
    extra = [name for name in found if name not in own]
    lacks = ", ".join(repr(shown(name, 60)) for name in missing[:MOST_NAMES])
    has = ", ".join(repr(shown(name, 60)) for name in extra[:MOST_NAMES]) or "nothing else"
    raise InputError(
        f"'{path}' belongs to another network: it lacks {len(missing)} of {len(kept)} tensors ({lacks}), and has "
        f"{has}; name the factory that it was made with"
    )


def bare(held: Held) -> Fitted:
    """The weights of a file by themselves: names without what wrappers put before them."""
    if held.layers:
        return Fitted(plain_tensors(held.layers))
    found, prefix = stripped(held.tensors)
    return Fitted(found, prefix)


@dataclass(frozen=True)
class Common:
    """The tensors that several files have in common, by name, shape and dtype."""

    names: tuple[str, ...]  # in the order of the first file
    left_out: tuple[str, ...]  # sentences: what some lack, or hold in another shape

    def state(self, tensors: Params) -> ModelState:
        """Parameters and buffers: what is averaged or counted along the way is no parameter."""
        own = {name: tensors[name] for name in self.names}
        params = {name: tensor for name, tensor in own.items() if is_parameter(name, tensor)}
        return ModelState(params, {name: tensor for name, tensor in own.items() if name not in params})


def in_common(shapes: Mapping[str, Mapping[str, tuple[int, ...]]]) -> Common:
    """What all files hold.

    Args:
        shapes: file -> name -> shape.

    Raises:
        InputError: if nothing is common to all.
    """
    files = list(shapes)
    first = shapes[files[0]]
    common = tuple(name for name, shape in first.items() if all(own.get(name) == shape for own in shapes.values()))
    if not common:
        other = next(
            file for file in files if not any(shapes[file].get(name) == shape for name, shape in first.items())
        )
        raise InputError(
            f"'{files[0]}' and '{other}' have no tensor of the same name and shape: they belong to different networks. "
            "Import checkpoints of one architecture together"
        )
    every = dict.fromkeys(name for own in shapes.values() for name in own)
    left = [name for name in every if name not in common]
    said = []
    if left:
        listed = ", ".join(shown(name, 60) for name in left[:MOST_NAMES])
        more = f" and {len(left) - MOST_NAMES} more" if len(left) > MOST_NAMES else ""
        said.append(f"the {len(common)} tensors shared by name and shape are compared; left out: {listed}{more}")
    return Common(common, tuple(said))


def is_parameter(name: str, tensor: torch.Tensor) -> bool:
    """Whether a tensor was trained, by its name and kind."""
    return tensor.is_floating_point() and name.rpartition(".")[2] not in STATISTICS


def normalization(names: Sequence[str], shapes: Mapping[str, Sequence[int]]) -> list[str]:
    """Parameters of normalisation layers, by their names and those of statistics beside them."""
    layers = {name.rpartition(".")[0] for name in names if name.rpartition(".")[2] in STATISTICS}
    return [
        name
        for name in names
        if name.rpartition(".")[2] not in STATISTICS
        and len(shapes[name]) <= 1
        and (name.rpartition(".")[0] in layers or NORMAL.search(name.rpartition(".")[0]))
    ]
