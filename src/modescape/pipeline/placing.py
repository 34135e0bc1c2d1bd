"""Where a study's work runs: the engine of its recipe, or this process where no other can have the network."""

from __future__ import annotations

from collections.abc import Callable

from modescape.engines import Engine, Here, make_engine
from modescape.errors import InputError
from modescape.models import of_session
from modescape.plain import shown
from modescape.recipe import Recipe


def engine_of(recipe: Recipe, device: str, say: Callable[[str], None]) -> Engine:
    """The engine that a recipe names; "auto" is this process for a network that is defined in a session without a file.

    Args:
        recipe: whose sections ``compute`` and ``model`` are read.
        device: where the work computes, "cpu" or "cuda".
        say: told in a line where the network alone decides.

    Raises:
        InputError: if there is no such engine, the session does not define the network, or workers cannot import it.
    """
    of_this_session = of_session(recipe.model.factory)
    compute, factory = recipe.compute, shown(recipe.model.factory)
    engine = make_engine(compute.engine, device, compute.workers)
    if not (engine.elsewhere and of_this_session):
        return engine
    if compute.engine != "auto":
        raise InputError(
            f"model.factory '{factory}' is defined in this session, which other processes cannot import; "
            "use compute.engine=here, or put the network into a file such as net.py and name it net:..."
        )
    say(f"model.factory '{factory}' is defined in this session: all work runs here, as with compute.engine=here")
    return Here()
