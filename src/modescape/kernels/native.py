"""The CPU's kernels in C: compiled when they are first needed, kept in the cache folder, loaded by ctypes.

A machine without a C compiler (``cc``, ``gcc``, ``clang`` or ``$CC``) uses those in the wheel, compiled for common
levels of x86-64 processors (`PREBUILT`). Without either, torch's operations compute the same, more slowly and, for
convolutions, with other rounding. ``MODESCAPE_NATIVE=off`` selects that. A study's plan records which ones it began
with (`build`), and it continues with them where possible (`going_on`).
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
from collections.abc import Iterator, Sequence
from contextvars import ContextVar
from pathlib import Path
from typing import Literal, TypeAlias

from modescape import runtime

SOURCES = Path(__file__).with_name("c")
FLAGS = ("-O3", "-std=gnu11", "-fopenmp-simd", "-ffp-contract=fast", "-fno-math-errno", "-fno-trapping-math")
HERE_ONLY = "-march=native"  # omitted if the compiler does not know it
SHARED = ("-shared", "-fPIC")
COMPILE_SECONDS = 60
Build: TypeAlias = Literal["here", "x86-64-v4", "x86-64-v3"]
"""Where compiled kernels come from: compiled on this machine, or from the wheel for a level of processors."""

PREBUILT_FOLDER = Path(__file__).with_name("prebuilt")  # in the wheel for Linux on x86-64, and there alone
_V2 = frozenset(["cx16", "lahf_lm", "popcnt", "pni", "sse4_1", "sse4_2", "ssse3"])
_V3 = _V2 | frozenset(["avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "abm", "movbe", "xsave"])
PREBUILT: dict[Build, frozenset[str]] = {  # level, as gcc names it -> required instruction sets; the best first
    "x86-64-v4": _V3 | frozenset(["avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"]),
    "x86-64-v3": _V3,
}

_wanted: ContextVar[Build] = ContextVar("modescape_wanted_kernels", default="here")


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


def library() -> ctypes.CDLL | None:
    """The compiled kernels, or None; found or compiled (within a second) once per process."""
    return _found(_wanted.get())[1]


def build() -> Build | None:
    """Where `library` comes from; None without one."""
    return _found(_wanted.get())[0]


def lanes() -> int:
    """Floats of a vector in the compiled kernels; 0 without them."""
    found = library()
    return 0 if found is None else found.lanes()


@contextlib.contextmanager
def going_on(build: Build | None) -> Iterator[None]:
    """Within this block `library` is the plan's build, if this machine has it and can run it."""
    token = _wanted.set(build or "here")
    try:
        yield
    finally:
        _wanted.reset(token)


@functools.cache
def _found(wanted: Build) -> tuple[Build | None, ctypes.CDLL | None]:
    if os.environ.get("MODESCAPE_NATIVE") == "off":
        return None, None
    prebuilt = levels(runtime.processor_features().split())
    if wanted in prebuilt and (found := _prebuilt(wanted)):
        return wanted, found
    compiler = find_compiler()
    for flags in ((*FLAGS, HERE_ONLY), FLAGS):
        if compiler is None:
            break
        with contextlib.suppress(OSError, subprocess.SubprocessError, AttributeError):
            return "here", _loaded(compiler, flags)
    for level in prebuilt:
        if found := _prebuilt(level):
            return level, found
    return None, None


def levels(features: Sequence[str]) -> list[Build]:
    """Which of `PREBUILT` a processor runs, the best first.

    Args:
        features: what it knows, in the words of Linux.

    >>> levels("mmx sse avx".split())
    []
    """
    return [level for level, needed in PREBUILT.items() if needed <= set(features)]


def _prebuilt(level: Build) -> ctypes.CDLL | None:
    with contextlib.suppress(OSError, AttributeError):
        return _declared(ctypes.CDLL(str(PREBUILT_FOLDER / f"{level}.so")))
    return None


def missing(build_before: Build | None = None) -> str | None:
    """Why there are no C kernels, or not those that a study was begun with, as a line for the user; else None."""
    with going_on(build_before):
        now = build()
    if now is not None:
        if build_before in (None, now):
            return None
        return f"the study was begun with the C kernels '{build_before}' and goes on with '{now}': last bits may differ"
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
    """The library built from this source by this compiler for this processor, from the cache if possible."""
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
        compile_into(made, compiler, flags)
        made.chmod(0o700)
        if safe:
            with made.open("rb") as file:  # synced before the rename, for power cuts
                os.fsync(file.fileno())
            made = made.replace(path)
        return _declared(ctypes.CDLL(str(made)))  # it stays loaded when the file is gone


def compile_into(made: Path, compiler: str, flags: Sequence[str]) -> None:
    """Compile the kernels.

    Raises:
        OSError, subprocess.SubprocessError: if that fails.
    """
    command = [compiler, *flags, *SHARED, *map(str, sorted(SOURCES.glob("*.c"))), "-o", str(made)]
    subprocess.run(command, check=True, capture_output=True, timeout=COMPILE_SECONDS)


def _declared(found: ctypes.CDLL) -> ctypes.CDLL:
    for name, (arguments, result) in _SIGNATURES.items():
        function = getattr(found, name)
        function.argtypes, function.restype = arguments, result
    return found


def _is_ours(path: Path) -> bool:
    """Whether the file exists and only this user can have written it, as loading it runs its code."""
    try:
        about = path.stat()
    except OSError:
        return False
    if not hasattr(os, "getuid"):  # Windows, where others cannot write to a user's home
        return True
    return about.st_uid == os.getuid() and not about.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
