"""Labelled results on disk: NetCDF 4 files of the same bytes for the same values, checked when read."""

from __future__ import annotations

import hashlib
import io
import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import xarray as xr

from modescape.errors import WorkError
from modescape.results import validate
from modescape.study import atomic

DIGEST = "content_sha256"  # attribute of the file; HDF5's own checksums cover neither strings nor attributes
TEXT = "OUT"  # kinds of NumPy's types for text


def write_dataset(path: Path, dataset: xr.Dataset) -> None:
    """Write a labelled result, atomically, with a Fletcher-32 checksum on every variable that can have one.

    Raises:
        ValueError: if the dataset breaks the schema of `modescape.results`.
    """
    validate(dataset)
    # the digest is of what a reader will see (text comes back as objects, bool attributes as integers)
    seen = _decoded(_encoded(dataset))
    atomic.write_bytes(path, _encoded(dataset.assign_attrs({DIGEST: digest(seen)})))


def read_dataset(path: Path) -> xr.Dataset:
    """Load a labelled result into memory.

    Raises:
        FileNotFoundError: if there is no such file.
        WorkError: if the file is damaged.
    """
    data = path.read_bytes()
    again = "delete it and run its analysis again"
    try:
        dataset = _decoded(data)
    except Exception as error:  # h5py raises OSError, KeyError, RuntimeError, ... on damaged files
        raise WorkError(f"'{path}' is damaged: it cannot be loaded; {again}") from error
    stored = dataset.attrs.pop(DIGEST, None)
    if stored != digest(dataset):
        raise WorkError(f"'{path}' is damaged: its checksum does not fit; {again}")
    return dataset


def digest(dataset: xr.Dataset) -> str:
    """SHA-256 (hex) of everything that a reader sees: names, dimensions, values, attributes."""
    sha = hashlib.sha256(_canonical(dataset.attrs).encode())
    for name in sorted(map(str, dataset.variables)):
        variable = dataset.variables[name]
        values = np.ascontiguousarray(variable.values)
        kind = "text" if values.dtype.kind in TEXT else values.dtype.str
        sha.update(_canonical([name, list(variable.dims), list(values.shape), kind, dict(variable.attrs)]).encode())
        sha.update(_canonical(values.tolist()).encode() if kind == "text" else values.tobytes())
    return sha.hexdigest()


def _encoded(dataset: xr.Dataset) -> bytes:
    """The bytes of a NetCDF 4 file; nothing of it depends on the clock."""
    # what a dataset remembers of the file that it once came from must not shape this one
    plain = dataset.drop_encoding()
    # neither scalars and empty variables (no chunks) nor text (HDF5 filters no strings) can have one of their own
    encoding = {
        name: {"fletcher32": True, "chunksizes": variable.shape}
        for name, variable in plain.variables.items()
        if variable.size and variable.ndim and variable.dtype.kind not in TEXT
    }
    buffer = io.BytesIO()
    plain.to_netcdf(buffer, engine="h5netcdf", format="NETCDF4", encoding=encoding)
    return buffer.getvalue()


def _decoded(data: bytes) -> xr.Dataset:
    with h5py.File(io.BytesIO(data), "r"):
        pass  # what is no HDF5 file at all fails here; h5netcdf would leave a half-made object that complains when it dies
    with xr.open_dataset(io.BytesIO(data), engine="h5netcdf") as file:
        return file.load()


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=_plain)


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    return str(value)
