"""What is looked at in a study: one folder an analysis, a function from a study to a labelled result and its figure.

Importing this room costs nothing; an analysis is imported when its settings or its result are asked for.
"""

from __future__ import annotations

import difflib
import importlib
import inspect
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from modescape.errors import InputError

if TYPE_CHECKING:
    import xarray as xr

    from modescape.context import StudyContext
    from modescape.offered import Offered
    from modescape.study import Study

ANALYSES = {  # in the order of the page
    "training": "modescape.analyses.training",
    "confusion": "modescape.analyses.confusion",
    "trajectory_similarity": "modescape.analyses.trajectory_similarity",
    "solution_similarity": "modescape.analyses.solution_similarity",
    "tsne": "modescape.analyses.tsne",
    "tsne_subspace": "modescape.analyses.tsne_subspace",
    "radial": "modescape.analyses.radial",
    "tunnel": "modescape.analyses.tunnel",
    "ensemble_size": "modescape.analyses.ensemble_size",
    "ensemble_methods": "modescape.analyses.ensemble_methods",
    "decomposition": "modescape.analyses.decomposition",
    "calibration": "modescape.analyses.calibration",
    "diversity_plane": "modescape.analyses.diversity_plane",
    "diversity_map": "modescape.analyses.diversity_map",
    "subspace_scales": "modescape.analyses.subspace_scales",
    "shift": "modescape.analyses.shift",
    "ood": "modescape.analyses.ood",
    "randomness": "modescape.analyses.randomness",
    "cyclic": "modescape.analyses.cyclic",
}
AROUND = {"subspace": True}  # draws networks around solutions
SHIFTED = {"data": {"shift", "frost"}}
USES: dict[str, tuple[dict[str, Any], ...]] = {  # parts of the recipe that a result depends on, beside what was trained
    **dict.fromkeys(
        ("tsne_subspace", "radial", "ensemble_methods", "decomposition", "calibration", "diversity_plane"), (AROUND,)
    ),
    "tunnel": (AROUND,),  # batch norm of points on the path
    "subspace_scales": (AROUND,),
    "diversity_map": (AROUND, SHIFTED),
    "shift": (AROUND, SHIFTED),
    "ood": (AROUND, {"data": {"ood"}}),
    "randomness": ({"variants": True},),
    "cyclic": ({"variants": True},),
}

FORMER_SETTINGS = {  # of earlier versions, spelled out in the studies that they made; they say nothing now
    "ensemble_size": {"resamples"},
    "ensemble_methods": {"resamples"},
}


def measure(name: str, of: Study | StudyContext | Offered, **settings: Any) -> xr.Dataset:
    """Carry out one analysis; the same study and settings give the same bits.

    Args:
        name: a key of `ANALYSES`.
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
    function = _function(name)
    from threadpoolctl import threadpool_limits

    from modescape.analyses.requirements import network_of, trained

    with threadpool_limits(limits=1):  # sums of matrix products depend on the number of threads in their last bits
        offered = _offered(of)
        if AROUND not in USES.get(name, ()):
            return function(offered, **settings)
        trained(offered, 1, f"the analysis {name!r}")  # before any data is loaded
        context = network_of(offered, f"the analysis {name!r}")
        from modescape.runtime import one_thread

        with one_thread(), context.at_work():
            return function(context, **settings)


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
        name: {key: value for key, value in own.items() if key not in FORMER_SETTINGS.get(name, ())}
        for name, own in settings.items()
    }


def check_settings(name: str, settings: Mapping[str, Any]) -> None:
    """Refuse settings that an analysis does not have, and values of the wrong kind.

    Raises:
        InputError: naming the nearest analysis or setting, or what the value should be.
    """
    if name not in ANALYSES:
        raise InputError(f"no analysis {name!r}; {_nearest(name, list(ANALYSES))}")
    if not settings:
        return
    known = defaults(name)
    for setting, value in settings.items():
        if setting not in known:
            there = _nearest(setting, list(known)) if known else "it has none"
            raise InputError(f"analysis {name!r} has no setting {setting!r}; {there}")
        whole = isinstance(known[setting], int)
        if value is None and not whole:
            continue  # the default of a number that the analysis finds itself
        if isinstance(value, bool) or not isinstance(value, int if whole else int | float) or not value > 0:
            expected = "a whole number, 1 or more" if whole else "a number above 0, or null"
            raise InputError(f"{name}.{setting} is {value!r}; expected {expected}")


def _function(name: str) -> Callable[..., xr.Dataset]:
    if name not in ANALYSES:
        raise InputError(f"no analysis {name!r}; {_nearest(name, list(ANALYSES))}")
    return importlib.import_module(f"{ANALYSES[name]}.measure").measure


def _nearest(name: str, known: list[str]) -> str:
    """Either "did you mean ...?" or the list of what there is."""
    close = difflib.get_close_matches(name, known, n=1)
    return f"did you mean {close[0]!r}?" if close else f"known: {', '.join(known)}"
