"""What is looked at in a study: one folder and one line of `ANALYSES` an analysis; nothing elsewhere names one.

Importing this room costs nothing; an analysis is imported when its settings or its result are asked for.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from modescape.analyses.settings import kind_of
from modescape.errors import InputError, NotEnough
from modescape.plain import is_own, nearest

if TYPE_CHECKING:
    import xarray as xr

    from modescape.context import StudyContext
    from modescape.offered import Offered
    from modescape.study import Study

PREDICTIONS, CHECKPOINTS, NETWORK = OFFERED = ("predictions", "checkpoints", "network")
"""What a study offers: what each network says on each example, weights and histories, a network that runs on data."""

AROUND = {"subspace": True}  # draws networks around solutions, or recomputes the batch-norm statistics of such
SHIFTED = {"data": {"shift", "frost"}}
OTHER = {"data": {"ood"}}
COLUMN = {"data": {"shift_column"}}
TRAINED = {"variants": True}
STARTED, ROWS = "a common start", "rows of a table"  # what a recipe may have or not
GIVEN = "networks that are given"  # no study is of these: predictions and checkpoints that others made
LATER = (COLUMN,)  # parts that came after results had been made: one left at its defaults is not there
SAME, BESIDE = "", "numbers"  # a regression is looked at by the same modules, or by those of that folder inside
PARTS = ("measure", "draw", "words", "example")  # modules of every folder
MORE = ("verdict", "cost", "auxiliary")  # and those that some have


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
    steps it trains; without it, it reads what is there), `auxiliary` (networks that it wants trained for it)."""
    former: tuple[str, ...] = ()  # settings of earlier versions, spelled out in their studies; they say nothing now
    quick: bool = False  # belongs to a first look: cheap, and what the verdict and the plainest pictures need
    at_equal_cost: bool = False  # also wants one network trained at the cost of all members
    numbers: str = "is of classes"
    """How a regression is looked at: `SAME`, `BESIDE`, or why it is not and what stands for it."""
    imports: tuple[str, ...] = ()  # what it imports when it is called, and takes a second
    only_for: str = ""  # `STARTED`, `ROWS` or `GIVEN`: recipes without it have the analysis only where they name it

    def part(self, name: str, task: str = "classification") -> Any:
        """A module of its folder, one of `PARTS` or of ``also``; for a task."""
        beside = task != "classification" and self.numbers == BESIDE
        return importlib.import_module(f"{self.where}.{BESIDE}.{name}" if beside else f"{self.where}.{name}")


ANALYSES: dict[str, Analysis] = {  # in the order of the page
    "training": Analysis("modescape.analyses.training", (CHECKPOINTS,), also=("verdict",), quick=True, numbers=SAME),
    "confusion": Analysis(
        "modescape.analyses.confusion", (PREDICTIONS,), numbers="counts which classes are mixed up; see calibration"
    ),
    "trajectory_similarity": Analysis(
        "modescape.analyses.trajectory_similarity", (PREDICTIONS, CHECKPOINTS), numbers=SAME
    ),
    "solution_similarity": Analysis(
        "modescape.analyses.solution_similarity", (PREDICTIONS,), also=("verdict",), quick=True, numbers=BESIDE
    ),
    "tsne": Analysis(
        "modescape.analyses.tsne",
        (PREDICTIONS,),
        also=("verdict", "cost"),
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
    "radial": Analysis("modescape.analyses.radial", (CHECKPOINTS, NETWORK), (AROUND,), also=("cost",), numbers=SAME),
    "tunnel": Analysis("modescape.analyses.tunnel", (CHECKPOINTS, NETWORK), (AROUND,), also=("cost",), numbers=SAME),
    "ensemble_size": Analysis(
        "modescape.analyses.ensemble_size",
        (PREDICTIONS,),
        also=("verdict",),
        former=("resamples",),
        quick=True,
        numbers=SAME,
    ),
    "ensemble_methods": Analysis(
        "modescape.analyses.ensemble_methods",
        (PREDICTIONS,),
        (AROUND,),
        also=("verdict", "cost"),
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
        "modescape.analyses.decomposition", (PREDICTIONS,), (AROUND,), also=("cost",), numbers=BESIDE
    ),
    "calibration": Analysis(
        "modescape.analyses.calibration", (PREDICTIONS,), (AROUND,), also=("cost",), numbers=BESIDE
    ),
    "diversity_plane": Analysis(
        "modescape.analyses.diversity_plane",
        (PREDICTIONS,),
        (AROUND,),
        also=("cost",),
        numbers=BESIDE,
    ),
    "diversity_map": Analysis(
        "modescape.analyses.diversity_map", (PREDICTIONS,), (AROUND, SHIFTED), also=("cost",), numbers=SAME
    ),
    "subspace_scales": Analysis(
        "modescape.analyses.subspace_scales", (CHECKPOINTS, NETWORK), (AROUND,), also=("cost",), numbers=SAME
    ),
    "shift": Analysis(
        "modescape.analyses.shift", (PREDICTIONS,), (AROUND, SHIFTED, COLUMN), also=("verdict", "cost"), numbers=BESIDE
    ),
    "ood": Analysis("modescape.analyses.ood", (PREDICTIONS,), (AROUND, OTHER), also=("cost",), numbers=BESIDE),
    "randomness": Analysis(
        "modescape.analyses.randomness",
        (PREDICTIONS, CHECKPOINTS),
        (TRAINED,),
        also=("verdict", "auxiliary"),
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
        also=("verdict", "auxiliary"),
        at_equal_cost=True,
        numbers=SAME,
    ),
}


def measure(name: str, of: Study | StudyContext | Offered, **settings: Any) -> xr.Dataset:
    """Carry out one analysis; the same study and settings give the same bits.

    Args:
        name: a key of `ANALYSES`, or ``package.module:analysis``.
        of: a study with trained members and their predictions; or its context, which keeps what the next analysis
            would load and choose again; or what else offers predictions, checkpoints, or a network and data.
        **settings: keyword settings of that analysis (see `defaults`).

    Returns:
        The result, in the schema of docs/results.md.

    Raises:
        InputError: if there is no such analysis or setting.
        NotEnough: if what is offered is too little for it; the message says what it needs.
    """
    check_settings(name, settings)
    if is_own(name):
        from modescape.analyses import own

        with own.importable(name, last=True):  # its code may import its neighbours when it is called
            return own.checked(name, _measured(name, of, settings))
    return _measured(name, of, settings)


def task_of(dataset: xr.Dataset | None) -> str:
    """The task of a result."""
    return "classification" if dataset is None else str(dataset.attrs.get("task", "classification"))


def suits(name: str, task: str) -> bool:
    """Whether an analysis is made for a task; what a user wrote decides for itself."""
    return task == "classification" or is_own(name) or entry(name).numbers in (SAME, BESIDE)


def entry(name: str) -> Analysis:
    """An analysis of the registry; ``package.module:analysis``, one of the user's own, is imported.

    Raises:
        InputError: if there is no such analysis.
    """
    if is_own(name):
        from modescape.analyses.own import load

        return load(name)
    if name not in ANALYSES:
        raise InputError(f"no analysis {name!r}; {nearest(name, list(ANALYSES))}")
    return ANALYSES[name]


def _measured(name: str, of: Study | StudyContext | Offered, settings: Mapping[str, Any]) -> xr.Dataset:
    from threadpoolctl import threadpool_limits

    from modescape.analyses.requirements import check_offered, network_of, trained
    from modescape.runtime import one_thread

    with threadpool_limits(limits=1):  # sums of matrix products depend on the number of threads in their last bits
        offered = _offered(of)
        if not suits(name, offered.task):
            raise NotEnough(f"the analysis {name!r} {entry(name).numbers}; this is a regression")
        if "auxiliary" not in entry(name).also:  # else they are taken of the networks that were trained for it
            check_offered(offered, entry(name).needs, f"the analysis {name!r}")
        part = entry(name).part("measure", offered.task)
        function, announced = part.measure, getattr(part, "draws", None)
        runs_networks = NETWORK in entry(name).needs
        if not runs_networks and (announced is None or offered.context is None):
            return function(offered, **settings)
        trained(offered, 1, f"the analysis {name!r}")  # before any data is loaded
        context = network_of(offered, f"the analysis {name!r}")
        with one_thread(), context.at_work():
            if runs_networks or announced is None:
                return function(context, **settings)
            from modescape.analyses.sampled import with_sampled

            return function(with_sampled(context, announced(context, **defaults(name) | dict(settings))), **settings)


def _offered(of: Study | StudyContext | Offered) -> Offered:
    from modescape.context import StudyContext
    from modescape.offered import Offered
    from modescape.study import Study

    context = StudyContext(of) if isinstance(of, Study) else of
    return context if isinstance(context, Offered) else context.offered


def defaults(name: str) -> dict[str, Any]:
    """The keyword settings of an analysis with their default values.

    Raises:
        InputError: if there is no such analysis.
    """
    parameters = inspect.signature(_function(name)).parameters.values()
    return {item.name: item.default for item in parameters if item.kind is item.KEYWORD_ONLY}


def without_former(settings: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Settings of analyses, by their names, without those that an earlier version had."""
    return {
        name: {key: value for key, value in own.items() if name not in ANALYSES or key not in ANALYSES[name].former}
        for name, own in settings.items()
    }


def check_settings(name: str, settings: Mapping[str, Any]) -> None:
    """Refuse settings that an analysis does not have, and values of the wrong kind.

    Raises:
        InputError: naming the nearest analysis or setting, or what the value should be.
    """
    entry(name)
    if not settings:
        return
    known = defaults(name)
    for setting, value in settings.items():
        if setting not in known:
            there = nearest(setting, list(known)) if known else "it has none"
            raise InputError(f"analysis {name!r} has no setting {setting!r}; {there}")
        if is_own(name):
            continue  # it says itself what its values may be
        expected, fits = kind_of(known[setting])
        if not fits(value):
            raise InputError(f"{name}.{setting} is {value!r}; expected {expected}")


def _function(name: str) -> Callable[..., xr.Dataset]:
    return entry(name).part("measure").measure
