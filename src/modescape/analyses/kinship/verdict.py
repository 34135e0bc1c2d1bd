"""What kinship adds to the head of the page: whether networks that stand as independent ones are related."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from modescape.analyses.kinship.words import families, said, spread
from modescape.wording.head import Part
from modescape.wording.reading import holding

if TYPE_CHECKING:
    import xarray as xr

QUESTION = "Which of these networks are related?"
RELATED = "Related networks count as one where an interval is for new members: treat those intervals as too narrow."


def verdict(results: Mapping[str, xr.Dataset]) -> Part:
    """Who is related to whom; and what that means for intervals over networks."""
    kinship = holding(results, "relation_support", "cosine")
    if kinship is None:
        return Part()
    related = any(len(own) > 1 for own in families(kinship))
    alone = all(int(one.attrs.get("examples", 0)) == 0 for one in results.values())
    return Part(
        question=QUESTION if alone else "",
        answer={40: said(kinship)},
        sentences={60: spread(kinship)},
        limits={50: RELATED if related and not alone else ""},
    )
