"""The auxiliary networks: branches of one run, and independent networks."""

from __future__ import annotations

import numpy as np

from modescape.analyses.auxiliary import small
from modescape.recipe import Recipe

FOLDER = "branching"  # member 0 is the run itself
INDEPENDENT = "branching-independent"
POINTS = 6  # epochs of branching beside 0
LATEST = 0.8  # of the training


def branch_epochs(epochs: int) -> list[int]:
    """Epochs after which branches leave a run: 0, and up to six in a geometric sequence from 1 to four fifths of it.

    >>> branch_epochs(40)
    [0, 1, 2, 4, 8, 16, 32]
    >>> branch_epochs(10)
    [0, 1, 2, 3, 5, 8]
    """
    if epochs < 2:
        return [0]
    row = np.rint(np.geomspace(1, max(1.0, LATEST * epochs), POINTS)).astype(int)
    return [0, *sorted({int(epoch) for epoch in row if epoch < epochs})]


def auxiliary(recipe: Recipe, examples: int) -> dict[str, Recipe]:
    """One run and, for each epoch of `branch_epochs`, as many branches as the recipe wants networks of a kind.

    Where these are trained less than the study's members, as many independent networks are trained as little.
    """
    children, kept = recipe.variants.members, {"trajectories": 0, "keep_last": 1, "keep_every": None}
    epochs = [epoch for epoch in branch_epochs(recipe.auxiliary_epochs()) for _ in range(children)]
    streams = {"initialisation": "shared", "branches": epochs}
    found = {FOLDER: small(recipe, examples, streams=streams, members=1 + len(epochs), **kept)}
    if trained_less(recipe, examples):
        found[INDEPENDENT] = small(recipe, examples, members=1 + children, **kept)
    return found


def trained_less(recipe: Recipe, examples: int) -> bool:
    """Whether networks of analyses are trained on fewer examples than members, or for other epochs."""
    return examples > recipe.variants.train or recipe.auxiliary_epochs() != recipe.train.epochs
