"""One file of weights of any format."""

from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path

from modescape.errors import InputError
from modescape.interop.checkpoints import keras_files, safetensors_files, torch_files
from modescape.interop.checkpoints.held import FORMATS, Held
from modescape.plain import nearest

MAGIC = b"\x89HDF\r\n\x1a\n"
READERS: dict[str, tuple[Callable[[Path], Held], tuple[str, ...]]] = {  # format -> reader, endings of its files
    "torch": (torch_files.read_torch, torch_files.SUFFIXES),
    "lightning": (torch_files.read_torch, torch_files.SUFFIXES),
    "safetensors": (safetensors_files.read_safetensors, (safetensors_files.SUFFIX,)),
    "keras": (keras_files.read_keras, keras_files.SUFFIXES),
}


def suffixes(kind: str = "auto") -> tuple[str, ...]:
    """Endings of the files of a format; of all of them for "auto"."""
    kinds = READERS if kind == "auto" else [kind]
    return tuple(dict.fromkeys(suffix for one in kinds for suffix in READERS[one][1]))


def check_format(kind: str) -> None:
    """Refuse a format that is not known.

    Raises:
        InputError: naming those that are.
    """
    if kind not in FORMATS:
        raise InputError(f"no format {kind!r}; {nearest(kind, FORMATS)}")


def read(path: Path, kind: str = "auto") -> Held:
    """The weights of a file, or of those that an index lists.

    Args:
        path: of the file.
        kind: one of `FORMATS`; auto: by its ending, or its first bytes.

    Raises:
        InputError: if it cannot be read as that.
    """
    check_format(kind)
    try:
        about = path.stat()
    except OSError as error:
        raise InputError(f"cannot read '{path}': {error.strerror}") from error
    if not stat.S_ISREG(about.st_mode):
        raise InputError(f"'{path}' is not an ordinary file; expected a file of weights")
    if path.name.endswith(safetensors_files.INDEX):
        return safetensors_files.read_index(path)
    if kind == "auto":
        kind = next((one for one, (_, endings) in READERS.items() if path.suffix.lower() in endings), "") or _by_bytes(
            path
        )
    return READERS[kind][0](path)


def _by_bytes(path: Path) -> str:
    """The format of a file whose ending says nothing."""
    with path.open("rb") as file:
        start = file.read(16)
    if start.startswith(MAGIC):
        return "keras"
    if start.startswith((b"PK", b"\x80")):
        return "torch"
    if len(start) == 16 and start[8:9] == b"{":
        return "safetensors"
    raise InputError(f"'{path}' has an unknown format; name it in place of auto: {', '.join(FORMATS[1:])}")
