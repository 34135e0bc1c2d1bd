"""The gain from averaging more networks: independent members, and the last snapshots of one run."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from modescape import rng
from modescape.analyses.requirements import left_out, predicted, scoring_of, snapshots_of, trained
from modescape.analyses.scoring import INTERVALS_OF_RUNS
from modescape.analyses.stating import Variables
from modescape.covers import NEW_RUNS, new_if
from modescape.errors import NotEnough
from modescape.metrics import INTERVALS, ensemble_curve, many
from modescape.metrics.crossed import RunSums, subset_estimate
from modescape.metrics.ensemble import (
    ALL_SIZES,
    LAWS,
    LONG_NAMES,
    are_many,
    curve_of_many,
    intervals_in_words,
    law_curve,
)
from modescape.metrics.scores import units_of
from modescape.metrics.scoring import CLASSES, Scoring
from modescape.metrics.subsets import subsets as choose_subsets
from modescape.offered import INDEPENDENT, Offered, Predictions, stacked
from modescape.results import make_result

if TYPE_CHECKING:
    import xarray as xr


FINAL = {  # the gain of snapshots over the final network of their run
    "final_gain": "score of all snapshots of a run minus its final network's",
    "final_gain_low": "lower end of the 95 % interval of that, new runs on new examples",
    "final_gain_high": "upper end of it",
}


class Curve(NamedTuple):
    """Scores against size of one kind of ensemble."""

    size: np.ndarray  # [size]
    values: dict[str, np.ndarray]  # LONG_NAMES -> [metric, size]
    subsets: np.ndarray  # subsets averaged, [size]
    law: np.ndarray | None  # closed form of the Brier score or of the squared error, [size]; None: there is none
    final: np.ndarray | None = None  # of snapshots: gain over a run's final network and its interval, [of, metric]
    intervals: str = ""  # how they were made


def measure(offered: Offered, *, subsets: int = 200, snapshots: int = 10, all_sizes: int = ALL_SIZES) -> xr.Dataset:
    """Accuracy, NLL, Brier score and ECE of averaged probabilities against the number of networks, from 1 on.

    "independent": the last checkpoints of the trained members. "snapshots": the last epochs of a run, scored run by
    run and averaged over the runs of all trained members; one run's predictions are in memory at a time. Of networks
    that others made there are no snapshots.

    Of more than ``all_sizes`` members some sizes are evaluated, four to a doubling, and predictions are read once, a
    block of examples at a time (`modescape.metrics.many`): of classes, where examples have no groups.

    Args:
        offered: predictions of test examples.
        subsets: largest number of subsets per size to average over; above it a balanced sample of them.
        snapshots: last kept epochs of a run that are averaged, at most.
        all_sizes: most members for which every size is evaluated.

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
    alone = independent_curve(predictions, subsets, key, scoring, all_sizes)
    curves = {"independent": alone}
    runs_of_snapshots: dict[str, str | int | float] = {}
    how = alone.intervals
    if not offered.given:
        curves["snapshots"] = snapshot_curve(predictions, along, subsets, key, scoring)
        runs_of_snapshots = {"snapshots": epochs, "runs_of_snapshots": len(members)}
        how = f"independent networks: {how}. Snapshots, mean over {len(members)} runs: {INTERVALS_OF_RUNS}"
    size = np.array(sorted({int(size) for curve in curves.values() for size in curve.size}))
    return make_result(
        _variables(curves, size, scoring),
        {"approach": list(curves), "metric": list(scoring.scores), "size": size},
        title="Scores against the number of networks averaged",
        intervals=intervals_in_words(how, scoring),
        covers=_covers(len(members)),
        provenance=offered.provenance(examples=len(predictions.label), members=len(members), repeats=1),
        left_out=left_out(offered),
        split="test",
        most_subsets=max(subsets, len(members), epochs),
        **runs_of_snapshots,
        stream_key=key,
    )


def _covers(members: int) -> dict[str, str | dict[str, str]]:
    """What intervals are for: of two members there is one gain by averaging, and a run of snapshots is one."""
    runs = {"snapshots": new_if(members, NEW_RUNS)}
    return {
        "score": {"": new_if(members), **runs},
        "gain": {"": new_if(members - 1), **runs},
        "final_gain": runs["snapshots"],
    }


def _variables(curves: dict[str, Curve], size: np.ndarray, scoring: Scoring) -> Variables:
    """The variables of the result, at these sizes."""
    units, every = units_of(scoring.scores), curves.values()
    final = [curve.final for curve in every if curve.final is not None]

    def at_sizes(rows: Iterable[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
        """Rows [..., size] with their sizes, stacked; NaN where one has no such size."""
        found = [(np.searchsorted(size, own), row) for own, row in rows]
        out = np.full((len(found), *found[0][1].shape[:-1], len(size)), np.nan)
        for at, (places, row) in enumerate(found):
            out[at][..., places] = row
        return out

    laws = [(curve.size, curve.law) for curve in every if curve.law is not None]
    subsets = at_sizes((curve.size, curve.subsets) for curve in every)
    return {
        **{
            name: (
                ("approach", "metric", "size"),
                at_sizes((curve.size, curve.values[name]) for curve in every),
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
        **({scoring.law: (("approach", "size"), at_sizes(laws), "1", LAWS[scoring.law][1])} if laws else {}),
    }


def independent_curve(
    predictions: Predictions, limit: int, key: int, scoring: Scoring = CLASSES, all_sizes: int = ALL_SIZES
) -> Curve:
    """Ensembles of the members' last checkpoints."""
    models, group = predictions.groups[INDEPENDENT], predictions.example_group
    how = INTERVALS
    if are_many(len(models), all_sizes, scoring, group):
        how = many.INTERVALS

        def read(block: slice) -> np.ndarray:
            return stacked(predictions, models, block)

        classes = len(predictions.class_names)
        curve = curve_of_many(read, predictions.label, len(models), classes, limit, key, scoring)
    else:
        curve = ensemble_curve(
            stacked(predictions, models),
            predictions.label,
            group=group,
            limit=limit,
            key=key,
            scoring=scoring,
            all_sizes=all_sizes,
        )
    values = {name: curve[name].values for name in LONG_NAMES}
    law = curve[scoring.law].values if scoring.law else None
    return Curve(curve["size"].values, values, curve["subsets"].values, law, intervals=how)


def snapshot_curve(
    predictions: Predictions, along: list[list[int]], limit: int, key: int, scoring: Scoring = CLASSES
) -> Curve:
    """Ensembles of one run's last epochs, mean over runs; runs are independent, snapshots of one are not.

    A run takes the part of a member: its influence on the mean is its own score.
    """
    label, group, epochs = predictions.label, predictions.example_group, len(along[0])
    sizes = np.arange(1, epochs + 1)
    masks = [choose_subsets(epochs, size, max(limit, epochs), key) for size in range(1, epochs + 1)]
    last = np.arange(epochs)[None] == epochs - 1  # the run's final network, as a subset
    scores, gains, over_final = [RunSums() for _ in masks], [RunSums() for _ in masks], RunSums()
    law = np.zeros(epochs)
    for models in along:
        log_prob = stacked(predictions, models)
        found = []
        for chosen, score, gain in zip(masks, scores, gains, strict=True):
            found.append(subset_estimate(log_prob, label, chosen, None, scoring, group))
            score.add(found[-1].score, found[-1].example)
            of_gain = found[-1].minus(found[0])
            gain.add(of_gain.score, of_gain.example)
        final = found[-1].minus(subset_estimate(log_prob, label, last, None, scoring, group))
        over_final.add(final.score, final.example)
        law += law_curve(log_prob, label, np.stack([one.score for one in found], 1), scoring) / len(along)
    rows = [
        score.columns("score", scoring.scores) + gain.columns("gain", scoring.scores)
        for score, gain in zip(scores, gains, strict=True)
    ]
    values = (np.stack(column, axis=1) for column in zip(*rows, strict=True))
    final = np.stack(over_final.columns("difference", scoring.scores)[:3])
    return Curve(sizes, dict(zip(LONG_NAMES, values, strict=True)), np.array(list(map(len, masks))), law, final)
