"""What the made-up results share."""

from collections.abc import Sequence

import numpy as np

EXAMPLES = 10_000
CROSSED = "95 %: new networks on new examples; ..._these: these networks on new examples"


def stated(methods: Sequence[str], dim: str = "method", draws: int = 0) -> dict:
    """Scale, distance and control of methods, as every result that samples has them; [method] or [method, draw]."""
    place = np.arange(len(methods), dtype=float)
    without = np.isin(methods, ("single", "independent"))
    scale = np.where(without | np.isin(methods, ("trajectory", "mc_dropout", "weight_average")), np.nan, 0.1 + place)
    distance, control = np.where(without, np.nan, 0.05 + 0.01 * place), np.where(without, np.nan, 0.0)
    dims, shape = ((dim, "draw"), (1, draws)) if draws else ((dim,), ())
    scale, distance = (np.multiply.outer(one, np.ones(draws)) if shape else one for one in (scale, distance))
    return {
        "scale": (dims, scale, "1", "setting of the method"),
        "distance": (dims, distance, "1", "distance over the length of the weights"),
        "control": ((dim,), control, "1", "difference at distance 0"),
    }


def provenance(members: int) -> dict[str, str | int]:
    """What every dataset carries, as ``Study.provenance`` returns it."""
    return {
        "recipe_hash": "0123456789abcdef",
        "recipe_name": "example",
        "version": "0.1.0",
        "seed": 0,
        "examples": EXAMPLES,
        "members": members,
        "repeats": 1,
    }
