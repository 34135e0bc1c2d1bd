"""Where a study's work runs: the engine of its recipe, or this process where no other can have the recipe's code."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from modescape.engines import ENGINES, Engine, Here, make_engine
from modescape.errors import InputError
from modescape.named import of_session
from modescape.plain import shown
from modescape.recipe import Recipe

MEGABYTE = 1_000_000


def engine_of(
    recipe: Recipe,
    device: str,
    say: Callable[[str], None],
    memory: Callable[[], int] = lambda: 0,
    path: Path | None = None,
) -> Engine:
    """The engine that a recipe names; "auto" is this process for what others cannot have.

    That is code that is defined in a session without a file, and a study in this process's memory.

    Args:
        recipe: whose sections ``compute``, ``model`` and ``data`` are read.
        device: where the work computes, "cpu" or "cuda".
        say: told in a line where that code alone decides.
        memory: reckons the bytes that a worker holds, for engines that ask for it.
        path: of the study.

    Raises:
        InputError: if there is no such engine, the session does not define what is named, or workers cannot import it.
    """
    compute, code = recipe.compute, {"model.factory": recipe.model.factory, "data.source": recipe.data.code}
    here = [
        f"{setting} '{shown(name)}' is defined in this session"
        for setting, name in code.items()
        if of_session(name, setting)
    ]
    cannot, instead = "import", "or put it into a file such as net.py and name it net:..."
    if str(path).startswith("memory://"):
        here, cannot, instead = (
            [f"'{path}' lies in this process's memory"],
            "see",
            "or choose a folder or an object store",
        )
    held = 0
    if compute.engine in ENGINES and ENGINES[compute.engine].clustered:
        held = compute.worker_memory * MEGABYTE if compute.worker_memory else memory()
    engine = make_engine(compute.engine, device, compute.workers, compute.address, held)
    if not (engine.elsewhere and here):
        return engine
    if compute.engine != "auto":
        raise InputError(f"{here[0]}, which other processes cannot {cannot}; use compute.engine=here, {instead}")
    say(f"{here[0]}: all work runs here, as with compute.engine=here")
    return Here()
