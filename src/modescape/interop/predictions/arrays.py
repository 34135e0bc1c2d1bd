"""Files of arrays: NumPy's, zarr's, torch's; none is unpacked before it is known to fit, none runs a program."""

from __future__ import annotations

import warnings
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from modescape.errors import InputError
from modescape.interop.predictions.content import Content
from modescape.interop.predictions.lazy import NpyFile, Rows, check_room, declared_bytes, npy_header, unreadable
from modescape.plain import shown

SAVED = "save tensors, or lists or dictionaries of tensors, with torch.save"


def read_npy(path: Path) -> Content:
    """A ``.npy`` file; its numbers stay where they lie."""
    return Content(str(path), {"": NpyFile(path)})


def read_npz(path: Path) -> Content:
    """All arrays of a ``.npz`` file, each unpacked once its declared size is known to fit.

    Raises:
        InputError: if it is none, holds Python objects, or declares another size than it has, or more than there is.
    """
    try:
        with zipfile.ZipFile(path) as packed:
            infos = [info for info in packed.infolist() if info.filename.endswith(".npy")]
            if not infos:
                raise InputError(f"'{path}' holds no arrays")
            check_room(sum(info.file_size for info in infos), path)
            return Content(str(path), {info.filename.removesuffix(".npy"): _member(packed, info) for info in infos})
    except InputError:
        raise
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        raise unreadable(path, error) from error


def _member(packed: zipfile.ZipFile, info: zipfile.ZipInfo) -> np.ndarray:
    where = f"{packed.filename}: {shown(info.filename, 80)}"
    with packed.open(info) as file:
        shape, dtype, fortran = npy_header(file, where)
        needed, there = declared_bytes(shape, dtype), info.file_size - file.tell()
        if needed != there:
            raise InputError(f"'{where}' declares {list(shape)} numbers, {needed:,} bytes, and holds {there:,}")
        data = file.read(needed + 1)
    if len(data) != needed:
        raise InputError(f"'{where}' declares {needed:,} bytes and unpacks to {len(data):,}")
    return np.frombuffer(data, dtype).reshape(shape, order="F" if fortran else "C")


def read_zarr(path: Path) -> Content:
    """An array of zarr, or a group of such; numbers stay where they lie.

    Raises:
        InputError: if it is none, or one of its chunks does not fit.
    """
    import zarr

    try:
        opened = zarr.open(str(path), mode="r")
        found: Mapping[str, Any] = {"": opened} if isinstance(opened, zarr.Array) else dict(opened.arrays())
    except Exception as error:  # zarr raises errors of many libraries
        raise unreadable(path, error) from error
    for name, array in found.items():
        if array.dtype.hasobject:
            raise InputError(f"'{path}': {shown(name, 80)} holds Python objects; save numbers or fixed texts")
        check_room(declared_bytes(array.chunks, array.dtype), path)
    if not found:
        raise InputError(f"'{path}' holds no arrays")
    return Content(str(path), found)


def read_torch(path: Path) -> Content:
    """A file of torch, read as weights are (no program in it runs): tensors, or what Lightning's ``predict`` returns.

    That is a list with what each batch gave: a tensor, or a dictionary or tuple of tensors, put together in order.

    Raises:
        InputError: if it holds anything else.
    """
    import torch

    from modescape.interop.checkpoints.torch_files import check_container

    try:
        check_container(path)
        check_room(path.stat().st_size, path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of protocols of pickle
            content = torch.load(path, map_location="cpu", weights_only=True)
    except InputError:
        raise
    except Exception as error:  # what a hostile pickle raises is not to be foreseen
        raise InputError(
            f"'{path}' holds more than tensors (a pickle may run anything), or is damaged; {SAVED}"
        ) from error
    arrays = _joined(content, path)
    return Content(str(path), arrays)


def _joined(content: Any, path: Path) -> dict[str, Rows]:
    """Arrays by their names."""
    import torch

    if isinstance(content, torch.Tensor):
        return {"": _array(content, path)}
    if isinstance(content, Mapping) and content:
        return {str(name): _array(one, path) for name, one in content.items() if isinstance(one, torch.Tensor)}
    if not isinstance(content, Sequence) or not content:
        raise InputError(f"'{path}' holds {type(content).__name__}, expected tensors; {SAVED}")
    if len(content) == 1 and isinstance(content[0], Sequence):
        return _joined(content[0], path)  # of one loader of several
    batches = [_named(batch, path) for batch in content]
    if wrong := [at for at, batch in enumerate(batches) if batch.keys() != batches[0].keys()]:
        raise InputError(f"'{path}': batch {wrong[0]} holds other tensors than batch 0; expected the same in all")
    joined: dict[str, Rows] = {}
    for name in batches[0]:
        parts = [_array(batch[name], path) for batch in batches]
        check_room(sum(part.nbytes for part in parts), path)
        try:
            joined[name] = np.concatenate([np.atleast_1d(part) for part in parts])
        except ValueError as error:
            raise InputError(f"'{path}': batches do not fit each other: {shown(error, 120)}") from error
    return joined


def _named(batch: Any, path: Path) -> dict[str, Any]:
    """Tensors of a batch by their names."""
    import torch

    if isinstance(batch, torch.Tensor):
        return {"": batch}
    if isinstance(batch, Mapping):
        found = {str(name): one for name, one in batch.items() if isinstance(one, torch.Tensor)}
    elif isinstance(batch, Sequence) and not isinstance(batch, str):
        names = ("predictions", "labels") if len(batch) == 2 else map(str, range(len(batch)))
        found = {name: one for name, one in zip(names, batch, strict=False) if isinstance(one, torch.Tensor)}
    else:
        found = {}
    if not found:
        raise InputError(f"'{path}' holds a batch of {type(batch).__name__}, expected tensors; {SAVED}")
    return found


def _array(tensor: Any, path: Path) -> np.ndarray:
    """A tensor as an array; one whose numbers are shared is not written out before it is known to fit."""
    import torch

    check_room(tensor.numel() * tensor.element_size(), path)
    if tensor.is_sparse or tensor.is_quantized or tensor.is_complex():
        raise InputError(f"'{path}' holds sparse, quantised or complex tensors; save dense real ones")
    return (tensor.float() if tensor.dtype == torch.bfloat16 else tensor).numpy()
