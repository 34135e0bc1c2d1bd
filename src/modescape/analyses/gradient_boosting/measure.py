"""The members of a table beside gradient-boosted trees on the same rows: scores, differences, seconds."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

from modescape.analyses.gradient_boosting.boosted import Boosted, fit
from modescape.analyses.requirements import left_out, predicted, scoring_of, trained, weights_of
from modescape.analyses.stating import Variables
from modescape.context import StudyContext
from modescape.covers import THESE_TREES, new_if
from modescape.errors import InputError, NotEnough, WorkError
from modescape.metrics.crossed import Estimate, apart, size_estimates, size_masks, subset_estimate
from modescape.metrics.scores import units_of
from modescape.metrics.scoring import Scoring
from modescape.offered import INDEPENDENT, Offered, Predictions, stacked
from modescape.recipe import canonical_json
from modescape.results import make_result
from modescape.study.times import ENCODING, read_times

if TYPE_CHECKING:
    import xarray as xr

WHAT = "the comparison with gradient boosting"
NAME = "gradient_boosting"
SPLIT = ("train", "validation", "test", "group")  # settings that say which rows are fitted to
TIMES = ("single", "ensemble", "trees")  # what took the seconds that stand beside the result
APPROACHES = ("single", "ensemble", "gradient boosting")
INTERVALS = (
    "95 %, new members on new examples: Student's t with Satterthwaite's degrees of freedom on the variance over "
    "test examples and that between networks without what the same examples made of it. The trees are "
    "fitted once: their intervals cover the choice of test examples alone. Differences are paired over test examples"
)
ENDS = {"": "", "_low": "lower end of the 95 % interval of the ", "_high": "upper end of that of the "}


def measure(context: StudyContext) -> xr.Dataset:
    """Scores and training seconds of one network, of the ensemble and of scikit-learn's histogram gradient boosting.

    The trees are fitted once: their predictions and seconds lie in the result, and are taken from there as long as the
    rows are the same, also where members are added.

    Args:
        context: of a study whose examples are rows of a table.

    Raises:
        NotEnough: if no member is trained, or examples are no rows.
    """
    offered = context.offered
    members = trained(offered, 1, WHAT)
    if context.dataset.kind.name != "table":
        raise NotEnough(f"{WHAT} needs rows of a table; the examples of this study are {context.dataset.kind.word}")
    test, scoring = predicted(offered, "test", WHAT), scoring_of(offered)
    digest = _digest(context)
    trees = _known(context, digest) or fit(context.dataset, offered.seed)
    networks = stacked(test, test.groups[INDEPENDENT])
    found = _estimates(networks, trees.predictive.astype(np.float32), test, scoring)
    metrics = list(scoring.scores)
    axis = "class" if offered.task == "classification" else "x"
    result = make_result(
        {
            **_scores(found, metrics),
            **_differences(found, metrics),
            "prediction": (("example", axis), trees.predictive.astype(np.float32), "1", "prediction of the trees"),
        },
        {"approach": list(APPROACHES), "metric": metrics},
        title="Members and gradient boosting",
        intervals=INTERVALS,
        covers={"": new_if(len(members)), "score": {"": new_if(len(members)), APPROACHES[-1]: THESE_TREES}},
        provenance=offered.provenance(examples=len(test.label), members=len(members), repeats=1),
        left_out=left_out(offered),
        split="test",
        trees=trees.trees,
        most_trees=trees.most,
        fit=digest,
    )
    result.encoding[ENCODING] = dict(zip(TIMES, _seconds(offered, members, trees), strict=True))
    return result


def _digest(context: StudyContext) -> str:
    """What the trees depend on."""
    import sklearn

    study = context.study
    about = study.recipe.model_dump(mode="json", include={"data": {*SPLIT}, "seed": True})
    about |= {"task": study.manifest.get("task"), "classes": study.manifest["class_names"]}
    parts = [study.manifest["fingerprint"], about, sklearn.__version__]
    return hashlib.sha256(canonical_json(parts).encode()).hexdigest()


def _known(context: StudyContext, digest: str) -> Boosted | None:
    """The trees of the result that is there."""
    try:
        held = context.study.result(NAME)
    except (InputError, WorkError):  # not made yet, or damaged
        return None
    if held.attrs.get("fit") != digest or "prediction" not in held:
        return None
    seconds = read_times(context.study.path, NAME).get(TIMES[-1], float("nan"))
    return Boosted(held["prediction"].values, seconds, int(held.attrs["trees"]), int(held.attrs["most_trees"]))


def _estimates(networks: np.ndarray, trees: np.ndarray, test: Predictions, scoring: Scoring) -> dict[str, Estimate]:
    """Of the mean network, of the ensemble of all, and of the trees."""
    count, label, group = len(networks), test.label, test.example_group
    masks = size_masks(count, sorted({1, count}), count, key=0)
    sizes = dict(size_estimates(networks, label, masks, scoring, group))
    alone = subset_estimate(trees[None], label, np.ones((1, 1), dtype=bool), None, scoring, group)
    return dict(zip(APPROACHES, (sizes[1], sizes[count], alone), strict=True))


def _seconds(offered: Offered, members: list[int], trees: Boosted) -> tuple[float, float, float]:
    """Of the training of the mean network and of all, validation included, and of the trees; one thread each."""
    checkpoints = weights_of(offered, WHAT)
    each = [float(np.nansum(checkpoints.history(member)["seconds"])) for member in members]
    return float(np.mean(each)), float(np.sum(each)), trees.seconds


def _scores(found: dict[str, Estimate], metrics: list[str]) -> Variables:
    """``score`` with its interval, [approach, metric]."""
    low, high = zip(*(one.new() for one in found.values()), strict=True)
    rows = {"": [one.score for one in found.values()], "_low": low, "_high": high}
    dims, units = ("approach", "metric"), units_of(metrics)
    return {f"score{end}": (dims, np.stack(own), units, f"{ENDS[end]}score") for end, own in rows.items()}


def _differences(found: dict[str, Estimate], metrics: list[str]) -> Variables:
    """``difference`` of the trees minus networks, NaN of the trees themselves, [approach, metric]."""
    *networks, trees = found.values()
    nothing = (np.full(len(metrics), np.nan),) * 3
    rows = zip(*[*(apart(trees, one) for one in networks), nothing], strict=True)
    dims, units, text = ("approach", "metric"), units_of(metrics), "score of the trees minus that of the networks"
    return {
        f"difference{end}": (dims, np.stack(own), units, f"{ENDS[end]}{text}")
        for end, own in zip(ENDS, rows, strict=True)
    }
