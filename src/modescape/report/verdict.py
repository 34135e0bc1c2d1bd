"""The verdict in plain words: what analyses say of their results, put together.

A rule of the house: where the interval of a gain includes 0, the verdict says "inconclusive".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from modescape.analyses import ANALYSES
from modescape.covers import headed
from modescape.wording.head import Card, Part, Places, Purchase, Rows

if TYPE_CHECKING:
    import xarray as xr

OTHER_RECIPES = (
    "Other data, networks or schedules: this is one recipe on one data set, and its test images come from the same "
    "source as its training images."
)
OTHER_SOURCES = (
    "Other data, and how the networks were made: only their predictions on these examples were given. Networks that "
    "were "
    "trained or chosen on these examples look better here than they are."
)
IMPORTED = (
    "Other data, and how the networks were trained: only their checkpoints were given. Networks that were trained or "
    "chosen on these examples look better here than they are."
)
ALONE = "What these networks predict: only their weights were given."
BY_ITSELF = "A gain needs two networks or more; this page shows what one tells."
TRAINED_LESS = 80  # place among the limits


@dataclass(frozen=True)
class Verdict:
    """What the page opens with."""

    question: str  # the heading
    answer: str  # short sentences: whether members had converged, what wins at equal cost, whether averaging worked
    sentences: list[str]  # the comparison with figures
    why: list[str]  # the reasons, as far as they were measured
    enough: str  # how many members are enough
    limits: list[str]  # what this does not show
    cards: list[Card]
    scores: list[tuple[str, str, str, str, str, str]]  # score, better, one network, ensemble, gain, its interval
    purchases: list[Purchase]  # what each way to make an ensemble buys
    priced: str  # the analysis that these are of, in whose section they stand
    equivalent: str  # the best of one run in a sentence
    equivalents: bool = True  # whether these are known in independent networks, too
    covers: str = ""  # what the intervals of the ensemble and of gains cover
    covers_scores: str = ""  # what those of `scores` cover
    lead: str = ""  # part of the answer: what to do
    compared: Rows | None = None  # candidates against those of equal cost
    steps: Rows | None = None  # what each further network changes

    @property
    def change_head(self) -> str:
        """The head of the column of changes in the table of scores."""
        return headed("change", self.covers_scores)

    @property
    def purchase_heads(self) -> list[str]:
        """The heads of the table of what each way to make an ensemble buys, but the first."""
        if not self.purchases:
            return []
        first = self.purchases[0]
        changes = [headed(name, first.covers) for name in (first.measured, "NLL (nats)")]
        equivalent = [headed("deep ensemble equivalent", first.covers_equivalent)] if self.equivalents else []
        return ["training (times)", "passes (times)", *changes, *equivalent]


def judge(results: Mapping[str, xr.Dataset], given: bool = False, imported: bool = False) -> Verdict:
    """The verdict of a study; whatever is missing is left out or said to be missing.

    Args:
        results: analysis -> its result; each analysis that has something to say sees all of them.
        given: they are of predictions that others made: nothing is said of analyses without a result.
        imported: the same of checkpoints.
    """
    own = given or imported
    speaking = [name for name, one in ANALYSES.items() if "verdict" in one.also and (name in results or not own)]
    parts: list[Part] = [ANALYSES[name].part("verdict").verdict(results) for name in speaking]
    worked = any(part.worked for part in parts) and not any(part.beaten for part in parts)
    less = _placed(part.trained_less for part in parts)
    auxiliary: Places = {TRAINED_LESS: f"Full training: {'; '.join(less)} (variants in the recipe)."} if less else {}
    question = "Why did the ensemble work?" if worked else "Did the ensemble work?"
    alone = own and bool(results) and all(int(result.attrs["members"]) <= 1 for result in results.values())
    if own:
        question = "One network by itself" if alone else "What do these networks gain together?"
    answers = [{0: BY_ITSELF} if alone else {}, *(part.answer for part in parts)]
    return Verdict(
        question=_joined(part.question for part in parts) or question,
        answer=" ".join(_placed(answers)),
        sentences=_placed(part.sentences for part in parts),
        why=_placed(part.why for part in parts),
        enough=_joined(part.enough for part in parts),
        limits=_placed(
            [
                {0: _other(results, given, imported)},
                auxiliary,
                *(part.limits for part in parts),
            ]
        ),
        cards=[card for cards in _placed(part.cards for part in parts) for card in cards],
        scores=_chained(part.scores for part in parts),
        purchases=_chained(part.purchases for part in parts),
        priced=next((name for name, part in zip(speaking, parts, strict=True) if part.purchases), ""),
        equivalent=_joined(part.equivalent for part in parts),
        equivalents=any("equivalent_below" in result for result in results.values()),
        covers=_joined(part.covers for part in parts),
        covers_scores=_joined(part.covers_scores for part in parts),
        lead=_joined(part.lead for part in parts),
        compared=next((part.compared for part in parts if part.compared), None),
        steps=next((part.steps for part in parts if part.steps), None),
    )


def _other(results: Mapping[str, xr.Dataset], given: bool, imported: bool) -> str:
    """What no result shows, by where the networks are from."""
    if given:
        return OTHER_SOURCES
    looked = any(int(result.attrs.get("examples", 0)) for result in results.values())
    return (IMPORTED if looked else ALONE) if imported else OTHER_RECIPES


def _placed(parts: Iterable[Places]) -> list[Any]:
    """What there is, by its place; what is empty is left out."""
    placed = [(place, item) for part in parts for place, item in part.items() if item]
    return [item for _, item in sorted(placed, key=lambda one: one[0])]


def _chained(parts: Iterable[Sequence[Any]]) -> list[Any]:
    return [item for part in parts for item in part]


def _joined(parts: Iterable[str]) -> str:
    return " ".join(filter(None, parts))
