"""The registry: what an analysis is, and the one line that each has in `ANALYSES`."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

PREDICTIONS, CHECKPOINTS, NETWORK = OFFERED = ("predictions", "checkpoints", "network")
"""What a study offers: what each network says on each example, weights and histories, a network that runs on data."""

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
    only_for: str = ""  # `STARTED`, `ROWS` or `GIVEN`: recipes without it have the analysis only where they name it

    def part(self, name: str, task: str = "classification") -> Any:
        """A module of its folder, one of `PARTS` or of ``also``; for a task."""
        beside = task != "classification" and self.numbers == BESIDE
        return importlib.import_module(f"{self.where}.{BESIDE}.{name}" if beside else f"{self.where}.{name}")


def _given(name: str, *also: str, numbers: str = SAME, bare: str = SAME) -> dict[str, Analysis]:
    """An analysis of models whose predictions others made, and of no study unless it names it."""
    where, needs = f"modescape.analyses.{name}", (PREDICTIONS,)
    return {name: Analysis(where, needs, also=also, numbers=numbers, bare=bare, given=True, only_for=GIVEN)}


ANALYSES: dict[str, Analysis] = {  # in the order of the page
    "training": Analysis(
        "modescape.analyses.training", (CHECKPOINTS,), also=("verdict", "explore"), quick=True, numbers=SAME
    ),
    **_given("model_scores", "verdict", "explore"),
    **_given("subset_choice", "verdict", "explore"),
    **_given("model_groups"),
    **_given("model_pairs", "explore"),
    **_given("contributions"),
    **_given(
        "model_calibration",
        "explore",
        numbers="fits temperatures of classes; see calibration",
        bare=f"{UNSURE}: it compares them with how often they are right",
    ),
    **_given("parts_of_data"),
    **_given(
        "disputed_examples", numbers="ranks examples by their classes; see decomposition for how far models differ"
    ),
    "confusion": Analysis(
        "modescape.analyses.confusion",
        (PREDICTIONS,),
        numbers="counts which classes are mixed up; see calibration",
        given=True,
    ),
    "trajectory_similarity": Analysis(
        "modescape.analyses.trajectory_similarity", (PREDICTIONS, CHECKPOINTS), numbers=SAME
    ),
    "solution_similarity": Analysis(
        "modescape.analyses.solution_similarity",
        (PREDICTIONS,),
        also=("verdict", "explore"),
        quick=True,
        numbers=BESIDE,
    ),
    "member_predictions": Analysis(
        "modescape.analyses.member_predictions",
        (PREDICTIONS,),
        ({"data": {"private"}},),
        also=("explore",),
        quick=True,
        numbers="averages probabilities of classes; see solution_similarity for how far members differ",
        bare=f"{UNSURE}: it averages probabilities",
    ),
    "cka": Analysis("modescape.analyses.cka", (CHECKPOINTS, NETWORK), also=("cost",), numbers=SAME),
    "tsne": Analysis(
        "modescape.analyses.tsne",
        (PREDICTIONS,),
        also=("verdict", "cost", "explore"),
        quick=True,
        imports=("sklearn.manifold",),
        numbers=SAME,
    ),
    "tsne_subspace": Analysis(
        "modescape.analyses.tsne_subspace",
        (PREDICTIONS,),
        (AROUND,),
        also=("cost",),
        imports=("sklearn.manifold",),
        numbers=SAME,
    ),
    "radial": Analysis(
        "modescape.analyses.radial", (CHECKPOINTS, NETWORK), (AROUND,), also=("cost", "explore"), numbers=SAME
    ),
    "surface": Analysis(
        "modescape.analyses.surface", (CHECKPOINTS, NETWORK), (STATISTICS,), also=("cost", "explore"), numbers=SAME
    ),
    "tunnel": Analysis(
        "modescape.analyses.tunnel", (CHECKPOINTS, NETWORK), (AROUND,), also=("cost", "explore"), numbers=SAME
    ),
    "curvature": Analysis(
        "modescape.analyses.curvature", (CHECKPOINTS, NETWORK), (STATISTICS,), also=("cost",), numbers=SAME
    ),
    "connectivity": Analysis(
        "modescape.analyses.connectivity",
        (CHECKPOINTS, NETWORK),
        (SHIFTED,),
        also=("verdict", "cost", "explore"),
        numbers=SAME,
    ),
    "ensemble_size": Analysis(
        "modescape.analyses.ensemble_size",
        (PREDICTIONS,),
        also=("verdict", "explore"),
        former=("resamples",),
        quick=True,
        numbers=SAME,
        given=True,
    ),
    "equal_cost": Analysis(
        "modescape.analyses.equal_cost",
        (PREDICTIONS,),
        (TRAINED, AVERAGED),
        also=("verdict", "cost", "auxiliary", "explore"),
        quick=True,
        at_equal_cost=True,
        numbers=SAME,
        given=True,
        decides=True,
    ),
    "ensemble_methods": Analysis(
        "modescape.analyses.ensemble_methods",
        (PREDICTIONS,),
        (AROUND,),
        also=("verdict", "cost", "explore"),
        former=("resamples",),
        numbers=SAME,
    ),
    "gradient_boosting": Analysis(
        "modescape.analyses.gradient_boosting",
        OFFERED,
        also=("verdict",),
        quick=True,
        numbers=SAME,
        imports=("sklearn.ensemble",),
        only_for=ROWS,
    ),
    "decomposition": Analysis(
        "modescape.analyses.decomposition",
        (PREDICTIONS,),
        (AROUND,),
        also=("cost",),
        numbers=BESIDE,
        bare=f"{UNSURE}: it splits their scores",
        given=True,
    ),
    "calibration": Analysis(
        "modescape.analyses.calibration", (PREDICTIONS,), (AROUND,), also=("cost", "explore"), numbers=BESIDE
    ),
    "diversity_plane": Analysis(
        "modescape.analyses.diversity_plane",
        (PREDICTIONS,),
        (AROUND,),
        also=("cost",),
        numbers=BESIDE,
        given=True,
    ),
    "diversity_map": Analysis(
        "modescape.analyses.diversity_map",
        (PREDICTIONS,),
        (AROUND, SHIFTED),
        also=("cost",),
        numbers=SAME,
        bare=f"{UNSURE}: its law is of their squared distances",
        given=True,
    ),
    "subspace_scales": Analysis(
        "modescape.analyses.subspace_scales", (CHECKPOINTS, NETWORK), (AROUND,), also=("cost",), numbers=SAME
    ),
    "shift": Analysis(
        "modescape.analyses.shift",
        (PREDICTIONS,),
        (AROUND, SHIFTED, COLUMN),
        also=("verdict", "cost", "explore"),
        numbers=BESIDE,
    ),
    "ood": Analysis("modescape.analyses.ood", (PREDICTIONS,), (AROUND, OTHER), also=("cost",), numbers=BESIDE),
    "randomness": Analysis(
        "modescape.analyses.randomness",
        (PREDICTIONS, CHECKPOINTS),
        (TRAINED,),
        also=("verdict", "auxiliary"),
        numbers=SAME,
    ),
    "branching": Analysis(
        "modescape.analyses.branching",
        OFFERED,
        (TRAINED, STATISTICS),
        also=("verdict", "cost", "auxiliary"),
        numbers=SAME,
    ),
    "fine_tuning": Analysis(
        "modescape.analyses.fine_tuning",
        (PREDICTIONS, CHECKPOINTS),
        also=("verdict", "auxiliary"),
        only_for=STARTED,
    ),
    "cyclic": Analysis(
        "modescape.analyses.cyclic",
        (PREDICTIONS,),
        (TRAINED,),
        also=("verdict", "auxiliary", "explore"),
        at_equal_cost=True,
        numbers=SAME,
    ),
    "kinship": Analysis("modescape.analyses.kinship", (CHECKPOINTS,), also=("verdict",), numbers=SAME, only_for=GIVEN),
    "weight_spectra": Analysis("modescape.analyses.weight_spectra", (CHECKPOINTS,), numbers=SAME, only_for=GIVEN),
}
