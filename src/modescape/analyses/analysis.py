"""What an analysis is: where its parts lie, what it takes, and how it is to be treated."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

PREDICTIONS, CHECKPOINTS, NETWORK = OFFERED = ("predictions", "checkpoints", "network")
"""What a study offers: what each network says on each example, weights and histories, a network that runs on data."""

THEMES = (LEARNING, MODELS, SIZE_AND_COST, METHODS, MEMBERS, WHERE_MEMBERS_PART, CALIBRATION, LANDSCAPE, OTHER_DATA) = (
    *("Learning", "Models", "Size and cost", "Methods", "Members", "Where members part", "Calibration", "Landscape"),
    "Shift and other data",
)
"""Headings of the page, in their order: what belongs together stands side by side."""

AROUND = {"subspace": True}  # draws networks around solutions, or recomputes the batch-norm statistics of such
AVERAGED = {"subspace": {"samples", "last", "batch_norm"}}  # averages the weights of runs' ends, and runs such networks
STATISTICS = {"subspace": {"batch_norm"}}  # runs weights between those that were trained
SHIFTED = {"data": {"shift", "frost"}}
OTHER = {"data": {"ood"}}
COLUMN = {"data": {"shift_column"}}
TRAINED = {"variants": True}
STARTED, ROWS = "a common start", "rows of a table"  # what a recipe may have or not
GIVEN = "networks that are given"  # no study is of these: predictions and checkpoints that others made
LATER = (COLUMN,)  # parts that came after results had been made: one left at its defaults is not there
UNSURE = "needs probabilities (of a regression: variances), and there is one class (one number) an example"
SAME, BESIDE = "", "numbers"  # a regression is looked at by the same modules, or by those of that folder inside
PARTS = ("measure", "draw", "words", "example")  # modules of every folder
MORE = ("verdict", "cost", "auxiliary", "explore")  # and those that some have


@dataclass(frozen=True)
class Analysis:
    """One analysis: where its parts lie, what it takes, and how it is to be treated; nothing is imported until asked.

    Its folder has the modules of `PARTS`: `measure` (a study to a labelled result; its keyword arguments are the
    settings), `draw` (the figure, for papers and for the page), `words` (of its section) and `example` (a made-up
    result for tests).
    """

    where: str  # the package
    needs: tuple[str, ...]  # of `OFFERED`: without any of these it is refused; of auxiliary networks where it has such
    uses: tuple[Mapping[str, Any], ...] = ()  # parts of the recipe that a result depends on, beside what was trained
    also: tuple[str, ...] = ()
    """Further modules: `verdict` (what it adds to the head of the page), `cost` (images it sends through networks and
    steps it trains; without it, it reads what is there), `auxiliary` (networks that it wants trained for it), `explore`
    (what it adds to the explorer of the page)."""
    former: tuple[str, ...] = ()  # settings of earlier versions, spelled out in their studies; they say nothing now
    quick: bool = False  # belongs to a first look: cheap, and what the verdict and the plainest pictures need
    at_equal_cost: bool = False  # also wants one network trained at the cost of all members
    numbers: str = "is of classes"
    """How a regression is looked at: `SAME`, `BESIDE`, or why it is not and what stands for it."""
    imports: tuple[str, ...] = ()  # what it imports when it is called, and takes a second
    bare: str = SAME
    """How predictions are looked at that say no confidence (one class alone, a mean alone): `SAME`, or why not."""
    given: bool = False  # also of predictions that others made, without a run, its snapshots or other sets of examples
    decides: bool = False  # its result holds the candidates of `modescape decide`
    theme: str = ""  # what it is about, one of `THEMES`; "" of others' analyses
    told_with: str = ""
    """The analysis in whose section of the page this one is told, where both have a result: that one's words say how
    (`modescape.wording.text.Text.together`)."""
    tab: str = ""  # of the explorer, in which its figure stands as it is (`modescape.plots.explored.TABS`)
    layers: bool = False  # a panel at a time
    only_for: str = ""  # `STARTED`, `ROWS` or `GIVEN`: recipes without it have the analysis only where they name it

    def part(self, name: str, task: str = "classification") -> Any:
        """A module of its folder, one of `PARTS` or of ``also``; for a task."""
        beside = task != "classification" and self.numbers == BESIDE
        return importlib.import_module(f"{self.where}.{BESIDE}.{name}" if beside else f"{self.where}.{name}")


def of_given(name: str, theme: str, *also: str, **more: Any) -> dict[str, Analysis]:
    """An analysis of models whose predictions others made, and of no study unless it names it.

    Args:
        name: of its folder.
        theme: one of `THEMES`.
        also: its further modules.
        more: other fields.
    """
    fields = {"numbers": SAME, "given": True, "only_for": GIVEN, **more}
    return {name: Analysis(f"modescape.analyses.{name}", (PREDICTIONS,), theme=theme, also=also, **fields)}
