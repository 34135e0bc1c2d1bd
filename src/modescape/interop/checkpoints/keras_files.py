"""Files of Keras: HDF5 as Keras 2 and 3 write it, and the archives of Keras 3 (``.keras``); read without Keras."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from modescape.errors import InputError
from modescape.interop.checkpoints.held import MOST, MOST_TENSORS, Held, Layer, natural
from modescape.interop.checkpoints.keras_graph import Described, described
from modescape.plain import is_count, read_regular, shown

SUFFIXES = (".h5", ".hdf5", ".keras")
MOST_CONFIG = 1 << 26  # bytes of a description of a network
WEIGHTS, CONFIG = "model.weights.h5", "config.json"  # inside an archive
NORM = ("gamma", "beta", "moving_mean", "moving_variance")
BROKEN = (OSError, KeyError, ValueError, TypeError, RuntimeError, AttributeError, RecursionError, EOFError)
MOST_DEPTH = 12  # of groups inside each other


def read_keras(path: Path) -> Held:
    """The layers of a file that have weights, in the order of the network.

    Raises:
        InputError: if it is no such file, leads to other files, or declares more than it holds.
    """
    try:
        if path.suffix == ".keras":
            layers = _of_archive(path)
        else:
            if path.stat().st_size > MOST:
                raise InputError(f"'{path}' has more than {MOST:,} bytes")
            with h5py.File(path, "r") as file:
                layers = _of_hdf5(path, file, path.stat().st_size)
    except FileNotFoundError:
        raise InputError(f"there is no file '{path}'") from None
    except InputError:
        raise
    except (*BROKEN, zipfile.BadZipFile) as error:
        raise InputError(f"'{path}' is not a Keras file ({shown(error, 160)})") from error
    if not layers:
        raise InputError(f"'{path}' holds no layer with weights; expected what Keras' model.save writes")
    return Held(path, {}, (f"{len(layers)} layers of Keras with weights",), layers=layers)


def _of_archive(path: Path) -> list[Layer]:
    with zipfile.ZipFile(io.BytesIO(read_regular(path, MOST))) as archive:
        sizes = {entry.filename: entry.file_size for entry in archive.infolist()}
        if WEIGHTS not in sizes or CONFIG not in sizes:
            raise InputError(f"'{path}' is not a Keras archive: it lacks {WEIGHTS} or {CONFIG}")
        if sum(sizes.values()) > 4 * path.stat().st_size + (1 << 20) or sizes[CONFIG] > MOST_CONFIG:
            raise InputError(f"'{path}' declares {sum(sizes.values()):,} bytes inside, more than it can hold")
        config = described(_parsed(path, archive.read(CONFIG)))
        data = archive.read(WEIGHTS)
    with h5py.File(io.BytesIO(data), "r") as file:
        return _numbered(path, file, config, len(data))


def _of_hdf5(path: Path, file: h5py.File, size: int) -> list[Layer]:
    text = file.attrs.get("model_config")
    config = described(_parsed(path, text)) if text is not None else Described()
    root = _inner(path, file, "model_weights") if "model_weights" in file else file
    if "layer_names" in root.attrs or "layer_names0" in root.attrs:
        return _listed(path, root, config, size)
    return _numbered(path, file, config, size)


def _parsed(path: Path, text: Any) -> Any:
    if len(text) > MOST_CONFIG:
        raise InputError(f"'{path}' describes its network in {len(text):,} bytes")
    return json.loads(text)


def _listed(path: Path, root: h5py.Group, config: Described, size: int) -> list[Layer]:
    """Layers as Keras 2 wrote them, and as Keras 3 does for ``.h5``: lists of names in attributes."""
    layers: list[Layer] = []
    for name in _texts(root, "layer_names"):
        group = _inner(path, root, name)
        by_layer: dict[str, dict[str, np.ndarray]] = {}
        for weight in _texts(group, "weight_names"):
            where, _, kind = weight.rpartition("/")
            array = _array(path, group, weight, size)
            by_layer.setdefault(where or name, {})[kind.partition(":")[0]] = array
        several = len(by_layer) > 1  # a network inside the network
        for where, arrays in by_layer.items():
            own = where.split("/")[-1] if several else name
            layers.append(config.layer(own, arrays))
    return layers


def _numbered(path: Path, file: h5py.File, config: Described, size: int) -> list[Layer]:
    """Layers of Keras 3's own layout: ``layers/conv2d_1/vars/0``, with the layer's name beside the numbers."""
    found: dict[str, Layer] = {}
    places: dict[str, str] = {}
    for place, group in _variables(path, file, ""):
        numbers = sorted((key for key in map(str, group) if key.isdecimal()), key=int)
        if not numbers or place.startswith("optimizer"):
            continue
        text = group.attrs.get("name", "")
        name = str(text.decode() if isinstance(text, bytes) else text) or place.split("/")[-1]
        arrays = [_array(path, group, key, size) for key in numbers]
        places[name] = place
        found[name] = config.layer(name, dict(zip(_kinds(arrays, config.settings.get(name, {})), arrays, strict=True)))
    order = {name: number for number, name in enumerate(config.order)}
    return sorted(found.values(), key=lambda layer: (order.get(layer.name, len(order)), natural(places[layer.name])))


def _kinds(arrays: list[np.ndarray], settings: Mapping[str, Any]) -> list[str]:
    """What the numbered arrays of a layer are."""
    if all(array.ndim == 1 for array in arrays) and len(arrays) >= 2:
        left_out = {"gamma": settings.get("scale", True), "beta": settings.get("center", True)}
        names = [name for name in NORM if left_out.get(name, True)]
        if len(arrays) == len(names):
            return names
        return [*NORM[: len(arrays)]] if len(arrays) <= len(NORM) else [str(number) for number in range(len(arrays))]
    known = ("kernel", "bias")
    return [known[number] if number < len(known) else str(number) for number in range(len(arrays))]


def _variables(path: Path, group: h5py.Group, place: str, depth: int = MOST_DEPTH) -> Iterator[tuple[str, h5py.Group]]:
    """All groups "vars", with the place of what they belong to."""
    for key in map(str, group):
        if not isinstance(group.get(key, getlink=True), h5py.HardLink):
            raise InputError(f"'{path}': '{shown(key, 60)}' is a link to elsewhere; expected weights")
        inner = group[key]
        if not isinstance(inner, h5py.Group):
            continue
        if key == "vars":
            yield place, inner
        elif depth:
            yield from _variables(path, inner, f"{place}/{key}" if place else key, depth - 1)


def _inner(path: Path, group: h5py.Group, name: str) -> Any:
    """The content of a group, without following links to elsewhere."""
    found: Any = group
    for part in name.split("/"):
        if not isinstance(found, h5py.Group) or not isinstance(found.get(part, getlink=True), h5py.HardLink):
            raise InputError(f"'{path}' has no '{shown(name, 60)}', or it is a link to elsewhere")
        found = found[part]
    return found


def _array(path: Path, group: h5py.Group, name: str, size: int) -> np.ndarray:
    where, _, last = name.rpartition("/")
    inner = _inner(path, group, where) if where else group
    found = _inner(path, inner, last)
    if not isinstance(found, h5py.Dataset) or found.dtype.kind not in "fiu" or found.ndim > 8:
        raise InputError(f"'{path}': '{shown(name, 60)}' is not an array of numbers")
    if found.external or found.is_virtual or found.size * found.dtype.itemsize > size:
        raise InputError(
            f"'{path}': '{shown(name, 60)}' declares {list(found.shape)} numbers that the file does not hold"
        )
    return np.asarray(found[()])


def _texts(group: h5py.Group, name: str) -> list[str]:
    """A list of texts in the attributes of a group; a long one is cut into several, numbered ones."""
    held = [name] if name in group.attrs else []
    number = 0
    while not held or f"{name}{number}" in group.attrs:
        if f"{name}{number}" not in group.attrs:
            break
        held.append(f"{name}{number}")
        number += 1
    attributes: Any = group.attrs
    texts = [text.decode() if isinstance(text, bytes) else str(text) for key in held for text in attributes[key]]
    if not is_count(len(texts), 0, MOST_TENSORS):
        raise ValueError(f"{len(texts):,} names")
    return texts
