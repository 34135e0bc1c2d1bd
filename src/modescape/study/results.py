"""Labelled results on disk: NetCDF 4 files of the same bytes for the same values, checked when read."""

from __future__ import annotations

import functools
import hashlib
import io
import math
from pathlib import Path
from typing import NoReturn

import h5py
import xarray as xr

from modescape import durable
from modescape.errors import DamageError
from modescape.plain import shown
from modescape.results import in_present_names, validate
from modescape.study import layout

# HDF5's checksums cover neither text nor attributes, and HDF5 readers may crash on damaged files; so the SHA-256 of the
# file is appended after its end, where HDF5, which stores its own length, does not look
MARK = b"\nsha256 "
TAIL = len(MARK) + 64 + 1  # bytes: mark, hex digits, newline
TEXT = "OUT"  # NumPy's dtype kinds of text
NUMBERS = "biuf"  # NumPy's dtype kinds of numbers
MOST_HELD = 1 << 20  # bytes of a file whose result stays in memory
TEXTS = 16  # read at a time while their length is unknown
NO_VARIABLE = b"This is a netCDF dimension but not a netCDF variable"  # NetCDF 4's mark of a dimension without values


def write_dataset(path: Path, dataset: xr.Dataset) -> None:
    """Write a labelled result, atomically, with a Fletcher-32 checksum on every variable that can have one.

    Raises:
        ValueError: if the dataset breaks the schema of `modescape.results`.
    """
    validate(dataset)
    data = _encoded(dataset)
    durable.write_bytes(path, data + _tail(data), path.parents[1])


def _decoded(data: bytes) -> xr.Dataset:
    """Decode a file's bytes."""
    check_contents(data)
    with xr.open_dataset(io.BytesIO(data), engine="h5netcdf") as file:
        dataset = in_present_names(file.load())
    validate(dataset)
    return dataset


@functools.lru_cache(maxsize=32)
def _held(data: bytes) -> xr.Dataset:
    """`_decoded`, cached: the page and the verdict both read all results of a study."""
    return _decoded(data)


def read_dataset(path: Path) -> xr.Dataset:
    """Load a labelled result into memory.

    Raises:
        FileNotFoundError: if there is no such file.
        DamageError: if the file is damaged.
    """
    data = layout.read_file(path)
    again = f"make it again with: {layout.run_again(path.parents[1])}"
    if data[-TAIL:] != _tail(data[:-TAIL]):
        raise DamageError(f"'{path}' is damaged: its checksum does not match; {again}")
    try:
        return _decoded(data) if len(data) > MOST_HELD else _held(data).copy(deep=True)
    except Exception as error:  # h5py raises OSError, KeyError, RuntimeError, ...
        raise DamageError(f"'{path}' cannot be loaded: {shown(error)}; {again}") from error


def check_contents(data: bytes) -> None:
    """Refuse an HDF5 file unlike those written here: one with external links, or that grows on reading.

    Files written here hold every declared byte themselves, uncompressed.

    Raises:
        ValueError: naming the variable and what is wrong with it.
    """
    with h5py.File(io.BytesIO(data), "r") as file:
        declared = _checked_attributes("the file", file, len(data))
        for name in map(str, file):
            if not isinstance(file.get(name, getlink=True), h5py.HardLink):
                raise ValueError(f"'{name}' is a link to another place")
            item = file[name]
            if not isinstance(item, h5py.Dataset):
                raise ValueError(f"'{name}' is not a variable")
            declared += _checked_variable(name, item, len(data)) + _checked_attributes(f"'{name}'", item, len(data))
            if declared > len(data):
                raise ValueError(f"it declares {declared:,} bytes up to '{name}' and has {len(data):,}")


def _checked_variable(name: str, item: h5py.Dataset, most: int) -> int:
    """Bytes that a variable takes in memory, at least; as `check_contents`."""
    plan = item.id.get_create_plist()
    filters = {plan.get_filter(number)[0] for number in range(plan.get_nfilters())}
    if item.external or item.is_virtual or filters - {h5py.h5z.FILTER_FLETCHER32}:
        raise ValueError(f"'{name}' is compressed or lies in other files")
    if bytes(item.attrs.get("NAME", b"")).startswith(NO_VARIABLE):
        return 0  # a dimension without values: its length alone is read
    text = h5py.check_string_dtype(item.dtype)
    if text is None and item.dtype.kind not in NUMBERS:
        raise ValueError(f"'{name}' holds {item.dtype}, expected numbers or text")
    size = math.prod(item.shape or ())  # NumPy's own product would overflow
    declared = size * item.dtype.itemsize  # of text: of the pointers to it, which take more in the file
    if declared > item.id.get_storage_size():
        raise ValueError(f"'{name}' declares {declared:,} bytes that are not in the file")
    return declared + (_text_bytes(name, item, most) if text is not None and text.length is None else 0)


def _text_bytes(name: str, item: h5py.Dataset, most: int) -> int:
    """Bytes of all texts, read a few at a time: many may stand for the same long one."""
    if item.ndim != 1:
        return len(item[()]) if item.ndim == 0 else _refused(name)
    total = 0
    for start in range(0, len(item), TEXTS):
        total += sum(map(len, item[start : start + TEXTS]))
        if total > most:
            _refused(name)
    return total


def _checked_attributes(name: str, item: h5py.File | h5py.Dataset, most: int) -> int:
    """Bytes of the attributes in memory; as `check_contents`."""
    total = 0
    for key in item.attrs:
        about = item.attrs.get_id(key)
        size = math.prod(about.shape)
        if h5py.check_string_dtype(about.dtype) is not None and size > 1:
            raise ValueError(f"attribute '{key}' of {name} is a list of texts")
        total += size * about.dtype.itemsize
        if total > most:
            raise ValueError(f"the attributes of {name} declare more bytes than the file has")
    return total


def _refused(name: str) -> NoReturn:
    raise ValueError(f"the texts of '{name}' take more bytes than the file has")


def _tail(data: bytes) -> bytes:
    return MARK + hashlib.sha256(data).hexdigest().encode() + b"\n"


def _encoded(dataset: xr.Dataset) -> bytes:
    """The bytes of a NetCDF 4 file; nothing of it depends on the clock."""
    # settings remembered from the file that a dataset was read from must not affect this one
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
