"""Files of safetensors: one, or several that an index lists."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from modescape.errors import InputError
from modescape.interop.checkpoints.held import MOST, Held, checked
from modescape.interop.checkpoints.torch_files import SUFFIXES as PICKLES
from modescape.interop.checkpoints.torch_files import load
from modescape.plain import read_regular, shown
from modescape.types import Params

SUFFIX = ".safetensors"
INDEX = ".index.json"
MOST_INDEX = 1 << 26  # bytes
MOST_SHARDS = 10_000


def read_safetensors(path: Path) -> Held:
    """The tensors of a file.

    Raises:
        InputError: if it is no such file.
    """
    return Held(path, _tensors(path), epoch=_epoch(path))


def read_index(path: Path) -> Held:
    """The tensors of the files that an index lists; all of them lie beside it.

    Raises:
        InputError: if the index is broken, names a file elsewhere, or a tensor that its file does not hold.
    """
    places = _weight_map(path)
    tensors: Params = {}
    for shard in dict.fromkeys(places.values()):
        lying = path.parent / shard
        if (
            lying.is_symlink()
            and lying.resolve().parent != path.parent.resolve()
            and "blobs" not in lying.resolve().parts
        ):
            raise InputError(
                f"'{path}': its file '{shown(shard, 80)}' is a link that leads elsewhere; put the file there"
            )
        held = _tensors(lying) if lying.suffix == SUFFIX else checked(lying, _loaded(lying), lying.stat().st_size)
        wanted = [name for name, file in places.items() if file == shard]
        if missing := [name for name in wanted if name not in held]:
            raise InputError(f"'{lying}' lacks '{shown(missing[0], 80)}', which '{path.name}' says is in it")
        tensors |= {name: held[name] for name in wanted}
    return Held(path, tensors, (f"{len({*places.values()})} files by '{path.name}'",))


def _loaded(path: Path) -> dict[str, Any]:
    if path.suffix not in PICKLES or not path.is_file():
        raise InputError(f"there is no file of weights '{path}', which an index names")
    values = load(path)
    if not isinstance(values, dict):
        raise InputError(f"'{path}' holds a {type(values).__name__}, expected tensors by name")
    return values


def _weight_map(path: Path) -> dict[str, str]:
    """Tensor -> the name of its file."""
    try:
        held = json.loads(read_regular(path, MOST_INDEX))
        places = held["weight_map"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise InputError(f"'{path}' is not an index of weights ({shown(error, 120)}); expected a weight_map") from error
    if not isinstance(places, dict) or not places or not all(isinstance(file, str) for file in places.values()):
        raise InputError(f"'{path}' is not an index of weights: its weight_map is not tensor -> file")
    for file in dict.fromkeys(places.values()):
        if Path(file).name != file or file in ("", ".", "..") or "\\" in file or "\0" in file:
            raise InputError(f"'{path}' names the file {shown(repr(file), 80)}; expected the name of a file beside it")
    if len({*places.values()}) > MOST_SHARDS:
        raise InputError(f"'{path}' names more than {MOST_SHARDS:,} files")
    return places


def _tensors(path: Path) -> Params:
    """All tensors of one file."""
    try:
        about = path.stat()
        if not stat.S_ISREG(about.st_mode) or about.st_size > MOST:
            raise InputError(f"'{path}' is not an ordinary file of at most {MOST:,} bytes")
        with safe_open(path, framework="pt") as file:
            found = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no mapping
    except FileNotFoundError:
        raise InputError(f"there is no file '{path}'") from None
    except OSError as error:
        raise InputError(f"cannot read '{path}': {error.strerror or error}") from error
    except (SafetensorError, ValueError, KeyError, TypeError, RecursionError, RuntimeError) as error:
        raise InputError(f"'{path}' is not a {SUFFIX} file ({shown(error, 160)})") from error
    return checked(path, found, about.st_size)


def _epoch(path: Path) -> int | None:
    """The epoch that the file's own words name, where they do."""
    try:
        with safe_open(path, framework="pt") as file:
            words = file.metadata() or {}
    except (SafetensorError, OSError):
        return None
    text = words.get("epoch", "")
    return int(text) if isinstance(text, str) and text.isdecimal() and len(text) < 9 else None
