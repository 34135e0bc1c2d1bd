"""The machine: devices, threads, caches, time and memory."""

from __future__ import annotations

import contextlib
import ctypes
import importlib.metadata
import os
import platform
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

from modescape.errors import InputError

ONE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
"""Environment variables with which numerical libraries use one thread, whenever they are loaded."""

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # names of glibc's malloc.h
_LARGEST, _GLIBC_DEFAULT = 1 << 30, 128 << 10  # bytes


def cores() -> int:
    """CPU cores that this process may use, at least 1."""
    if hasattr(os, "sched_getaffinity"):  # not on macOS
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def choose_device(name: str) -> str:
    """The device to compute on: "cpu" or "cuda".

    Args:
        name: "auto" (CUDA if available), "cpu" or "cuda".

    Raises:
        InputError: if the name is unknown, or CUDA is asked for and not available.
    """
    if name not in ("auto", "cpu", "cuda"):
        raise InputError(f"there is no device {name!r}; choose auto, cpu or cuda")
    if name == "cpu":
        return "cpu"
    import torch

    if torch.cuda.is_available():
        return "cuda"
    if name == "cuda":
        raise InputError(
            f"device 'cuda' was asked for, but PyTorch {torch.__version__} finds no CUDA GPU here; "
            "choose --device cpu or auto"
        )
    return "cpu"


def gpus() -> list[str]:
    """The GPUs that this process may use, as CUDA_VISIBLE_DEVICES names them; none where torch finds none."""
    import torch

    return visible_gpus(os.environ.get("CUDA_VISIBLE_DEVICES"), torch.cuda.device_count())


def visible_gpus(listed: str | None, count: int) -> list[str]:
    """Names of the GPUs that a process may use.

    Args:
        listed: the value of CUDA_VISIBLE_DEVICES; None if it is not set.
        count: of GPUs that CUDA finds.

    >>> visible_gpus(None, 2), visible_gpus("3,GPU-4a,5", 2), visible_gpus("", 0)
    (['0', '1'], ['3', 'GPU-4a'], [])
    """
    names = [str(number) for number in range(count)] if listed is None else listed.split(",")
    return [name.strip() for name in names[:count]]


def platform_info() -> dict[str, str | int]:
    """Versions and hardware that results may depend on: no host name, no user name, no paths."""
    info: dict[str, str | int] = {
        "python": platform.python_version(),
        "torch": importlib.metadata.version("torch"),
        "numpy": importlib.metadata.version("numpy"),
        "os": f"{platform.system()} {platform.release()}",
        "machine": platform.machine(),
        "processor": processor_name(),
        "cores": cores(),
    }
    torch = sys.modules.get("torch")  # not imported: nothing has run on a GPU
    if torch is not None and torch.cuda.is_available():
        info["gpu"] = torch.cuda.get_device_name()
    return info


def machine_kind(device: str, kernels: str) -> str:
    """The properties of a machine that determine rounding: the same kind, versions and work give the same bits.

    Args:
        device: "cpu" or "cuda".
        kernels: which kernels compute.
    """
    import torch

    if device == "cuda":
        return f"{torch.cuda.get_device_name()}, {kernels}"
    return f"{processor_name()}, {torch.backends.cpu.get_cpu_capability()}, {kernels}"


def processor_name() -> str:
    """The processor's model name."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:  # not Linux
        lines = []
    for line in lines:
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or "unknown"


def cache_folder() -> Path:
    """$MODESCAPE_CACHE, else ``modescape`` in the user's cache folder."""
    if folder := os.environ.get("MODESCAPE_CACHE"):
        return Path(folder)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "modescape"


def processor_features() -> str:
    """The processor's model and instruction sets: code compiled for one need not run on another."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:  # not Linux
        lines = []
    features = next((line.partition(":")[2] for line in lines if line.startswith(("flags", "Features"))), "")
    return f"{platform.machine()} {processor_name()} {' '.join(features.split())}"


def free_memory() -> int:
    """Estimate of the bytes of memory still available; half of the total where the system does not say."""
    with contextlib.suppress(OSError, ValueError, StopIteration):  # not Linux
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        return 1024 * int(next(line for line in lines if line.startswith("MemAvailable:")).split()[1])
    return total_memory() // 2


def total_memory() -> int:
    """Bytes of memory of this machine."""
    if sys.platform == "win32":
        import psutil  # it comes with the package there

        return psutil.virtual_memory().total
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def peak_memory() -> int:
    """The most memory that this process has held, resident bytes.

    Linux: VmHWM of the process itself. ``getrusage`` would count the parent too, whose peak a child inherits when it is
    started.
    """
    with contextlib.suppress(OSError):  # not Linux
        for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    if sys.platform == "win32":
        import psutil

        return psutil.Process().memory_info().peak_wset
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


@contextlib.contextmanager
def kept_memory() -> Iterator[None]:
    """Within this block freed memory stays with the process instead of returning to the system.

    A training step frees and allocates the same tens of megabytes; with glibc's defaults every step page-faults them,
    4,000 pages (28 ms a step against 20, SmallCNN at batch 128, one thread, n = 3 x 60 steps). Without glibc it does
    nothing.
    """
    own = None if sys.platform == "win32" else ctypes.CDLL(None)
    mallopt, trim = (getattr(own, name, None) for name in ("mallopt", "malloc_trim"))
    if mallopt is None or trim is None:
        yield
        return
    mallopt(_M_MMAP_THRESHOLD, _LARGEST)
    mallopt(_M_TRIM_THRESHOLD, _LARGEST)
    try:
        yield
    finally:
        mallopt(_M_MMAP_THRESHOLD, _GLIBC_DEFAULT)
        mallopt(_M_TRIM_THRESHOLD, _GLIBC_DEFAULT)
        trim(0)


@contextlib.contextmanager
def gpu_arithmetic(tf32: bool) -> Iterator[None]:
    """Within this block torch's GPU libraries sum in a fixed order, and multiply float32 in full precision or in TF32.

    Nor are kernels chosen by timing, so that the same call uses the same kernel every time.
    """
    import torch

    cudnn: Any = torch.backends.cudnn
    wanted = "tf32" if tf32 else "ieee"
    places = (cudnn.conv, torch.backends.cuda.matmul)
    before = [place.fp32_precision for place in places], cudnn.deterministic, cudnn.benchmark
    try:
        for place in places:
            place.fp32_precision = wanted
        cudnn.deterministic, cudnn.benchmark = True, False
        yield
    finally:
        for place, value in zip(places, before[0], strict=True):
            place.fp32_precision = value
        cudnn.deterministic, cudnn.benchmark = before[1:]


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Run a block with one thread in torch, BLAS and OpenMP, then restore the numbers of threads.

    Libraries first loaded inside the block have one thread too, through the environment.
    """
    import torch
    from threadpoolctl import ThreadpoolController

    controller = ThreadpoolController()
    loaded = [library.filepath for library in controller.lib_controllers]
    threads = torch.get_num_threads()
    with _environment(ONE_THREAD), controller.limit(limits=1):
        torch.set_num_threads(1)
        try:
            yield
        finally:
            torch.set_num_threads(threads)
    after = ThreadpoolController()
    new = [library.filepath for library in after.lib_controllers if library.filepath not in loaded]
    if new:
        after.select(filepath=new).limit(limits=cores())


@contextlib.contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def one_thread_environment() -> contextlib.AbstractContextManager[None]:
    """A block in which processes are started with `ONE_THREAD` in their environment."""
    return _environment(ONE_THREAD)


class Timer:
    """Wall-clock seconds of a block.

    >>> with Timer() as timer:
    ...     pass
    >>> timer.seconds < 1
    True
    """

    def __init__(self) -> None:
        self._start = time.perf_counter()
        self._end: float | None = None

    def __enter__(self) -> Self:
        self._start, self._end = time.perf_counter(), None
        return self

    def __exit__(self, *details: object) -> None:
        self._end = time.perf_counter()

    @property
    def seconds(self) -> float:
        """Seconds so far, or of the whole block once it is over."""
        return (time.perf_counter() if self._end is None else self._end) - self._start
