"""Other data and a regression: is the predicted variance larger there, and do the networks differ more?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from modescape.analyses import groups, image_sets
from modescape.analyses.ood import areas
from modescape.analyses.ood.measure import INSIDE, LONG_NAMES, MEASURES, OURS, WHAT
from modescape.analyses.requirements import groups_of_networks, left_out, trained
from modescape.analyses.stating import Variables
from modescape.analyses.stored import Request
from modescape.context import StudyContext
from modescape.covers import new_if
from modescape.metrics.gaussians import gaussian
from modescape.metrics.scores import TARGET_UNIT
from modescape.offered import Offered
from modescape.results import make_result

if TYPE_CHECKING:
    import xarray as xr

PARTS = ("variance", "between", "within")
"""The variance of the mixture, and its two parts: of the networks' means, and mean of what each network predicts."""
MOST = 0.99  # share of the test examples and of other data whose deviation the histograms end at
SAME = 1e-9  # of a variance, within which all examples have the same one


def draws(context: StudyContext, *, examples: int, **settings: object) -> list[Request]:
    """The solutions of all members, on the test examples and on other data."""
    others = [image_sets.other(source, examples) for source in image_sets.sources(context)]
    return groups.solution_requests(context.trained, [image_sets.clean(context, examples), *others])


def measure(offered: Offered, *, examples: int = 5000, bins: int = 20) -> xr.Dataset:
    """Predicted variance on other data (``data.ood``) and on test examples, and how well it detects other data.

    The variance of an ensemble's prediction at an example is the variance of the members' means plus the mean of the
    variances that they predict; for a single network it is its prediction. For several outputs it is the mean, each in
    squares of the standard deviation of its test targets. Other data is the positive class. A variance that is the same
    for all examples, as where the networks predict none, cannot detect anything and is NaN.

    Args:
        offered: predictions of the members on test examples and on other data, sets of any other names.
        examples: most examples of each set, from the first on.
        bins: of the histograms of the deviation, from 0 to where 99 % of all examples lie.

    Raises:
        NotEnough: if no member is trained.

    Source: Lakshminarayanan et al. 2017, arXiv 1612.01474, section 3.5.
    """
    trained(offered, 1, WHAT)
    test = groups_of_networks(offered, ["test"], WHAT)
    sets = ["test", *(name for name in offered.sampled if name not in OURS and not name.startswith("shift "))]
    found = {name: part[:, :examples] for name, part in groups.solutions(offered.sampled, sets).items()}
    members, scale = len(found["test"]), test.label.var(0)
    approaches = ["single", "independent"] if members > 1 else ["single"]
    parts = {name: _parts(part, scale, approaches) for name, part in found.items()}
    ends = np.quantile(np.concatenate([np.sqrt(part["single"]["variance"]).ravel() for part in parts.values()]), MOST)
    edges = np.linspace(0, max(float(ends), np.finfo(float).tiny), bins + 1)
    told = _told_apart(parts, approaches)
    units = areas.units(offered.sampled, {name: part.shape[1] for name, part in found.items()})
    return make_result(
        {
            **_deviations(parts, approaches, edges),
            **told,
            **areas.ends(_scores(parts, found, scale), units, told["auroc"][1], approaches, list(PARTS)),
        },
        {
            "approach": approaches,
            "corruption": [INSIDE, *(name.removeprefix(image_sets.OTHER) for name in sets[1:])],
            "metric": list(PARTS),
            "x": (edges[1:] + edges[:-1]) / 2,
        },
        title="Predicted variance on other data",
        intervals=areas.INTERVALS,
        covers=new_if(members),
        provenance=offered.provenance(examples=found["test"].shape[1], members=members, repeats=1),
        left_out=left_out(offered),
        split="test",
        **({"other_words": offered.other_words} if offered.other_words else {}),
    )


Parts = dict[str, dict[str, np.ndarray]]  # approach -> part of the variance -> of every example, [group, example]


def _parts(predictive: np.ndarray, scale: np.ndarray, approaches: list[str]) -> Parts:
    """Variances on one set, in squares of the target's unit, from [member, example, 2 x output].

    Args:
        predictive: of all members.
        scale: variance of the test targets, [output]; of one output it changes nothing.
        approaches: "single", each member by itself; "independent", all together.
    """
    mean, variance = gaussian(predictive)
    weight = scale.mean() / scale / len(scale)  # so that several outputs have equal weight
    within, between = variance @ weight, (mean.var(0) @ weight)[None]
    alone = {"variance": within, "between": np.full_like(within, np.nan), "within": within}
    together = {"between": between, "within": within.mean(0, keepdims=True)}
    together["variance"] = together["between"] + together["within"]
    return dict(zip(approaches, (alone, together), strict=False))


def _deviations(parts: dict[str, Parts], approaches: list[str], edges: np.ndarray) -> Variables:
    """Root mean variance of each part, and the histogram of the whole deviation, of every approach on every set."""
    root = np.full((len(approaches), len(PARTS), len(parts)), np.nan)
    share = np.empty((len(approaches), len(parts), len(edges) - 1))
    for row, approach in enumerate(approaches):
        for column, own in enumerate(parts.values()):
            root[row, :, column] = [np.sqrt(own[approach][part].mean()) for part in PARTS]
            whole = np.sqrt(own[approach]["variance"])
            share[row, column] = np.histogram(np.minimum(whole, edges[-1]), edges)[0] / whole.size
    return {
        "deviation": (("approach", "metric", "corruption"), root, TARGET_UNIT, "root of the mean variance"),
        "deviation_share": (
            ("approach", "corruption", "x"),
            share,
            "1",
            "share of examples by the standard deviation of their prediction; the last bin holds all above",
        ),
    }


def _told_apart(parts: dict[str, Parts], approaches: list[str]) -> Variables:
    """Area under the ROC curve of each part of the variance for each set; NaN for the test examples."""
    variables: Variables = {}
    for kind, function in MEASURES.items():
        values = np.full((len(approaches), len(PARTS), len(parts)), np.nan)
        for row, approach in enumerate(approaches):
            for at, part in enumerate(PARTS):
                inside = parts["test"][approach][part]
                for column, own in enumerate(list(parts.values())[1:], start=1):
                    score = np.concatenate([inside, own[approach][part]], 1)
                    if np.isnan(score).any() or np.all(np.ptp(score, 1) <= SAME * score.max(1)):
                        continue
                    positive = np.repeat([False, True], [inside.shape[1], score.shape[1] - inside.shape[1]])
                    values[row, at, column] = np.mean(function(score, positive))
        variables[kind] = (("approach", "metric", "corruption"), values, "1", LONG_NAMES[kind])
    return variables


def _scores(parts: dict[str, Parts], predictive: dict[str, np.ndarray], scale: np.ndarray) -> areas.Scores:
    """Scores for the intervals: each member alone, and subsets of members."""

    def runs(approach: str, kind: str, name: str) -> np.ndarray:
        return np.concatenate([parts[one][approach][kind] for one in ("test", name)], 1)

    def subsets(masks: np.ndarray, kind: str, name: str) -> np.ndarray:
        every = [
            [
                _parts(predictive[one][mask], scale, ["single", "independent"])["independent"][kind]
                for one in ("test", name)
            ]
            for mask in masks
        ]
        return np.concatenate([np.concatenate(own, 1) for own in every])

    members = len(predictive["test"])
    return areas.Scores(runs, subsets, members, members)
