"""Surfaces and curves in the formats of other tools, read and written.

The `.h5` files of tomgoldstein/loss-landscape (Li et al. 2018): `xcoordinates`, `ycoordinates`, `train_loss`,
`train_acc` (percent), with -1 for points not computed; x varies fastest, whatever the shape says. The
`curve.npz` of timgaripov/dnn-mode-connectivity (Garipov et al. 2018): `ts`, `dl` (distance from the point before), and
`tr_`, `te_` with `loss`, `nll`, `acc`, `err` (percent).
"""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from modescape import durable
from modescape.errors import InputError
from modescape.landscape.surface import ACCURACY, LOSS, Surface

NOT_YET = -1.0  # in their files: not computed
NAMES = {"train_loss": LOSS, "train_acc": ACCURACY, "test_loss": "test loss", "test_acc": "test accuracy"}
PERCENT = (ACCURACY, "test accuracy")
CURVES = ("loss", "nll", "acc", "err")
MOST = 1 << 28  # most values read from a file


def read(path: str | Path) -> Surface:
    """A surface from a file: .h5 of loss-landscape, else one that `Surface.save` wrote.

    Raises:
        InputError: if the file is neither.
    """
    return read_h5(path) if Path(path).suffix in (".h5", ".hdf5") else Surface.load(path)


def write(surface: Surface, path: str | Path) -> None:
    """Write a surface, atomically, in the format of the file's extension."""
    if Path(path).suffix in (".h5", ".hdf5"):
        write_h5(surface, path)
    else:
        surface.save(path)


def read_h5(path: str | Path) -> Surface:
    """Read a surface of loss-landscape; -1 stands for points not computed.

    Raises:
        InputError: if the file does not hold such a surface.
    """
    import h5py

    try:
        with h5py.File(path, "r") as file:
            arrays = {
                name: np.asarray(held[()], dtype=np.float64)
                for name, held in file.items()
                if isinstance(held, h5py.Dataset) and held.dtype.kind in "fiu" and 0 < (held.size or 0) <= MOST
            }
    except OSError as error:
        raise InputError(f"'{path}' cannot be read as HDF5: {error}") from error
    if "xcoordinates" not in arrays or "train_loss" not in arrays:
        raise InputError(f"'{path}' holds {', '.join(arrays) or 'no numbers'}; expected xcoordinates and train_loss")
    x, y = arrays["xcoordinates"], arrays.get("ycoordinates")
    shape = (len(x),) if y is None else (len(y), len(x))
    surface = Surface.empty(x, y)
    fields = {}
    for name, own in NAMES.items():
        if name in arrays:
            if arrays[name].size != np.prod(shape):
                raise InputError(f"'{name}' of '{path}' has {arrays[name].size} numbers, expected {np.prod(shape)}")
            values = arrays[name].reshape(shape)
            values = np.where(values == NOT_YET, np.nan, values)
            fields[own] = values / 100 if own in PERCENT else values
    begun = arrays["train_loss"].reshape(shape) != NOT_YET
    return Surface(x=surface.x, y=surface.y, fields=fields, measured=begun)


def write_h5(surface: Surface, path: str | Path) -> None:
    """Write a surface as loss-landscape's own tools read it, with -1 for points not computed."""
    import h5py

    held = io.BytesIO()
    with h5py.File(held, "w") as file:
        file["xcoordinates"] = surface.x
        shape: tuple[int, ...] = surface.x.shape
        if surface.y is not None:
            file["ycoordinates"] = surface.y
            shape = (len(surface.x), len(surface.y))
        for name, own in NAMES.items():
            if own in surface.fields:
                values = surface.fields[own] * (100 if own in PERCENT else 1)
                file[name] = np.where(surface.measured, values, NOT_YET).reshape(shape)
    durable.write_bytes(Path(path), held.getvalue())


@dataclass(frozen=True, eq=False)
class Curve:
    """Values along a path between two solutions.

    Attributes:
        t: positions in [0, 1], [t].
        distance: from the previous point, weight units, [t]; 0 for the first.
        fields: "train loss", "test accuracy", ... -> [t]; shares, not percent.
    """

    t: np.ndarray
    distance: np.ndarray
    fields: dict[str, np.ndarray] = field(default_factory=dict)


_CURVE_NAMES = {
    f"{short}_{name}": f"{split} {word}"
    for short, split in (("tr", "train"), ("te", "test"))
    for name, word in zip(CURVES, ("loss", "nll", "accuracy", "error"), strict=True)
}


def read_curve(path: str | Path) -> Curve:
    """Read a curve of dnn-mode-connectivity.

    Raises:
        InputError: if the file does not hold such a curve.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: np.asarray(file[name], dtype=np.float64) for name in file.files}
    except (OSError, ValueError, EOFError) as error:
        raise InputError(f"'{path}' cannot be read as .npz: {error}") from error
    if "ts" not in arrays:
        raise InputError(f"'{path}' holds {', '.join(arrays) or 'nothing'}; expected ts, dl, tr_loss, ...")
    t = arrays["ts"].reshape(-1)
    known = {own: arrays[name].reshape(-1) for name, own in _CURVE_NAMES.items() if name in arrays}
    if odd := [name for name, values in known.items() if len(values) != len(t)]:
        raise InputError(f"'{odd[0]}' of '{path}' has {len(known[odd[0]])} values, ts {len(t)}")
    fields = {name: values / 100 if name.endswith(("accuracy", "error")) else values for name, values in known.items()}
    return Curve(t, arrays.get("dl", np.full(len(t), np.nan)).reshape(-1), fields)


def write_curve(curve: Curve, path: str | Path) -> None:
    """Write a curve as dnn-mode-connectivity's own tools read it, with minimum, maximum, mean and path integral."""
    arrays: dict[str, np.ndarray] = {"ts": curve.t, "dl": curve.distance}
    for name, own in _CURVE_NAMES.items():
        if own not in curve.fields:
            continue
        values = curve.fields[own] * (100 if own.endswith(("accuracy", "error")) else 1)
        steps = curve.distance[1:]
        arrays[name] = values
        arrays |= {f"{name}_min": values.min(), f"{name}_max": values.max(), f"{name}_avg": values.mean()}
        arrays[f"{name}_int"] = (0.5 * (values[:-1] + values[1:]) * steps).sum() / steps.sum()
    held = io.BytesIO()
    np.savez(held, allow_pickle=False, **arrays)  # type: ignore[arg-type]
    durable.write_bytes(Path(path), held.getvalue())
