"""Networks collected along one cyclic run, with and without noise, against independent ones at equal training."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from modescape.analyses.requirements import NotEnough, left_out_of, trained
from modescape.analyses.scoring import INTERVALS_OF_RUNS, score_runs
from modescape.analyses.variants import CYCLIC
from modescape.functionspace import jensen_shannon, normalized_diversity
from modescape.metrics import METRICS, accuracy, combine
from modescape.results import make_result

if TYPE_CHECKING:
    import xarray as xr

    from modescape.study import Study

UNITS = "1 (nats for nll)"


def measure(study: Study) -> xr.Dataset:
    """Scores of ensembles of as many networks that cost the same epochs of training, and of one network that does.

    "snapshots": the ends of the cycles of one run. "csgmcmc": the same with Langevin noise in the last part of each
    cycle, at the published temperature (1/50,000: in effect snapshots) and at T = 1. "independent": a network of its
    own for each cycle. "long run": one network trained for all those epochs, which also predicts in one forward pass.
    The optimiser is the recipe's: with Adam the noise makes no exact sampler.

    Raises:
        NotEnough: if those networks were not trained.

    Source: Fort et al. 2019, arXiv 1912.02757, appendix C; Huang et al. 2017; Zhang et al. 2020, arXiv 1902.03932.
    """
    trained(study, 1, "the comparison with cyclic schedules")
    size = study.recipe.variants
    studies = {method: study.variant(folder) for method, folder in CYCLIC.items()}
    cycles = [cycle * size.epochs for cycle in range(1, size.cycles + 1)]
    found: dict[str, list[np.ndarray]] = {}
    for method, variant in studies.items():
        last = variant.recipe.train.epochs
        if method == "independent":
            whole = [range(at, at + size.cycles) for at in range(0, size.members * size.cycles, size.cycles)]
            groups = [[(member, last) for member in group] for group in whole]
        else:
            epochs = cycles if method != "long run" else [last]
            groups = [[(member, epoch) for epoch in epochs] for member in range(size.members)]
        there = set(variant.trained)
        groups = [group for group in groups if all(member in there for member, _ in group)]
        if not groups:
            raise NotEnough(f"cyclic schedules need trained networks; of {method!r} there are none")
        predictions = variant.predictions("test")
        found[method] = [predictions.log_probs([predictions.index(*one) for one in group]) for group in groups]
    label = next(iter(studies.values())).predictions("test").label
    scored = {
        method: score_runs(np.stack([combine(group) for group in groups]), label) for method, groups in found.items()
    }
    alone = {method: [_member_scores(group, label) for group in groups] for method, groups in found.items()}
    spread = [
        np.mean([jensen_shannon(group) for group in groups]) if method != "long run" else np.nan
        for method, groups in found.items()
    ]
    baseline = found["independent"][0][0].argmax(-1)
    points = {method: np.concatenate(groups) for method, groups in found.items()}
    points["independent"] = points["independent"][1:]  # without the baseline
    longest = max(len(own) for own in points.values())
    place = np.full((2, len(points), longest), np.nan)
    for row, own in enumerate(points.values()):
        place[0, row, : len(own)] = accuracy(own, label)
        place[1, row, : len(own)] = normalized_diversity(own.argmax(-1), baseline, label)
    dims = ("method", "metric")
    passes = [1.0 if method == "long run" else float(size.cycles) for method in found]
    return make_result(
        {
            "score": (dims, np.stack([one.mean for one in scored.values()]), UNITS, "score of the ensemble"),
            "score_low": (
                dims,
                np.stack([one.low for one in scored.values()]),
                UNITS,
                "lower end of the 95 % interval",
            ),
            "score_high": (dims, np.stack([one.high for one in scored.values()]), UNITS, "upper end of it"),
            "member_score": (dims, np.stack([np.mean(own, 0) for own in alone.values()]), UNITS, "mean network's"),
            "jensen_shannon": (("method",), np.array(spread), "nats", "Jensen-Shannon divergence of its networks"),
            "training_epochs": (
                ("method",),
                np.full(len(found), float(size.cycles * size.epochs)),
                "1",
                "epochs of training behind an ensemble",
            ),
            "forward_passes": (("method",), np.array(passes), "1", "forward passes for a prediction"),
            "accuracy": (("method", "draw"), place[0], "1", "accuracy of a network"),
            "diversity": (("method", "draw"), place[1], "1", "its disagreement with the baseline over its error"),
        },
        {"method": list(found), "metric": list(METRICS), "draw": np.arange(longest)},
        title="Cyclic schedules against independent networks at equal training",
        intervals=INTERVALS_OF_RUNS,
        provenance=study.provenance(examples=len(label), members=size.members, repeats=size.members),
        left_out=left_out_of(studies),
        split="test",
        networks=size.cycles,
        training_images=next(iter(studies.values())).manifest["examples"]["train"],
        optimizer=study.recipe.train.optimizer,
    )


def _member_scores(log_prob: np.ndarray, label: np.ndarray) -> list[float]:
    """Mean score of single networks, [metric]."""
    return [float(np.mean(metric.function(log_prob, label))) for metric in METRICS.values()]
