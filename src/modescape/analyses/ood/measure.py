"""Other data: are the networks less sure of it, and do they disagree more?"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from modescape.analyses.comparing import networks_compared
from modescape.analyses.groups import around_solutions, groups_of_solutions, runs_of, sampled_methods, solutions
from modescape.analyses.requirements import left_out, trained
from modescape.analyses.stating import stated
from modescape.context import StudyContext
from modescape.data.ood import load_ood
from modescape.functionspace import jensen_shannon
from modescape.metrics import aupr, auroc, combine, fpr_at_tpr
from modescape.results import make_result

if TYPE_CHECKING:
    import xarray as xr


INSIDE = "in distribution"
SCORES = ("max_probability", "entropy")
MEASURES = {"auroc": auroc, "aupr": aupr, "fpr95": fpr_at_tpr}


def measure(context: StudyContext, *, examples: int = 5000, bins: int = 20) -> xr.Dataset:
    """Divergence and entropy on other data (``data.ood``) and on the test images, and how well they are told apart.

    Scores are the entropy of an ensemble's mean probability and 1 minus its largest probability; other data is the
    positive class. All of it is on the same members (``subspace.runs``). Every method has as many networks: "single"
    one, all others those of the Jensen-Shannon columns.

    Args:
        context: the study's data, network and evaluator.
        examples: most images of each set, from the first on.
        bins: of the histograms of the entropy, from 0 to ln C nats.

    Raises:
        NotEnough: if no member is trained.
        InputError: if a data set cannot be read.

    Source: Fort et al. 2019, arXiv 1912.02757, section 5 (SVHN); Hendrycks and Gimpel 2017, arXiv 1610.02136.
    """
    study = context.study
    trained(context.offered, 1, "other data")
    members = runs_of(study)
    test = context.dataset.test
    images = {INSIDE: test.image[:examples]}
    for source in study.recipe.data.ood:
        images[source] = load_ood(source, test, examples, study.manifest["seed"], data=study.recipe.data)
    networks = networks_compared(study)
    found: dict[str, list[dict[str, _Figures]]] = {}  # method -> group -> set of images -> figures
    log_prob = solutions(context, images)
    found["single"] = [
        _figures({name: part[member : member + 1] for name, part in log_prob.items()}) for member in range(len(members))
    ]
    masks = groups_of_solutions(len(members), networks) if networks > 1 else []
    if len(masks):
        found["independent"] = [_figures({name: part[mask] for name, part in log_prob.items()}) for mask in masks]
    for method in sampled_methods(context):
        parts = (parts for _, parts in around_solutions(context, method, images))
        found[method] = [_figures({name: part[-networks:] for name, part in own.items()}) for own in parts]
    edges = np.linspace(0, np.log(context.dataset.num_classes), bins + 1)
    shape = len(found), len(images)
    spread, mean_entropy, share = np.full(shape, np.nan), np.empty(shape), np.empty((*shape, bins))
    told = {name: np.full((len(found), len(SCORES), len(images)), np.nan) for name in MEASURES}
    for row, groups in enumerate(found.values()):
        for column, name in enumerate(images):
            own = [group[name] for group in groups]
            spread[row, column] = np.mean([one.spread for one in own])
            entropy = np.stack([one.entropy for one in own])
            mean_entropy[row, column] = entropy.mean()
            clipped = np.clip(entropy, 0, edges[-1])
            share[row, column] = np.histogram(clipped, edges)[0] / entropy.size
            if name == INSIDE:
                continue
            for at, score in enumerate(SCORES):
                for kind, function in MEASURES.items():
                    told[kind][row, at, column] = np.mean([_told(function, group, name, score) for group in groups])
    spread[list(found).index("single")] = np.nan  # one network
    dims = ("method", "corruption")
    long_names = {
        "auroc": "area under the receiver operating characteristic",
        "aupr": "area under precision and recall",
        "fpr95": "share of test images taken for other data where 95 % of it is found",
    }
    return make_result(
        {
            "jensen_shannon": (dims, spread, "nats", "Jensen-Shannon divergence of as many networks"),
            "mean_entropy": (dims, mean_entropy, "nats", "mean entropy of the prediction"),
            "entropy_share": ((*dims, "x"), share, "1", "share of images by the entropy of their prediction"),
            **{
                name: (("method", "metric", "corruption"), values, "1", long_names[name])
                for name, values in told.items()
            },
            **stated(context, list(found), images[INSIDE], log_prob[INSIDE][0]),
        },
        {
            "method": list(found),
            "corruption": list(images),
            "metric": list(SCORES),
            "x": (edges[1:] + edges[:-1]) / 2,
        },
        title="Predictions on other data",
        intervals="none",
        provenance=study.provenance(examples=len(images[INSIDE]), members=len(members), repeats=1),
        left_out=left_out(context.offered),
        split="test",
        networks=networks,
        runs=len(runs_of(study)),
        variant=study.recipe.subspace.variant,
    )


class _Figures(NamedTuple):
    """Of one group of networks on one set of images."""

    spread: float  # Jensen-Shannon divergence, nats
    entropy: np.ndarray  # of the mean prediction, nats [example]
    max_probability: np.ndarray  # 1 minus its largest probability [example]


def _figures(log_prob: dict[str, np.ndarray]) -> dict[str, _Figures]:
    """Of one group of networks on every set of images, from predictions [network, example, class]."""
    figures = {}
    for name, part in log_prob.items():
        prob = np.exp(np.asarray(combine(part), dtype=np.float64))
        entropy = -(prob * np.log(np.where(prob > 0, prob, 1.0))).sum(-1)
        figures[name] = _Figures(jensen_shannon(part), entropy, 1 - prob.max(-1))
    return figures


def _told(function: Callable[..., Any], group: dict[str, _Figures], name: str, score: str) -> float:
    """How well one group tells a set from the test images."""
    inside, outside = getattr(group[INSIDE], score), getattr(group[name], score)
    positive = np.repeat([False, True], [len(inside), len(outside)])
    return float(function(np.concatenate([inside, outside]), positive))
