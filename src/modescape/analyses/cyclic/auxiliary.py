"""The auxiliary networks for the comparison at equal training cost."""

from __future__ import annotations

from typing import Any

from modescape.analyses.auxiliary import CYCLIC, LONG_RUN, long_run, small
from modescape.recipe import Recipe

COLD = 1 / 50_000  # temperature of the published code


def auxiliary(recipe: Recipe, examples: int) -> dict[str, Recipe]:
    """Snapshot ensembles and cSG-MCMC against independent networks and one long run, at equal epochs of training.

    And one network at the cost of all members (`long_run`).
    """
    size, epochs = recipe.variants, recipe.auxiliary_epochs()
    long = size.cycles * epochs
    cycle: dict[str, Any] = {"kind": "cyclic", "cycles": size.cycles}
    kinds: dict[str, dict[str, Any]] = {
        # one ensemble of `cycles` networks per repeat
        "independent": {"members": size.members * size.cycles, "epochs": epochs, "schedule": {"kind": "cosine"}},
        "snapshots": {"epochs": long, "schedule": cycle},
        "csgmcmc, cold": {"epochs": long, "schedule": {**cycle, "temperature": COLD}},
        "csgmcmc, T = 1": {"epochs": long, "schedule": {**cycle, "temperature": 1.0}},
        "long run": {"epochs": long, "schedule": {"kind": "cosine"}},
    }
    found = {}
    for method, settings in kinds.items():
        # the ends of cycles, or of the training, are the only checkpoints that are used
        keep_every = epochs if settings["schedule"]["kind"] == "cyclic" else None
        kept = {"trajectories": 0, "keep_last": 1, "keep_every": keep_every}
        found[CYCLIC[method]] = small(recipe, examples, **kept, **settings)
    long_runs = long_run(recipe)
    return found if long_runs is None else found | {LONG_RUN: long_runs}
