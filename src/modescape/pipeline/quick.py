"""A first look: a recipe made so small that its page takes about a tenth of the time."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from modescape import analyses
from modescape import recipe as recipes
from modescape.analyses.settings import usual
from modescape.plain import NAME_LENGTH
from modescape.recipe import Quick, Recipe, lengthened

SHARE = 10  # of the whole recipe's training is one part trained
MOST_MEMBERS = 4  # with fewer an ensemble says little
LEAST_EPOCHS = 2


def quick_recipe(recipe: str | Path | Recipe, overrides: Sequence[str] = ()) -> Recipe:
    """A recipe with at most 4 members, so many epochs that training takes a tenth, and the cheapest analyses.

    A schedule in epochs is shortened with them, and no single network is trained at the ensemble's cost. Its name ends
    in ``-quick``, and what the whole recipe has is kept in ``Recipe.quick``. It trains other networks, so it is a study
    of its own.

    Args:
        recipe: a built-in name, a YAML file, or a `Recipe`.
        overrides: settings, which win over all this.

    >>> small = quick_recipe("digits", ["train.members=5"])
    >>> small.name, small.train.members, small.train.epochs, small.quick.members
    ('digits-quick', 5, 10, 5)
    """
    base, whole = recipes.load(recipe), recipes.load(recipe, overrides)
    values = base.model_dump(mode="json")
    members = min(base.train.members, MOST_MEMBERS)
    epochs = max(LEAST_EPOCHS, round(base.train.epochs * base.train.members / members / SHARE))
    epochs = min(base.train.epochs, epochs)
    values["train"] = lengthened(values["train"], epochs) | {"members": members}
    named = _names(base)
    values["analyses"] = [name for name in named if _entry(name).quick] or named
    values["variants"]["long_runs"] = 0  # one takes as long as all members
    values["name"] = f"{base.name[: NAME_LENGTH - 6]}-quick"
    values["quick"] = Quick(members=whole.train.members, epochs=whole.train.epochs, analyses=_names(whole)).model_dump()
    return recipes.load(recipes.parse(values, "the quick recipe"), overrides)


def quick_words(recipe: Recipe) -> str:
    """A sentence on what a recipe leaves out of the full one; "" if nothing."""
    whole, left = recipe.quick, []
    if whole is None:
        return ""
    for what, own, all_of_it in (
        ("networks", recipe.train.members, whole.members),
        ("epochs", recipe.train.epochs, whole.epochs),
    ):
        if own < all_of_it:
            left.append(f"{own} of {all_of_it} {what}")
    absent = [name for name in whole.analyses if name not in _names(recipe)]
    if absent:
        left.append(f"without {', '.join(absent)}")
    long = [name for name in whole.analyses if _entry(name).at_equal_cost]
    if long and (set(long) <= set(absent) or not recipe.variants.long_runs):
        left.append("without one network at the training cost of all")
    return f"A quick look (--quick): {'; '.join(left)}." if left else ""


def _entry(name: str) -> analyses.Analysis:
    """The analysis; an unknown one, which is refused later, as one without marks."""
    return analyses.ANALYSES.get(name, analyses.Analysis("", ()))


def _names(recipe: Recipe) -> list[str]:
    return usual(recipe) if recipe.analyses is None else list(recipe.analyses)
