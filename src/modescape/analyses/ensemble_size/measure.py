"""What averaging more networks brings: independent members, and the last snapshots of one run."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from modescape import rng
from modescape.analyses.comparing import padded
from modescape.analyses.requirements import left_out, predicted, scoring_of, snapshots_of, trained
from modescape.analyses.scoring import INTERVALS_OF_RUNS
from modescape.analyses.stating import Variables
from modescape.errors import NotEnough
from modescape.metrics import INTERVALS, ensemble_curve
from modescape.metrics.crossed import of_runs, subset_estimate
from modescape.metrics.ensemble import LAWS, LONG_NAMES, intervals_in_words, law_curve
from modescape.metrics.grouping import count_units
from modescape.metrics.scores import units_of
from modescape.metrics.scoring import CLASSES, Scoring
from modescape.metrics.subsets import subsets as choose_subsets
from modescape.offered import INDEPENDENT, Offered, Predictions, stacked
from modescape.results import make_result

if TYPE_CHECKING:
    import xarray as xr


FINAL = {  # what snapshots bring over the network that their run ends with
    "final_gain": "score of all snapshots of a run minus its final network's",
    "final_gain_low": "lower end of the 95 % interval of that, new runs on new examples",
    "final_gain_high": "upper end of it",
}


class Curve(NamedTuple):
    """Scores against size 1 .. n of one kind of ensemble."""

    values: dict[str, np.ndarray]  # LONG_NAMES -> [metric, size]
    subsets: np.ndarray  # subsets averaged, [size]
    law: np.ndarray | None  # closed form of the Brier score or of the squared error, [size]; None: there is none
    final: np.ndarray | None = None  # of snapshots: gain over a run's final network and its interval, [of, metric]


def measure(offered: Offered, *, subsets: int = 200, snapshots: int = 10) -> xr.Dataset:
    """Accuracy, NLL, Brier score and ECE of averaged probabilities against the number of networks, from 1 on.

    "independent": the last checkpoints of the trained members. "snapshots": the last epochs of a run, scored run by
    run and averaged over the runs of all trained members; one run's predictions are in memory at a time. Of networks
    that others made there are no snapshots.

    Args:
        offered: predictions of test examples.
        subsets: most subsets of a size that are averaged; above, a balanced sample.
        snapshots: last kept epochs of a run that are averaged, at most.

    Raises:
        NotEnough: if there are neither 2 trained members nor 2 snapshots of one.

    Source: Fort et al. 2019, arXiv 1912.02757, figure 8.
    """
    what = "the score against ensemble size"
    members = trained(offered, 1, what)
    predictions = predicted(offered, "test", what)
    along = snapshots_of(predictions, snapshots)
    epochs = len(along[0])
    if len(members) < 2 and epochs < 2:
        raise NotEnough(
            f"{what} needs 2 {offered.unit}s, or 2 kept epochs of one; {offered.named} has 1 {offered.unit} and 1 epoch"
        )
    key, scoring = rng.key(offered.seed, "ensemble_size"), scoring_of(offered)
    curves = {"independent": independent_curve(predictions, subsets, key, scoring)}
    runs_of_snapshots: dict[str, str | int | float] = {}
    how = INTERVALS
    if not offered.given:
        curves["snapshots"] = snapshot_curve(predictions, along, subsets, key, scoring)
        runs_of_snapshots = {"snapshots": epochs, "runs_of_snapshots": len(members)}
        how = f"independent networks: {INTERVALS}. Snapshots, mean over {len(members)} runs: {INTERVALS_OF_RUNS}"
    size = np.arange(1, max(len(members), epochs) + 1)
    return make_result(
        _variables(curves, len(size), scoring),
        {"approach": list(curves), "metric": list(scoring.scores), "size": size},
        title="Scores against the number of networks averaged",
        intervals=intervals_in_words(how, scoring),
        provenance=offered.provenance(examples=len(predictions.label), members=len(members), repeats=1),
        left_out=left_out(offered),
        split="test",
        most_subsets=max(subsets, len(members), epochs),
        **runs_of_snapshots,
        stream_key=key,
    )


def _variables(curves: dict[str, Curve], length: int, scoring: Scoring) -> Variables:
    """The variables of the result, up to so many networks."""
    units, every = units_of(scoring.scores), curves.values()
    final = [curve.final for curve in every if curve.final is not None]
    subsets = padded([curve.subsets for curve in every], length)
    laws = [curve.law for curve in every if curve.law is not None]
    return {
        **{
            name: (
                ("approach", "metric", "size"),
                padded([curve.values[name] for curve in every], length),
                units,
                long_name,
            )
            for name, long_name in LONG_NAMES.items()
        },
        **{
            name: (("metric",), values, units, long_name)
            for own in final
            for (name, long_name), values in zip(FINAL.items(), own, strict=True)
        },
        "subsets": (("approach", "size"), subsets, "1", "subsets averaged"),
        **({scoring.law: (("approach", "size"), padded(laws, length), "1", LAWS[scoring.law][1])} if laws else {}),
    }


def independent_curve(predictions: Predictions, limit: int, key: int, scoring: Scoring = CLASSES) -> Curve:
    """Ensembles of the members' last checkpoints."""
    log_prob = stacked(predictions, predictions.groups[INDEPENDENT])
    curve = ensemble_curve(
        log_prob, predictions.label, group=predictions.example_group, limit=limit, key=key, scoring=scoring
    )
    values = {name: curve[name].values for name in LONG_NAMES}
    return Curve(values, curve["subsets"].values, curve[scoring.law].values if scoring.law else None)


def snapshot_curve(
    predictions: Predictions, along: list[list[int]], limit: int, key: int, scoring: Scoring = CLASSES
) -> Curve:
    """Ensembles of one run's last epochs, mean over runs; runs are independent, snapshots of one are not.

    So a run is what a member is elsewhere: its influence on the mean is its own score.
    """
    label, group, epochs = predictions.label, predictions.example_group, len(along[0])
    score = np.empty((epochs, len(along), len(scoring.scores)))
    example = np.empty((*score.shape, count_units(group, len(label))), dtype=np.float32)  # the largest array here
    last_score, last_example = np.empty(score.shape[1:]), np.empty(example.shape[1:])
    last = np.arange(epochs)[None] == epochs - 1  # the run's final network, as a subset
    law = np.zeros(epochs)
    masks = [choose_subsets(epochs, size, max(limit, epochs), key) for size in range(1, epochs + 1)]
    for run, models in enumerate(along):
        log_prob = stacked(predictions, models)
        for at, chosen in enumerate(masks):
            estimate = subset_estimate(log_prob, label, chosen, None, scoring, group)
            score[at, run], example[at, run] = estimate.score, estimate.example
        estimate = subset_estimate(log_prob, label, last, None, scoring, group)
        last_score[run], last_example[run] = estimate.score, estimate.example
        law += law_curve(log_prob, label, score[:, run].T, scoring) / len(along)
    alone, columns = of_runs(score[0], example[0], scoring), []
    for own_score, own_example in zip(score, example, strict=True):
        own = of_runs(own_score, own_example, scoring)
        gain = own.gain(alone)
        columns.append((own.score, *own.new(), *own.these(), gain.score, *gain.new(), *gain.these()))
    values = (np.stack(rows, axis=1) for rows in zip(*columns, strict=True))
    over_final = of_runs(score[-1], example[-1], scoring).minus(of_runs(last_score, last_example, scoring))
    final = np.stack([over_final.score, *over_final.new()])
    return Curve(dict(zip(LONG_NAMES, values, strict=True)), np.array([len(chosen) for chosen in masks]), law, final)
