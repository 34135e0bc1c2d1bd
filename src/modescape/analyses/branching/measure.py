"""Branches of one run that leave it after k epochs: from which k on are they one function, or at least one basin?"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from modescape.analyses.branching.auxiliary import FOLDER, INDEPENDENT, trained_less
from modescape.analyses.branching.lines import QUANTITIES, Lines, Measured
from modescape.analyses.likeness import Likeness
from modescape.analyses.requirements import auxiliary, left_out, left_out_of, predicted, trained
from modescape.analyses.stating import Variables
from modescape.context import StudyContext
from modescape.covers import NEW, NEW_BRANCHES
from modescape.data.dataset import Split
from modescape.errors import NotEnough
from modescape.offered import Offered
from modescape.results import make_result
from modescape.study import Study

if TYPE_CHECKING:
    import xarray as xr

INTERVALS = (
    "95 %, new branches of this run (new independent networks) on new test examples: pairs share networks, so their "
    "mean varies by the influence of each network on it; Student's t with Satterthwaite's degrees of freedom. A single "
    "pair: test examples alone. The place of the barrier on a line is held"
)
APART = "independent"
LEAST = 5  # independent networks, where there are as many, or as many as have an epoch in common
WORDS = {
    "barrier": "height of the loss on the straight line above the line between the losses of its ends",
    "error_barrier": "height of the error on the straight line above the line between the errors of its ends",
    "aligned_barrier": "height of the loss, the units of one matched to the other's",
    "aligned_error_barrier": "height of the error, the units of one matched to the other's",
    "average_gain": "mean loss of two networks minus that of the network with the mean of their weights",
    "average_error_gain": "mean error of two networks minus that of the network with the mean of their weights",
    "ensemble_gain": "mean loss of two networks minus that of their averaged predictions",
    "ensemble_error_gain": "mean error of two networks minus that of their averaged predictions",
}
DIFFERENT = {  # task -> long name of the difference
    "classification": "share of test examples with different labels",
    "regression": "root mean square distance of the predicted means",
}
CONNECTED = {
    "": "first epoch of branching from which on no error barrier is above the limit",
    "_low": "lower end of its 95 % interval",
    "_high": "upper end of its 95 % interval",
}


def measure(context: StudyContext, *, points: int = 7, examples: int = 2000, threshold: float = 0.02) -> xr.Dataset:
    """Pairs of networks that have their first k epochs in common, then see the examples in orders of their own.

    The run is member 0 of the study, or as it where networks of analyses are trained less. A branch draws its order,
    augmentation and dropout from streams of its own from epoch k on, everything else (weights, optimiser, schedule) is
    the run's at k. The run and its branches at k make the pairs; k = 0: one initialisation; k = E: the run itself,
    without anything measured. For comparison "independent" networks, from initialisations of their own.

    Args:
        context: the study's data, network and evaluator.
        points: positions on a line; an even number is raised by one.
        examples: test examples, from the first on.
        threshold: of the error barrier up to which networks count as connected, as a share of all answers (of a
            regression of the standard deviation of the targets).

    Raises:
        NotEnough: if there are no two networks with a start in common.

    Source: Frankle et al. 2020, arXiv 1912.05671; Fort et al. 2020, arXiv 2010.15110; averages of weights: Wortsman et
    al. 2022, arXiv 2203.05482.
    """
    offered, what = context.offered, "branching"
    trained(offered, 1, what)
    kinds = {FOLDER: auxiliary(offered, FOLDER, what)}
    study = context.study.auxiliary(FOLDER)
    groups = _groups(study, kinds[FOLDER].members)
    if not groups:
        raise NotEnough(f"{what} needs 2 trained networks with a start in common; there are none")
    apart = context.study
    if trained_less(context.study.recipe, offered.examples["train"]):
        kinds[INDEPENDENT], apart = auxiliary(offered, INDEPENDENT, what), context.study.auxiliary(INDEPENDENT)
    others = apart.trained[: max(LEAST, 1 + offered.training.auxiliary_members)]
    with _evaluating(context, study) as evaluating:
        lines = Lines(evaluating, *_examples(evaluating, kinds[FOLDER], examples, what), 2 * (int(points) // 2) + 1)
        found = {APART: lines.measured(apart, others)} if len(others) > 1 else {}
        networks, branched = [len(others)] * len(found), [np.nan] * len(found)
        for epoch, own in groups.items():
            found[name_of(epoch)] = lines.measured(study, own)
    epochs = offered.training.auxiliary_epochs
    found[name_of(epochs)] = _itself()
    networks, branched = [*networks, *map(len, groups.values()), 1], np.array([*branched, *groups, epochs])
    limit = threshold * _scale(lines)
    return make_result(
        {**_variables(found, lines.likeness, offered.task), **_connected(found, branched, limit)},
        {
            "approach": list(found),
            "branch_epoch": ("approach", branched),
            "networks": ("approach", networks),
        },
        title="Branches of one run",
        intervals=INTERVALS,
        covers={"": {"": NEW_BRANCHES, APART: NEW}},
        provenance=offered.provenance(
            examples=len(lines.test.label), members=1 + offered.training.auxiliary_members, repeats=1
        ),
        left_out="; ".join(filter(None, [left_out(offered) if apart is context.study else "", left_out_of(kinds)])),
        split="test",
        points=lines.points,
        threshold=threshold,
        limit=limit,
        not_aligned=lines.refused,
        batch_norm=context.study.recipe.subspace.batch_norm,
        network_epochs=epochs,
        training_images=kinds[FOLDER].examples["train"],
        member_epochs=offered.training.epochs,
        member_images=offered.examples["train"],
    )


def name_of(epoch: int) -> str:
    """Name in results of networks that share this many epochs."""
    return f"{epoch} {'epoch' if epoch == 1 else 'epochs'} in common"


def _groups(study: Study, trained: Sequence[int]) -> dict[int, list[int]]:
    """Epoch of branching -> the run and its branches there, as far as they are trained; two networks or more."""
    groups: dict[int, list[int]] = {}
    for member, epoch in enumerate(study.recipe.streams.branches, start=1):
        groups.setdefault(epoch, [0]).append(member)
    there = {epoch: [member for member in own if member in trained] for epoch, own in groups.items()}
    return {epoch: own for epoch, own in there.items() if len(own) > 1}


@contextlib.contextmanager
def _evaluating(context: StudyContext, study: Study) -> Iterator[StudyContext]:
    """Data and network for an auxiliary study: the study's own where both have the same examples."""
    if study.manifest["examples"] == context.study.manifest["examples"]:
        yield context
        return
    other = StudyContext(study)
    with other.heard_by(context.progress):
        yield other


def _examples(context: StudyContext, offered: Offered, examples: int, what: str) -> tuple[Split, np.ndarray | None]:
    """The first test examples, and the group of each."""
    test, group = context.dataset.test.first(examples), predicted(offered, "test", what).example_group
    return test, None if group is None else np.unique(group[: len(test.label)], return_inverse=True)[1]


def _itself() -> Measured:
    """A run against itself: all quantities are 0."""
    nothing = np.zeros(len(QUANTITIES) + 2)
    return Measured(nothing, nothing, nothing, 0.0)


def _scale(lines: Lines) -> float:
    """The unit of the threshold: 1 for accuracy, the standard deviation of the targets for RMSE."""
    return 1.0 if lines.likeness.higher_is_better else float(np.sqrt(lines.target.var(0).mean()))


def _variables(found: Mapping[str, Measured], likeness: Likeness, task: str) -> Variables:
    """All quantities with their ends, [approach], in points where they are of an accuracy."""
    units = {name: likeness.difference.units if "error" in name else "nats" for name in QUANTITIES}
    words = WORDS | {
        likeness.difference.name: f"{DIFFERENT[task]}, mean over pairs",
        likeness.normalized.name: likeness.normalized.long_name,
    }
    units |= {likeness.difference.name: likeness.difference.units, likeness.normalized.name: "1"}
    made: Variables = {}
    for row, (name, unit) in enumerate(units.items()):
        ends = zip(("", "_low", "_high"), ("value", "low", "high"), strict=True)
        texts = ("", "lower end of the 95 % interval: ", "upper end of the 95 % interval: ")
        for (suffix, end), text in zip(ends, texts, strict=True):
            values = np.array([getattr(one, end)[row] for one in found.values()])
            made[f"{name}{suffix}"] = (("approach",), values, unit, text + words[name])
    distance = np.array([one.distance for one in found.values()])
    return made | {"distance": (("approach",), distance, "1", "distance of the weights over their mean length")}


def _connected(found: Mapping[str, Measured], branched: np.ndarray, limit: float) -> Variables:
    """The first epoch of branching from which on no error barrier is above a limit, with an interval.

    The interval holds all such epochs that the intervals of the barriers allow: from the epoch after the last
    one whose barrier is surely above the limit to the one after the last whose barrier may be.
    """
    row, order = QUANTITIES.index("error_barrier"), np.argsort(branched)[: np.isfinite(branched).sum()]
    made: Variables = {}
    texts = {"": "value", "_low": "low", "_high": "high"}
    for suffix, end in texts.items():
        height = np.array([getattr(one, end)[row] for one in found.values()])[order]
        made[f"connected_epoch{suffix}"] = ((), first_below(branched[order], height, limit), "1", CONNECTED[suffix])
    return made


def first_below(epoch: np.ndarray, height: np.ndarray, limit: float) -> np.ndarray:
    """The first epoch from which on no height is above a limit; NaN where a height is not known.

    Args:
        epoch: ascending, [point].
        height: at each, the last not above the limit, [point].
        limit: of the heights.

    >>> float(first_below(np.array([0, 1, 2, 4]), np.array([0.3, 0.01, 0.05, 0.0]), 0.02))
    4.0
    """
    above = np.flatnonzero(height > limit)
    return np.asarray(np.nan if np.isnan(height).any() else epoch[above[-1] + 1 if above.size else 0])
