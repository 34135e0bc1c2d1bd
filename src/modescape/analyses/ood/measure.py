"""Other data: entropy and disagreement of the networks, and detection."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np

from modescape.analyses import groups, image_sets
from modescape.analyses.ood import areas
from modescape.analyses.requirements import groups_of_networks, left_out, trained
from modescape.analyses.stating import Variables, stated
from modescape.analyses.stored import Request
from modescape.context import StudyContext
from modescape.covers import new_if
from modescape.functionspace import jensen_shannon
from modescape.metrics import aupr, auroc, combine, fpr_at_tpr
from modescape.offered import Offered
from modescape.results import make_result

if TYPE_CHECKING:
    import xarray as xr


WHAT = "other data"
OURS = ("train", "validation", "test")
INSIDE = "in distribution"
OUTLIER_SCORES = ("max_probability", "entropy")
MEASURES = {"auroc": auroc, "aupr": aupr, "fpr95": fpr_at_tpr}
LONG_NAMES = {
    "auroc": "area under the receiver operating characteristic",
    "aupr": "area under precision and recall",
    "fpr95": "share of test images taken for other data where 95 % of it is found",
}


def draws(context: StudyContext, *, examples: int, **settings: object) -> list[Request]:
    """The networks that `measure` needs, and the images that they predict."""
    others = [image_sets.other(source, examples) for source in image_sets.sources(context)]
    images = [image_sets.clean(context, examples), *others]
    return groups.requests(context, groups.runs_of(context), groups.sampled_methods(context), images)


def measure(offered: Offered, *, examples: int = 5000, bins: int = 20) -> xr.Dataset:
    """Divergence and entropy on other data (``data.ood``) and on the test images, and how well they detect it.

    Scores are the entropy of an ensemble's mean probability and 1 minus its largest probability; other data is the
    positive class. All of it is on the same members (``subspace.runs``). Every method has as many networks: "single"
    one, all others those of the Jensen-Shannon columns.

    Args:
        offered: predictions of groups of networks on test examples and on other data, sets of any other names. Scale,
            distance and control are NaN where they are not offered.
        examples: most images of each set, from the first on.
        bins: of the histograms of the entropy, from 0 to ln C nats.

    Raises:
        NotEnough: if no member is trained.
        InputError: if a data set cannot be read.

    Source: Fort et al. 2019, arXiv 1912.02757, section 5 (SVHN); Hendrycks and Gimpel 2017, arXiv 1610.02136.
    """
    trained(offered, 1, WHAT)
    test = groups_of_networks(offered, ["test"], WHAT)
    sets = ["test", *(name for name in offered.sampled if name not in OURS and not name.startswith("shift "))]
    log_prob = {name: part[:, :examples] for name, part in groups.solutions(offered.sampled, sets).items()}
    found = _of_approaches(offered, log_prob, sets)
    told, scores = _told_apart(found, sets), _scores(found, log_prob, offered.sampling.networks)
    units = areas.units(offered.sampled, {name: part.shape[1] for name, part in log_prob.items()})
    members, edges = groups.members_of(test), np.linspace(0, np.log(len(test.class_names)), bins + 1)
    return make_result(
        {
            **_spreads(found, sets, edges),
            **told,
            **areas.ends(scores, units, told["auroc"][1], list(found), list(OUTLIER_SCORES)),
            **stated(offered, list(found), log_prob["test"][0]),
        },
        {
            "approach": list(found),
            "corruption": [INSIDE, *(name.removeprefix(image_sets.OTHER) for name in sets[1:])],
            "metric": list(OUTLIER_SCORES),
            "x": (edges[1:] + edges[:-1]) / 2,
        },
        title="Predictions on other data",
        intervals=areas.INTERVALS,
        covers=new_if(len(members)),
        provenance=offered.provenance(examples=log_prob["test"].shape[1], members=len(members), repeats=1),
        left_out=left_out(offered),
        split="test",
        **({"other_words": offered.other_words} if offered.other_words else {}),
        networks=offered.sampling.networks,
        runs=len(members),
        variant=offered.sampling.variant,
    )


class _Figures(NamedTuple):
    """Uncertainties of one group of networks on one set of images."""

    spread: float  # Jensen-Shannon divergence, nats
    entropy: np.ndarray  # of the mean prediction, nats [example]
    max_probability: np.ndarray  # 1 minus its largest probability [example]


Groups: TypeAlias = "dict[str, list[dict[str, _Figures]]]"  # approach -> group -> set of images -> figures


def _of_approaches(offered: Offered, log_prob: dict[str, np.ndarray], sets: list[str]) -> Groups:
    """Figures of every group of networks; ``log_prob`` is of the solutions, [member, example, class] a set."""
    networks, members = offered.sampling.networks, len(log_prob["test"])
    found: Groups = {}
    found["single"] = [
        _figures({name: part[member : member + 1] for name, part in log_prob.items()}) for member in range(members)
    ]
    masks = groups.groups_of_solutions(members, networks) if networks > 1 else []
    if len(masks):
        found["independent"] = [_figures({name: part[mask] for name, part in log_prob.items()}) for mask in masks]
    for approach in groups.several(offered.sampled["test"]):
        parts = (parts for _, parts in groups.around_solutions(offered.sampled, approach, sets, networks))
        found[approach] = [
            _figures({name: part[-networks:, : log_prob[name].shape[1]] for name, part in own.items()}) for own in parts
        ]
    return found


def _figures(log_prob: dict[str, np.ndarray]) -> dict[str, _Figures]:
    """Uncertainties of one group of networks on every set of images, from predictions [network, example, class]."""
    figures = {}
    for name, part in log_prob.items():
        prob = np.exp(np.asarray(combine(part), dtype=np.float64))
        entropy = -(prob * np.log(np.where(prob > 0, prob, 1.0))).sum(-1)
        figures[name] = _Figures(jensen_shannon(part), entropy, 1 - prob.max(-1))
    return figures


def _spreads(found: Groups, sets: list[str], edges: np.ndarray) -> Variables:
    """Divergence, and mean and histogram of the entropy, of every approach on every set."""
    shape, bins = (len(found), len(sets)), len(edges) - 1
    spread, mean_entropy, share = np.full(shape, np.nan), np.empty(shape), np.empty((*shape, bins))
    for row, networks_of in enumerate(found.values()):
        for column, name in enumerate(sets):
            own = [group[name] for group in networks_of]
            spread[row, column] = np.mean([one.spread for one in own])
            entropy = np.stack([one.entropy for one in own])
            mean_entropy[row, column] = entropy.mean()
            clipped = np.clip(entropy, 0, edges[-1])
            share[row, column] = np.histogram(clipped, edges)[0] / entropy.size
    spread[list(found).index("single")] = np.nan  # one network
    dims = ("approach", "corruption")
    return {
        "jensen_shannon": (dims, spread, "nats", "Jensen-Shannon divergence of as many networks"),
        "mean_entropy": (dims, mean_entropy, "nats", "mean entropy of the prediction"),
        "entropy_share": ((*dims, "x"), share, "1", "share of images by the entropy of their prediction"),
    }


def _told_apart(found: Groups, sets: list[str]) -> Variables:
    """Area under the ROC curve of each score for each set against the test images; NaN for the test images."""
    variables: Variables = {}
    for kind, function in MEASURES.items():
        values = np.full((len(found), len(OUTLIER_SCORES), len(sets)), np.nan)
        for row, networks_of in enumerate(found.values()):
            for at, score in enumerate(OUTLIER_SCORES):
                for column, name in enumerate(sets[1:], start=1):
                    values[row, at, column] = np.mean([_told(function, group, name, score) for group in networks_of])
        variables[kind] = (("approach", "metric", "corruption"), values, "1", LONG_NAMES[kind])
    return variables


def _scores(found: Groups, log_prob: dict[str, np.ndarray], size: int) -> areas.Scores:
    """Scores for the intervals; each subset of members is averaged once."""
    averaged: dict[bytes, dict[str, _Figures]] = {}

    def runs(approach: str, kind: str, name: str) -> np.ndarray:
        return np.stack([_both(group, kind, name) for group in found[approach]])

    def subsets(masks: np.ndarray, kind: str, name: str) -> np.ndarray:
        for mask in masks:
            if mask.tobytes() not in averaged:
                averaged[mask.tobytes()] = _figures({name: part[mask] for name, part in log_prob.items()})
        return np.stack([_both(averaged[mask.tobytes()], kind, name) for mask in masks])

    return areas.Scores(runs, subsets, len(log_prob["test"]), size)


def _both(group: dict[str, _Figures], kind: str, name: str) -> np.ndarray:
    """A score of the test images, followed by that of a set."""
    return np.concatenate([getattr(group["test"], kind), getattr(group[name], kind)])


def _told(function: Callable[..., Any], group: dict[str, _Figures], name: str, score: str) -> float:
    """A detection measure of one group for a set against the test images."""
    positive = np.repeat([False, True], [len(getattr(group[one], score)) for one in ("test", name)])
    return float(function(_both(group, score, name), positive))
