"""The networks that are trained from scratch beside fine-tuned members."""

from __future__ import annotations

from modescape.recipe import Recipe, parse

SCRATCH = "from-scratch"  # their folder under ``variants/``


def auxiliary(recipe: Recipe, examples: int) -> dict[str, Recipe]:
    """As many networks as the study has members, by its recipe without the start and with nothing frozen.

    Their learning rate may be another (``settings.fine_tuning.learning_rate``). None where members start from nothing.
    """
    if recipe.model.init is None:
        return {}
    values = recipe.model_dump(mode="json")
    values["model"] |= {"init": None, "init_digest": None, "freeze": []}
    values["train"] |= {"trajectories": 0, "keep_last": 1, "keep_every": None}
    if rate := recipe.settings.get("fine_tuning", {}).get("learning_rate"):
        values["train"]["learning_rate"] = rate
    return {SCRATCH: parse({**values, "analyses": [], "settings": {}}, "members from scratch")}
