"""Where work runs: this process, or supervised worker processes. More engines are more files beside these."""

from __future__ import annotations

from modescape.engines.base import Engine, Function, Listener, Opener, Outcome, Report
from modescape.engines.here import Here
from modescape.engines.processes import Processes, prepare
from modescape.errors import InputError
from modescape.runtime import cores

__all__ = [
    "ENGINES",
    "Engine",
    "Function",
    "Here",
    "Listener",
    "Opener",
    "Outcome",
    "Processes",
    "Report",
    "make_engine",
    "prepare",
]

ENGINES: dict[str, type[Engine]] = {"here": Here, "processes": Processes}


def make_engine(name: str, device: str, workers: int | None = None) -> Engine:
    """The engine that a recipe or the command line names.

    Args:
        name: "auto", a key of `ENGINES`, or "ray". "auto" is processes on a CPU when more than one worker is to be
            had, else here (one process feeds a GPU best).
        device: where the work computes, "cpu" or "cuda".
        workers: worker processes; None for one a core.

    Raises:
        InputError: if there is no such engine, or fewer than one worker is asked for.

    >>> make_engine("processes", "cpu", workers=2)
    Processes(workers=2)
    """
    if name == "ray":
        raise InputError(
            "the engine 'ray' is not in this version, it comes with the extra [ray] of a later one; "
            "choose auto, here or processes"
        )
    if name != "auto" and name not in ENGINES:
        raise InputError(f"there is no engine {name!r}; choose auto, {', '.join(ENGINES)}")
    if workers is not None and workers < 1:
        raise InputError(f"an engine needs 1 worker or more, not {workers}; leave workers out for one a core")
    if name == "auto":
        name = "processes" if device == "cpu" and (workers or cores()) > 1 else "here"
    return Processes(workers=workers) if name == "processes" else ENGINES[name]()
