"""The scores behind the verdict as numbers, for programs: one network, all together, and the difference."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from modescape.answers import score
from modescape.wording.reading import full_size, holding, pick
from modescape.wording.scores import known

if TYPE_CHECKING:
    import xarray as xr

NEW = "other networks of this recipe on other test examples"
THESE = "these networks on other test examples"  # of one network, and of the gain of two


def scored(results: Mapping[str, xr.Dataset]) -> dict[str, Any]:
    """``one_network``, ``ensemble`` and ``gain``; nothing where the sizes of ensembles were not measured.

    Args:
        results: analysis -> its result.
    """
    sizes = holding(results, "score", "score_low", "gain", "subsets")
    size = max((full_size(sizes, "independent", name) for name in known(sizes)), default=0)
    if sizes is None or size < 2:
        return {}

    def scores(variable: str, at: int, covers: str) -> dict[str, Any]:
        found = {}
        for name in known(sizes):
            ends = [
                pick(sizes, f"{variable}{end}", approach="independent", metric=name, size=at)
                for end in ("", "_low", "_high")
            ]
            found[name] = score(*ends, covers=covers)
        return found

    return {
        "one_network": {"scores": scores("score", 1, NEW)},
        "ensemble": {"size": size, "scores": scores("score", size, NEW)},
        "gain": scores("gain", size, THESE if size == 2 else NEW),
    }
