"""The CPU's kernels in C: compiled when they are first needed, kept in the cache folder, loaded by ctypes.

A machine without a C compiler (``cc``, ``gcc``, ``clang`` or ``$CC``) computes the same with torch's operations, more
slowly and, where convolutions are concerned, rounded in another order. ``MODESCAPE_NATIVE=off`` asks for that.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import hashlib
import os
import shutil
import stat
import subprocess
import tempfile
from pathlib import Path

from modescape import runtime

SOURCES = Path(__file__).with_name("c")
FLAGS = ("-O3", "-std=gnu11", "-fopenmp-simd", "-ffp-contract=fast", "-fno-math-errno", "-fno-trapping-math")
HERE_ONLY = "-march=native"  # left out where a compiler does not know it
SHARED = ("-shared", "-fPIC")
COMPILE_SECONDS = 60


class BlockShape(ctypes.Structure):
    """``shape_t`` of block.c."""

    _fields_ = [(name, ctypes.c_int64) for name in (
        *("examples", "height", "width", "channels", "filters", "kernel_height", "kernel_width", "padding"),
        *("out_height", "out_width", "size", "relu"),
    )]  # fmt: skip


_POINTER, _INT, _KEY, _FLOAT = ctypes.c_void_p, ctypes.c_int64, ctypes.c_uint64, ctypes.c_float
_SIGNATURES = {  # arguments as the C files list them, and what is returned
    "block_forward": ([_POINTER] * 6 + [_KEY, _INT, _INT, _FLOAT], _INT),
    "block_backward": ([_POINTER] * 8 + [_FLOAT], _INT),
    "lanes": ([], _INT),
    "dropout": ([_POINTER] * 2 + [_INT, _KEY, _INT, _INT, _FLOAT], None),
    "pool_forward": ([_POINTER] * 3 + [_INT] * 8 + [_KEY, _INT, _INT, _FLOAT], _INT),
    "pool_backward": ([_POINTER] * 3 + [_INT] * 7 + [_FLOAT], None),
    "prepare": ([_POINTER] * 3 + [_INT] * 4 + [_POINTER] * 3 + [_INT, _POINTER, _FLOAT] + [_POINTER] * 2, None),
}


@functools.cache
def library() -> ctypes.CDLL | None:
    """The compiled kernels, or None where there are none; found, or compiled within a second, once a process."""
    compiler = find_compiler()
    if compiler is None or os.environ.get("MODESCAPE_NATIVE") == "off":
        return None
    for flags in ((*FLAGS, HERE_ONLY), FLAGS):
        with contextlib.suppress(OSError, subprocess.SubprocessError, AttributeError):
            return _loaded(compiler, flags)
    return None


@functools.cache
def lanes() -> int:
    """Floats of a vector in the compiled kernels; 0 without them."""
    found = library()
    return 0 if found is None else found.lanes()


def missing() -> str | None:
    """Why there are no C kernels, as a line for the user; None where there are."""
    if library() is not None:
        return None
    compiler = find_compiler()
    if os.environ.get("MODESCAPE_NATIVE") == "off":
        reason = "the C kernels are switched off (MODESCAPE_NATIVE=off)"
    elif compiler is None:
        reason = "no C compiler is installed (gcc or clang)"
    else:
        reason = f"'{compiler}' cannot compile the C kernels"
    return f"{reason}: training on the CPU takes two to three times as long"


def find_compiler() -> str | None:
    """Path of the C compiler: ``$CC`` where it names a program, else the first of cc, gcc and clang."""
    names = [os.environ.get("CC", ""), "cc", "gcc", "clang"]
    return next((path for name in names if name and (path := shutil.which(name))), None)


def _loaded(compiler: str, flags: tuple[str, ...]) -> ctypes.CDLL:
    """The library made of this source by this compiler for this processor, from the cache where it is there."""
    program = Path(compiler).resolve()
    texts = [path.read_text(encoding="utf-8") for path in sorted(SOURCES.iterdir())]
    about = [*texts, str(program), str(program.stat().st_mtime_ns), *flags, *SHARED]
    name = hashlib.sha256("\0".join([*about, runtime.processor_features()]).encode()).hexdigest()[:32]
    folder = runtime.cache_folder() / "native"
    with contextlib.suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path, safe = folder / f"{name}.so", _is_ours(folder)
    if safe and _is_ours(path):
        return _declared(ctypes.CDLL(str(path)))
    with tempfile.TemporaryDirectory(prefix=".", dir=folder if safe else None) as scratch:
        made = Path(scratch) / path.name
        command = [compiler, *flags, *SHARED, *map(str, sorted(SOURCES.glob("*.c"))), "-o", str(made)]
        subprocess.run(command, check=True, capture_output=True, timeout=COMPILE_SECONDS)
        made.chmod(0o700)
        if safe:
            with made.open("rb") as file:  # whole before it has its name, also after a power cut
                os.fsync(file.fileno())
            made = made.replace(path)
        return _declared(ctypes.CDLL(str(made)))  # it stays loaded when the file is gone


def _declared(found: ctypes.CDLL) -> ctypes.CDLL:
    for name, (arguments, result) in _SIGNATURES.items():
        function = getattr(found, name)
        function.argtypes, function.restype = arguments, result
    return found


def _is_ours(path: Path) -> bool:
    """Whether it is there and only this user can have written it: what is loaded runs."""
    try:
        about = path.stat()
    except OSError:
        return False
    return about.st_uid == os.getuid() and not about.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
