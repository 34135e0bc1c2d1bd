"""The analyses of a study: each is a folder and a line of `ANALYSES` (`registry`), and is named nowhere else.

Importing this room costs nothing; an analysis is imported when its settings or its result are asked for.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from modescape.analyses.analysis import (
    AROUND,
    AVERAGED,
    BESIDE,
    CHECKPOINTS,
    COLUMN,
    GIVEN,
    LATER,
    MORE,
    NETWORK,
    OFFERED,
    OTHER,
    PARTS,
    PREDICTIONS,
    ROWS,
    SAME,
    SHIFTED,
    STARTED,
    TRAINED,
    UNSURE,
    Analysis,
)
from modescape.analyses.registry import ANALYSES
from modescape.analyses.settings import kind_of
from modescape.errors import InputError, NotEnough
from modescape.plain import is_own, nearest

if TYPE_CHECKING:
    import xarray as xr

    from modescape.context import StudyContext
    from modescape.offered import Offered
    from modescape.study import Study


def measure(name: str, of: Study | StudyContext | Offered, **settings: Any) -> xr.Dataset:
    """Run one analysis; the same study and settings give the same bits.

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

        with own.importable(name, last=True):  # its code may import modules of its folder when it is called
            return own.checked(name, _measured(name, of, settings))
    return _measured(name, of, settings)


def task_of(dataset: xr.Dataset | None) -> str:
    """The task that a result is for."""
    return "classification" if dataset is None else str(dataset.attrs.get("task", "classification"))


def suits(name: str, task: str) -> bool:
    """Whether an analysis is made for a task; a user's own analysis decides for itself."""
    return task == "classification" or is_own(name) or entry(name).numbers in (SAME, BESIDE)


def entry(name: str) -> Analysis:
    """The analysis of this name in the registry; a user's own, ``package.module:analysis``, is imported.

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
        if offered.bare and entry(name).bare != SAME:
            raise NotEnough(f"the analysis {name!r} {entry(name).bare}")
        if "auxiliary" not in entry(name).also:  # with its own auxiliary networks, these give them
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
    """Check settings: an analysis must have them, and their values must be of the right kind.

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
            continue  # it checks its values itself
        expected, fits = kind_of(known[setting])
        if not fits(value):
            raise InputError(f"{name}.{setting} is {value!r}; expected {expected}")


def _function(name: str) -> Callable[..., xr.Dataset]:
    return entry(name).part("measure").measure


__all__ = [
    "ANALYSES",
    "AROUND",
    "AVERAGED",
    "BESIDE",
    "CHECKPOINTS",
    "COLUMN",
    "GIVEN",
    "LATER",
    "MORE",
    "NETWORK",
    "OFFERED",
    "OTHER",
    "PARTS",
    "PREDICTIONS",
    "ROWS",
    "SAME",
    "SHIFTED",
    "STARTED",
    "TRAINED",
    "UNSURE",
    "Analysis",
    "check_settings",
    "defaults",
    "entry",
    "measure",
    "suits",
    "task_of",
    "without_former",
]
