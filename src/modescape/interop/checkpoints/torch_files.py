"""Files of `torch.save`: read by torch's reader of plain tensors, which runs no code."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

from torch import Tensor

from modescape.errors import InputError
from modescape.interop.checkpoints.held import MOST, Held, checked
from modescape.interop.checkpoints.naming import epoch_in, state_in
from modescape.plain import shown

SUFFIXES = (".pt", ".pth", ".th", ".ckpt", ".bin", ".tar")


def read_torch(path: Path) -> Held:
    """The weights of a checkpoint: bare, or inside such dictionaries as training programs write.

    Raises:
        InputError: if it holds code, no weights, or more than such a file can hold.
    """
    values = load(path)
    found = state_in(values)
    if found is None:
        kind = f"a dictionary with {_keys(values)}" if isinstance(values, dict) else f"a {type(values).__name__}"
        raise InputError(
            f"'{path}' holds {kind}, expected tensors by name, such as torch.save(model.state_dict(), ...)"
        )
    own, copies, keys = found
    size = path.stat().st_size
    tensors = checked(path, own, size)
    others = {name: checked(path, _tensors(copy), size) for name, copy in copies.items()}
    notes = (f"its weights are under {' > '.join(map(repr, keys))}",) if keys else ()
    return Held(path, tensors, notes, epoch_in(values), others=others)


def _tensors(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if isinstance(value, Tensor)}


def _keys(values: dict[Any, Any]) -> str:
    names = [shown(repr(key), 40) for key in list(values)[:4]]
    return ", ".join(names) + (", ..." if len(values) > len(names) else "") if names else "nothing in it"


def load(path: Path) -> Any:
    """The content of a file of `torch.save`: only tensors, numbers, texts, lists and dictionaries.

    Raises:
        InputError: if it is no such file, or would run code.
    """
    import torch

    check_container(path)
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # of a reader of pickles: whatever a broken one leads to
        raise InputError(_explained(path, error)) from error


def _explained(path: Path, error: Exception) -> str:
    """Why a file was not read, in a line or two."""
    text = str(error)
    if type(error).__name__ == "UnpicklingError" and "GLOBAL " in text:
        what = text.partition("GLOBAL ")[2].split(" ")[0]
        return (
            f"'{path}' would run code when it is opened ({shown(what, 80)}): it is a whole object, not weights. If "
            "you trust it, save only its weights: torch.save(model.state_dict(), ...)"
        )
    return f"'{path}' cannot be read as a file of torch.save ({type(error).__name__}: {shown(text, 160)})"


def check_container(path: Path) -> None:
    """Refuse archives that are larger inside than outside, before anything of them is read.

    Raises:
        InputError: if it is one, or a broken one.
    """
    size = path.stat().st_size
    if size > MOST:
        raise InputError(f"'{path}' has {size:,} bytes, expected at most {MOST:,}")
    if not zipfile.is_zipfile(path):
        return
    try:
        with zipfile.ZipFile(path) as archive:
            inside = sum(entry.file_size for entry in archive.infolist())
    except (OSError, ValueError, zipfile.BadZipFile, NotImplementedError) as error:
        raise InputError(f"'{path}' is a broken archive ({shown(error, 120)})") from error
    if inside > size + (1 << 20):
        raise InputError(f"'{path}' has {size:,} bytes and declares {inside:,} inside; save it without compression")
