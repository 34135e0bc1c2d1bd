"""Where the gain of averaging comes from: the ensemble's score is exactly the mean network's minus a diversity."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from modescape.analyses import groups, image_sets
from modescape.analyses.requirements import groups_of_networks, left_out, trained, two_networks
from modescape.analyses.stating import stated
from modescape.analyses.stored import Request
from modescape.context import StudyContext
from modescape.covers import new_if
from modescape.metrics import Decomposition, decompose
from modescape.metrics.crossed import half_of
from modescape.metrics.grouping import by_group
from modescape.metrics.influence import crossed_interval, influence_weights
from modescape.offered import Offered
from modescape.results import make_result

if TYPE_CHECKING:
    import xarray as xr


WHAT = "the decomposition of the gain"
LONG_NAMES = {
    "mean_score": "mean network's score",
    "diversity": "what averaging takes off the score",
    "ensemble_score": "score of the ensemble",
    "diversity_low": "lower end of the 95 % interval of the diversity term",
    "diversity_high": "upper end of the 95 % interval of the diversity term",
}
UNITS = "1 (nats for nll)"
INTERVALS = (
    "95 %: new members on new examples; Student's t with Satterthwaite's degrees of freedom on the variance over test "
    "examples and that between runs (independent: between members, from groups of them) without what the same examples "
    "made of it; a single run, or two members in one group: test examples alone"
)


def draws(context: StudyContext, **settings: object) -> list[Request]:
    """The networks that `measure` needs, and the images that they predict."""
    return groups.requests(
        context, groups.runs_of(context), groups.sampled_methods(context), [image_sets.clean(context)]
    )


def measure(offered: Offered) -> xr.Dataset:
    """Decompose Brier score and NLL of ensembles, with equally many networks of each method.

    For the mean probability and for the normalised geometric mean; see `modescape.metrics.decompose`.

    Args:
        offered: predictions of groups of networks on test examples. Scale, distance and control are NaN where they are
            not offered beside them.

    Raises:
        NotEnough: if neither two members are trained nor two networks can be made from one.

    Source: the ambiguity decomposition (Krogh and Vedelsby 1995) in its exact forms for both scores.
    """
    trained(offered, 1, WHAT)
    networks = two_networks(offered, WHAT)
    test = groups_of_networks(offered, ["test"], WHAT)
    label, members = test.label, groups.members_of(test)
    log_prob = groups.solutions(offered.sampled, ["test"])["test"]
    found = _of_approaches(offered, log_prob, label, networks)
    rows = [row_of(*parts, test.example_group) for parts in found.values()]
    return make_result(
        {
            **{
                name: (("approach", "metric"), np.stack(values), UNITS, text)
                for values, (name, text) in zip(zip(*rows, strict=True), LONG_NAMES.items(), strict=True)
            },
            **stated(offered, list(found), log_prob[0]),
        },
        {"approach": list(found), "metric": list(next(iter(found.values()))[0][0].metric)},
        title="The ensemble's score is the mean network's minus its diversity",
        intervals=INTERVALS,
        covers={"diversity": {"": new_if(len(members)), "independent": new_if(len(members) - 1)}},
        provenance=offered.provenance(examples=len(label), members=len(members), repeats=1),
        left_out=left_out(offered),
        split="test",
        networks=networks,
        runs=len(members),
        variant=offered.sampling.variant,
    )


def _of_approaches(
    offered: Offered, log_prob: np.ndarray, label: np.ndarray, networks: int
) -> dict[str, tuple[list[Decomposition], np.ndarray | None]]:
    """Decompositions and influences of every approach; of solutions where there are enough."""
    found: dict[str, tuple[list[Decomposition], np.ndarray | None]] = {}
    if len(log_prob) >= networks:
        found["independent"] = of_members(log_prob, label, networks)
    for approach in groups.several(offered.sampled["test"]):
        drawn = groups.around_solutions(offered.sampled, approach, ["test"], networks)
        parts = [decompose(own["test"][-networks:], label) for _, own in drawn]
        found[approach] = parts, examples_of(parts).swapaxes(0, 1) if len(parts) > 1 else None
    return found


def of_members(
    log_prob: np.ndarray,
    label: np.ndarray,
    size: int,
    split: Callable[[np.ndarray, np.ndarray], Decomposition] = decompose,
) -> tuple[list[Decomposition], np.ndarray | None]:
    """Decompositions of groups of members, and the members' influences on the mean diversity term.

    A single network has no diversity, and that of k grows as 1 - 1/k: exactly for the Brier score, nearly for the
    others. So influences of groups of more than half of the members are those of half of them, scaled accordingly (see
    `modescape.metrics.crossed.size_estimates`).

    Args:
        log_prob: log-probabilities, [member, example, class].
        label: true classes, [example].
        size: members in a group.
        split: decomposes a group, [model, example, width].

    Returns:
        One decomposition a group; influences [metric, member, example], None of two members or one.
    """
    half = min(size, half_of(len(log_prob)))
    masks, fitted = (groups.groups_of_solutions(len(log_prob), count) for count in (size, half))
    parts = [split(log_prob[mask], label) for mask in masks]
    if half < 2:
        return parts, None
    example = examples_of(parts if half == size else [split(log_prob[mask], label) for mask in fitted])
    with np.errstate(invalid="ignore"):  # an infinite diversity times a weight
        return parts, (1 - 1 / size) / (1 - 1 / half) * (influence_weights(fitted) @ example.swapaxes(0, 1))


def examples_of(parts: list[Decomposition]) -> np.ndarray:
    """Diversity terms of every example, [group, metric, example]."""
    return np.stack([part.example_diversity for part in parts])


def row_of(
    parts: list[Decomposition], influence: np.ndarray | None, group: np.ndarray | None = None
) -> tuple[np.ndarray, ...]:
    """Mean score, diversity, ensemble's score and the diversity's interval, [metric] each.

    Args:
        parts: of each group of networks.
        influence: of members or runs on the diversity, [metric, member, example].
        group: of each example (`modescape.arrays.group_codes`).
    """
    means = [np.mean([getattr(part, name) for part in parts], 0) for name in ("mean_member", "diversity", "ensemble")]
    example, influence = examples_of(parts).mean(0), None if influence is None else by_group(influence, group)
    return (*means, *crossed_interval(means[1], by_group(example, group), influence))
