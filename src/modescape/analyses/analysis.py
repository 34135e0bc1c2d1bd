"""The description of an analysis: where its modules are, what it needs, and how it is treated."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

PREDICTIONS, CHECKPOINTS, NETWORK = OFFERED = ("predictions", "checkpoints", "network")
"""What a study offers: each network's predictions on each example, weights and histories, a network to run on data."""

THEMES = (LEARNING, MODELS, SIZE_AND_COST, METHODS, MEMBERS, WHERE_MEMBERS_PART, CALIBRATION, LANDSCAPE, OTHER_DATA) = (
    *("Learning", "Models", "Size and cost", "Methods", "Members", "Where members diverge", "Calibration", "Landscape"),
    "Shift and other data",
)
"""Headings of the page, in order; analyses under one heading appear together."""

AROUND = {"subspace": True}  # samples networks around solutions, or recomputes their batch-norm statistics
AVERAGED = {"subspace": {"samples", "last", "batch_norm"}}  # averages weights at the ends of runs, and runs them
STATISTICS = {"subspace": {"batch_norm"}}  # runs weights between trained ones
SHIFTED = {"data": {"shift", "frost"}}
OTHER = {"data": {"ood"}}
COLUMN = {"data": {"shift_column"}}
TRAINED = {"variants": True}
STARTED, ROWS = "a common start", "rows of a table"  # properties that only some recipes have
GIVEN = "networks that are given"  # never a study's: predictions and checkpoints made elsewhere
LATER = (COLUMN,)  # parts added after results had been made; one left at its defaults counts as absent
UNSURE = "needs probabilities (of a regression: variances), and the predictions are one class (one number) per example"
SAME, BESIDE = "", "numbers"  # a regression uses the same modules, or those of this subfolder
PARTS = ("measure", "draw", "words", "example")  # modules of every folder
MORE = ("verdict", "cost", "auxiliary", "explore")  # and those that some have


@dataclass(frozen=True)
class Analysis:
    """One analysis: where its modules are, what it needs, and how it is treated; modules are imported on first use.

    Its folder has the modules of `PARTS`: `measure` (a study to a labelled result; its keyword arguments are the
    settings), `draw` (the figure, for papers and for the page), `words` (of its section) and `example` (a made-up
    result for tests).
    """

    where: str  # the package
    needs: tuple[str, ...]  # of `OFFERED`: all are required, of the auxiliary networks where it trains some
    uses: tuple[Mapping[str, Any], ...] = ()  # parts of the recipe that a result depends on, besides the training
    also: tuple[str, ...] = ()
    """Further modules: `verdict` (what it adds to the head of the page), `cost` (images it sends through networks and
    steps it trains; without it, it reads what is there), `auxiliary` (networks that it wants trained for it), `explore`
    (what it adds to the explorer of the page)."""
    former: tuple[str, ...] = ()  # settings of earlier versions that old studies still contain; ignored
    quick: bool = False  # part of a quick run: cheap, and needed by the verdict and the basic figures
    at_equal_cost: bool = False  # also wants one network trained at the cost of all members
    numbers: str = "is of classes"
    """How a regression is handled: `SAME`, `BESIDE`, or why it is not, and which analysis to use instead."""
    imports: tuple[str, ...] = ()  # slow imports that it makes when it is called
    bare: str = SAME
    """How predictions without confidence (only a class, only a mean) are handled: `SAME`, or why they are not."""
    given: bool = False  # also for given predictions, without a run, its snapshots or other sets of examples
    decides: bool = False  # its result holds the candidates of `modescape decide`
    theme: str = ""  # its heading, one of `THEMES`; "" for a user's own analyses
    told_with: str = ""
    """The analysis in whose section of the page this one is shown, if both have a result; the words of that one cover
    both (`modescape.wording.text.Text.together`)."""
    tab: str = ""  # of the explorer, in which its figure is shown unchanged (`modescape.plots.explored.TABS`)
    layers: bool = False  # a panel at a time
    only_for: str = ""  # `STARTED`, `ROWS` or `GIVEN`: recipes without it have the analysis only where they name it

    def part(self, name: str, task: str = "classification") -> Any:
        """A module of its folder, one of `PARTS` or of ``also``, for this task."""
        beside = task != "classification" and self.numbers == BESIDE
        return importlib.import_module(f"{self.where}.{BESIDE}.{name}" if beside else f"{self.where}.{name}")


def of_given(name: str, theme: str, *also: str, **more: Any) -> dict[str, Analysis]:
    """An analysis of given predictions; a study runs it only where its recipe names it.

    Args:
        name: of its folder.
        theme: one of `THEMES`.
        also: its further modules.
        more: other fields.
    """
    fields = {"numbers": SAME, "given": True, "only_for": GIVEN, **more}
    return {name: Analysis(f"modescape.analyses.{name}", (PREDICTIONS,), theme=theme, also=also, **fields)}
