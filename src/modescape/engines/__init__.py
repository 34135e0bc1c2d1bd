"""Where work runs: this process, supervised worker processes, a Ray cluster. A new engine is a file and a line here."""

from __future__ import annotations

from modescape.engines.base import Engine, Function, Listener, Needs, Opener, Outcome, Report
from modescape.engines.here import Here
from modescape.engines.processes import Processes
from modescape.engines.ray import Ray
from modescape.errors import InputError
from modescape.runtime import cores, gpus

__all__ = [
    "ENGINES",
    "ENGINE_NAMES",
    "Engine",
    "Function",
    "Here",
    "Listener",
    "Needs",
    "Opener",
    "Outcome",
    "Processes",
    "Ray",
    "Report",
    "choose_engine",
    "make_engine",
]

ENGINES: dict[str, type[Engine]] = {  # name, as recipes and the command line have it
    "here": Here,
    "processes": Processes,
    "ray": Ray,
}
ENGINE_NAMES = ("auto", *ENGINES)


def choose_engine(name: str, device: str, workers: int | None = None, gpu_count: int = 1) -> type[Engine]:
    """The kind of engine that a recipe or the command line names; arguments and errors as for `make_engine`."""
    if name != "auto" and name not in ENGINES:
        raise InputError(f"there is no engine {name!r}; choose auto, {', '.join(ENGINES)}")
    if workers is not None and workers < 1:
        raise InputError(f"an engine needs 1 worker or more, not {workers}; leave workers out for one per core")
    if name == "auto":
        several = (workers or cores()) > 1 if device == "cpu" else min(workers or gpu_count, gpu_count) > 1
        return Processes if several else Here
    return ENGINES[name]


def make_engine(
    name: str, device: str, workers: int | None = None, address: str | None = None, memory: int = 0
) -> Engine:
    """The engine that a recipe or the command line names.

    Args:
        name: "auto", or a key of `ENGINES`. "auto" is "processes" if more than one worker is possible (one per core of
            a CPU, one per GPU), else "here" (one process feeds a GPU best).
        device: where the work computes, "cpu" or "cuda".
        workers: items worked on at once, if the engine can; None: one per core, or one per GPU.
        address: of a cluster, for an engine that works on one.
        memory: estimated peak memory of a worker, bytes; 0: unknown.

    Raises:
        InputError: if there is no such engine, or fewer than one worker is asked for, or an address is given to an
            engine without a cluster.

    >>> make_engine("processes", "cpu", workers=2)
    Processes(workers=2, devices=())
    """
    kind = choose_engine(name, device, workers, len(gpus()) if device == "cuda" else 0)
    if address is not None and not kind.clustered:
        clustered = " or ".join(one for one, engine in ENGINES.items() if engine.clustered)
        raise InputError(
            f"compute.address is {address!r}, and the engine {name!r} works on this machine; "
            f"choose --engine {clustered}"
        )
    return kind.of(workers, address, Needs(memory, device == "cuda"))
