"""The scores behind the verdict as numbers, for programs: one network, all together, and the difference."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from modescape.answers import score
from modescape.covers import covers_of
from modescape.wording.reading import full_size, holding, pick
from modescape.wording.scores import known

if TYPE_CHECKING:
    import xarray as xr


def scored(results: Mapping[str, xr.Dataset]) -> dict[str, Any]:
    """``one_network``, ``ensemble`` and ``gain``; nothing where the sizes of ensembles were not measured.

    Args:
        results: analysis -> its result.
    """
    sizes = holding(results, "score", "score_low", "gain", "subsets")  # one epoch alone has no final_gain
    size = max((full_size(sizes, "independent", name) for name in known(sizes)), default=0)
    if sizes is None or size < 2:
        return {}

    def scores(variable: str, at: int) -> dict[str, Any]:
        found, covers = {}, covers_of(sizes, variable)
        for name in known(sizes):
            ends = [
                pick(sizes, f"{variable}{end}", approach="independent", metric=name, size=at)
                for end in ("", "_low", "_high")
            ]
            found[name] = score(*ends, covers=covers)
        return found

    return {
        "one_network": {"scores": scores("score", 1)},
        "ensemble": {"size": size, "scores": scores("score", size)},
        "gain": scores("gain", size),
    }
