"""Labelled results on disk: NetCDF 4 files of the same bytes for the same values, checked when read."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

import xarray as xr

from modescape import durable
from modescape.errors import DamageError
from modescape.results import validate

# HDF5's own checksums cover neither text nor attributes, and its readers stumble loudly over damaged files; so the
# SHA-256 of the file stands behind its end, where HDF5 (which knows its own length) does not look
MARK = b"\nsha256 "
TAIL = len(MARK) + 64 + 1  # bytes: mark, hex digits, newline
TEXT = "OUT"  # kinds of NumPy's types for text


def write_dataset(path: Path, dataset: xr.Dataset) -> None:
    """Write a labelled result, atomically, with a Fletcher-32 checksum on every variable that can have one.

    Raises:
        ValueError: if the dataset breaks the schema of `modescape.results`.
    """
    validate(dataset)
    data = _encoded(dataset)
    durable.write_bytes(path, data + _tail(data), path.parents[1])


def read_dataset(path: Path) -> xr.Dataset:
    """Load a labelled result into memory.

    Raises:
        FileNotFoundError: if there is no such file.
        DamageError: if the file is damaged.
    """
    data = path.read_bytes()
    again = "delete it and run its analysis again"
    if data[-TAIL:] != _tail(data[:-TAIL]):
        raise DamageError(f"'{path}' is damaged: its checksum does not fit; {again}")
    try:
        with xr.open_dataset(io.BytesIO(data), engine="h5netcdf") as file:
            return file.load()
    except Exception as error:  # h5py raises OSError, KeyError, RuntimeError, ...
        raise DamageError(f"'{path}' cannot be loaded: {error}; {again}") from error


def _tail(data: bytes) -> bytes:
    return MARK + hashlib.sha256(data).hexdigest().encode() + b"\n"


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
