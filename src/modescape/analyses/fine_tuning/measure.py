"""Fine-tuned members beside members from scratch: scores, gains, disagreement, and how alike their weights are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from modescape.analyses.fine_tuning.auxiliary import SCRATCH
from modescape.analyses.pairs import compare, pair_mean
from modescape.analyses.requirements import auxiliary, left_out_of, predicted, scoring_of, trained
from modescape.analyses.scoring import MOST_SUBSETS
from modescape.analyses.stating import Variables
from modescape.analyses.weights import flattened
from modescape.covers import NEW_MEMBERS, new_if
from modescape.errors import InputError, NotEnough
from modescape.functionspace import cosine_similarity
from modescape.metrics.crossed import Estimate, apart, size_estimates, size_masks
from modescape.metrics.scores import units_of
from modescape.offered import INDEPENDENT, Checkpoints, Offered, stacked
from modescape.results import make_result

if TYPE_CHECKING:
    import xarray as xr

WHAT = "the comparison with members from scratch"
TUNED, FROM_SCRATCH = "fine-tuned", "from scratch"
INTERVALS = (
    "95 %, new members on new examples: Student's t with Satterthwaite's degrees of freedom on the variance over "
    "test examples and that between networks without what the same examples made of it. Differences are paired over "
    "test examples. Cosines: new networks alone; of 2 networks there are none"
)
PAIRS = {  # variable -> long name
    "disagreement": "share of test examples that two networks label differently",
    "normalized_disagreement": "disagreement over the mean error of the two",
    "cosine": "cosine of the weights of two networks",
    "displacement_cosine": "cosine of what the weights that are in the checkpoint have moved from where each began",
}
SCORED = {"member_score": "mean score of a network", "score": "score of an ensemble", "gain": "gain of the ensemble"}


def measure(offered: Offered, *, learning_rate: float | None = None) -> xr.Dataset:
    """Scores of a network and of an ensemble, gains and pairs, of fine-tuned members and of members from scratch.

    Members from scratch (``variants/``) are trained by the same recipe without the checkpoint, nothing of them frozen,
    as many and as long. Ensembles are of equally many on both sides. Cosines of weights are of all that is trained;
    displacements, of the trained weights that the checkpoint holds, on both sides.

    Args:
        offered: of members that start from one checkpoint.
        learning_rate: of the members from scratch; None: that of the recipe.

    Raises:
        NotEnough: if the members share no start, or fewer than 2 of either kind are trained.
    """
    trained(offered, 2, WHAT)
    if not offered.training.start:
        raise NotEnough(f"{WHAT} needs members that start from one checkpoint; name it with model.init")
    sides = {TUNED: offered, FROM_SCRATCH: _scratch(offered)}
    label = predicted(offered, "test", WHAT).label
    common = [name for name in _trained_names(offered) if name in offered.training.start]
    size = min(len(one.members) for one in sides.values())
    found = {name: _side(one, label, common, size) for name, one in sides.items()}
    metrics = list(scoring_of(offered).scores)
    one, other = found.values()
    return make_result(
        {
            **_both([side.scores for side in found.values()], metrics),
            **_differences(one.scores, other.scores, metrics),
            **_pair_variables([side.pairs for side in found.values()]),
        },
        {"approach": list(sides), "metric": metrics},
        title="Fine-tuned members and members from scratch",
        intervals=INTERVALS,
        covers=_covers(size),
        provenance=offered.provenance(examples=len(label), members=size, repeats=1),
        left_out=left_out_of(sides),
        split="test",
        networks=size,
        epochs=offered.training.epochs,
        learning_rate=offered.training.learning_rate,
        learning_rate_scratch=learning_rate or offered.training.learning_rate,
        shared_tensors=len(offered.training.start),
    )


@dataclass(frozen=True)
class _Side:
    """What is known of one kind of members."""

    scores: Mapping[str, Estimate]  # of `SCORED`
    pairs: Mapping[str, tuple[float, float, float]]  # of `PAIRS`: mean over pairs, low, high


def _covers(size: int) -> dict[str, str]:
    """What the intervals of so many members of each kind are for: of two there is one gain and one pair."""
    pair = new_if(size - 1)
    kinds = {"": new_if(size), "gain": pair, "gain_difference": pair, **dict.fromkeys(PAIRS, pair)}
    return kinds | {name: NEW_MEMBERS for name in PAIRS if "cosine" in name}


def _scratch(offered: Offered) -> Offered:
    try:
        found = auxiliary(offered, SCRATCH, WHAT)
    except InputError as error:
        raise NotEnough(f"{WHAT} needs members trained from scratch, which could not be started") from error
    trained(found, 2, f"{WHAT} (from scratch)")
    return found


def _trained_names(offered: Offered) -> list[str]:
    checkpoints = offered.checkpoints
    return [] if checkpoints is None else list(checkpoints.solution(checkpoints.members[0]).params)


def _side(offered: Offered, label: np.ndarray, common: list[str], size: int) -> _Side:
    test = predicted(offered, "test", WHAT)
    log_prob = stacked(test, test.groups[INDEPENDENT])
    masks = size_masks(len(log_prob), [1, size], MOST_SUBSETS, key=0)
    sizes = dict(size_estimates(log_prob, label, masks, scoring_of(offered), test.example_group))
    scores = {"member_score": sizes[1], "score": sizes[size], "gain": sizes[size].gain(sizes[1])}
    pairs = compare(log_prob.argmax(-1), label, test.example_group)
    influence = [None, None] if pairs.influence is None else list(pairs.influence)
    matrices = zip((pairs.different, pairs.normalized), pairs.example, influence, strict=True)
    means = [pair_mean(matrix, *own) for matrix, *own in matrices]
    means += [pair_mean(matrix) for matrix in _cosines(offered.checkpoints, common)]
    return _Side(scores, dict(zip(PAIRS, means, strict=True)))


def _cosines(checkpoints: Checkpoints | None, common: list[str]) -> list[np.ndarray]:
    """Of weights and of displacements, [member, member] each; NaN where there are no checkpoints, or none is shared."""
    if checkpoints is None:
        return [np.full((2, 2), np.nan)] * 2
    members = list(checkpoints.members)
    ends = [flattened(checkpoints, member, checkpoints.steps(member)[-1]) for member in members]
    rest = set(checkpoints.solution(members[0]).params) - set(common)
    moved = [
        flattened(checkpoints, member, checkpoints.steps(member)[-1], rest) - flattened(checkpoints, member, 0, rest)
        for member in members
    ]
    nothing = np.full((len(members), len(members)), np.nan)
    return [cosine_similarity(np.stack(rows)) if rows[0].size else nothing for rows in (ends, moved)]


def _both(sides: list[Mapping[str, Estimate]], metrics: list[str]) -> Variables:
    """The variables of `SCORED` with their intervals, [approach, metric]."""
    dims, units, found = ("approach", "metric"), units_of(metrics), {}
    for name, text in SCORED.items():
        low, high = zip(*(side[name].new() for side in sides), strict=True)
        ends = {"": [side[name].score for side in sides], "_low": low, "_high": high}
        for end, rows in ends.items():
            found[name + end] = (dims, np.stack(rows), units, f"{ENDS[end]}{text}")
    return found


ENDS = {"": "", "_low": "lower end of the 95 % interval of the ", "_high": "upper end of that of the "}


def _differences(one: Mapping[str, Estimate], other: Mapping[str, Estimate], metrics: list[str]) -> Variables:
    """``member_score_difference`` and so on: fine-tuned minus from scratch, [metric]."""
    units, found = units_of(metrics), {}
    for name, text in SCORED.items():
        for end, values in zip(ENDS, apart(one[name], other[name]), strict=True):
            words = f"{ENDS[end]}difference of the {text}, fine-tuned minus from scratch"
            found[f"{name}_difference{end}"] = (("metric",), values, units, words)
    return found


def _pair_variables(sides: list[Mapping[str, tuple[float, float, float]]]) -> Variables:
    """The variables of `PAIRS` with their intervals, [approach]."""
    found = {}
    for name, text in PAIRS.items():
        for at, end in enumerate(ENDS):
            words = f"{ENDS[end]}{text}, mean over pairs"
            found[name + end] = (("approach",), np.array([side[name][at] for side in sides]), "1", words)
    return found
