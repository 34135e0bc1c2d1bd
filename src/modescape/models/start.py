"""The checkpoint that all members of a recipe start from (``model.init``): read, checked, and put into a network."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors import torch as safetensors
from torch import Tensor, nn

from modescape.errors import InputError
from modescape.plain import read_regular, shown
from modescape.recipe import Model
from modescape.types import Params

SUFFIX = ".safetensors"
PICKLES = {".pt", ".pth", ".bin", ".ckpt", ".pkl", ".pickle"}
BUILTIN = {"printed-letters": Path(__file__).with_name("printed-letters.safetensors")}
"""Checkpoints that come with the package, by name; write ``./name`` for a file or folder of that name."""
MOST = 1 << 36  # bytes of a file
MOST_NAMES = 6  # that a line names


@dataclass(frozen=True)
class Taken:
    """Which tensors of a checkpoint a network used."""

    names: tuple[str, ...]  # of its tensors, under their ``state_dict`` names
    drawn: tuple[str, ...]  # the others, with reasons; drawn from the member's own stream
    unused: int  # tensors of the checkpoint that the network does not have

    def said(self, model: Model) -> str:
        """One line for the user."""
        rest = "; ".join(self.drawn[:MOST_NAMES])
        more = f"; and {len(self.drawn) - MOST_NAMES} more" if len(self.drawn) > MOST_NAMES else ""
        own = f"; each member draws its own: {rest}{more}" if self.drawn else ""
        left = f"; tensors of the file not used: {self.unused}" if self.unused else ""
        count = len(self.names) + len(self.drawn)
        return f"{len(self.names)} of {count} tensors start as in {_named(files_of(model))}{own}{left}"


def files_of(model: Model) -> list[str]:
    """The files that a recipe starts from, in order; none if members draw all of their weights."""
    return [model.init] if isinstance(model.init, str) else list(model.init or ())


def read_start(model: Model) -> Params | None:
    """The tensors that members start from; None if they draw all of them.

    Raises:
        InputError: if a file is not there, is not a safetensors file, holds non-finite values, or is not the
            one that the study was begun with (``model.init_digest``).
    """
    files = files_of(model)
    if not files:
        return None
    tensors: Params = {}
    for file in files:
        tensors |= _read(BUILTIN.get(file, Path(file)))
    if model.init_digest not in (None, digest := digest_of(tensors)):
        raise InputError(
            f"model.init: {_named(files)} holds other tensors than the study was begun with (SHA-256 {digest[:12]}..., "
            f"expected {str(model.init_digest)[:12]}...); put the file back, or begin another study with --out"
        )
    return tensors


def digest_of(tensors: Params) -> str:
    """SHA-256 (hex) of tensors: of their names, dtypes, shapes and values, whatever else the file holds."""
    digest = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        digest.update(json.dumps([name, str(tensor.dtype), list(tensor.shape)]).encode())
        digest.update(tensor.contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def begin_with(module: nn.Module, tensors: Params, model: Model) -> Taken:
    """Copy tensors that match by name and shape into a network, in its own dtype.

    Raises:
        InputError: if no tensor matches, or a matching one has another kind of dtype.
    """
    own, names, drawn = module.state_dict(keep_vars=True), [], []
    for name, tensor in own.items():
        given = tensors.get(name)
        if not isinstance(tensor, Tensor):  # a layer may save anything
            continue
        if given is None:
            drawn.append(f"{name} (not in the file)")
        elif given.shape != tensor.shape:
            drawn.append(f"{name} ({list(given.shape)} in the file, {list(tensor.shape)} here)")
        elif given.is_floating_point() != tensor.is_floating_point():
            raise InputError(f"model.init: '{name}' holds {given.dtype} numbers, the network {tensor.dtype}")
        else:
            with torch.no_grad():
                tensor.copy_(given)
            names.append(name)
    if not names:
        raise InputError(
            f"model.init: nothing in {_named(files_of(model))} fits the network by name and shape. The file has "
            f"{_first(sorted(tensors))}, the network {_first(list(own))}; rename the tensors of the file"
        )
    return Taken(tuple(names), tuple(drawn), len(tensors.keys() - own.keys()))


def _read(path: Path) -> Params:
    """The tensors of one file."""
    if path.suffix.lower() in PICKLES:
        raise InputError(
            f"model.init: '{path}' is a pickle, which can run code when it is opened. If you trust it, convert it: "
            f"safetensors.torch.save_file(torch.load({path.name!r}, weights_only=True), {path.stem + SUFFIX!r})"
        )
    try:
        tensors = safetensors.load(read_regular(path, MOST))
    except FileNotFoundError:
        raise InputError(f"model.init: there is no '{path}'; give a {SUFFIX} file, or a study's folder") from None
    except OSError as error:
        raise InputError(f"model.init: cannot read '{path}': {error.strerror}") from error
    except (SafetensorError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise InputError(f"model.init: '{path}' is not a {SUFFIX} file ({shown(error)})") from error
    bad = [name for name, tensor in tensors.items() if tensor.is_floating_point() and not tensor.isfinite().all()]
    if bad:
        raise InputError(f"model.init: '{bad[0]}' in '{path}' holds numbers that are not finite")
    return tensors


def _named(files: Sequence[str]) -> str:
    return ", ".join(f"'{file}'" for file in files)


def _first(names: Sequence[str]) -> str:
    return ", ".join(f"'{name}'" for name in names[:2]) + (", ..." if len(names) > 2 else "")
