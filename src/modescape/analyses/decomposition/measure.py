"""Where the gain of averaging comes from: the ensemble's score is exactly the mean network's minus a diversity."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from modescape.analyses.comparing import networks_compared
from modescape.analyses.groups import around_solutions, groups_of_solutions, runs_of, sampled_methods, solutions
from modescape.analyses.requirements import left_out, trained
from modescape.analyses.stating import stated
from modescape.context import StudyContext
from modescape.errors import NotEnough
from modescape.metrics import Decomposition, decompose
from modescape.metrics.crossed import half_of
from modescape.metrics.influence import crossed_interval, influence_weights
from modescape.results import make_result

if TYPE_CHECKING:
    import xarray as xr


UNITS = "1 (nats for nll)"
INTERVALS = (
    "95 %: new networks on new examples; Student's t with Satterthwaite's degrees of freedom on the variance over test "
    "examples and that between runs (independent: between members, from groups of them) without what the same examples "
    "made of it; a single run, or two members in one group: test examples alone"
)


def measure(context: StudyContext) -> xr.Dataset:
    """Split Brier score and NLL of ensembles of as many networks of each method.

    For the mean probability and for the normalised geometric mean; see `modescape.metrics.decompose`.

    Raises:
        NotEnough: if neither two members are trained nor two networks can be made from one.

    Source: the ambiguity decomposition (Krogh and Vedelsby 1995) in its exact forms for both scores.
    """
    study = context.study
    trained(context.offered, 1, "the decomposition of the gain")
    members = runs_of(study)
    networks, methods = networks_compared(study), sampled_methods(context)
    images, label = {"test": context.dataset.test.image}, context.dataset.test.label.cpu().numpy()
    if networks < 2:
        raise NotEnough(f"the decomposition of the gain needs 2 networks a method; subspace.samples is {networks}")
    found: dict[str, tuple[list[Decomposition], np.ndarray | None]] = {}  # parts and influences
    log_prob = solutions(context, images)["test"]
    if len(members) >= networks:
        found["independent"] = of_members(log_prob, label, networks)
    for method in methods:
        parts = [decompose(drawn["test"][-networks:], label) for _, drawn in around_solutions(context, method, images)]
        found[method] = parts, _example(parts).swapaxes(0, 1) if len(parts) > 1 else None
    rows = [_row(*parts) for parts in found.values()]
    dims = ("method", "metric")
    long_names = (
        ("mean_score", "mean network's score"),
        ("diversity", "what averaging takes off the score"),
        ("ensemble_score", "score of the ensemble"),
        ("diversity_low", "lower end of the 95 % interval of the diversity term"),
        ("diversity_high", "upper end of the 95 % interval of the diversity term"),
    )
    return make_result(
        {
            **{
                name: (dims, np.stack(values), UNITS, text)
                for values, (name, text) in zip(zip(*rows, strict=True), long_names, strict=True)
            },
            **stated(context, list(found), images["test"], log_prob[0]),
        },
        {"method": list(found), "metric": list(next(iter(found.values()))[0][0].metric)},
        title="The ensemble's score is the mean network's minus its diversity",
        intervals=INTERVALS,
        provenance=study.provenance(examples=len(label), members=len(members), repeats=1),
        left_out=left_out(context.offered),
        split="test",
        networks=networks,
        runs=len(runs_of(study)),
        variant=study.recipe.subspace.variant,
    )


def of_members(log_prob: np.ndarray, label: np.ndarray, size: int) -> tuple[list[Decomposition], np.ndarray | None]:
    """Decompositions of groups of members, and the members' influences on the mean diversity term.

    A single network has no diversity, and that of k grows as 1 - 1/k: exactly for the Brier score, nearly for the
    others. So influences of groups of more than half of the members are those of half of them, grown as much (see
    `modescape.metrics.crossed.size_estimates`).

    Args:
        log_prob: log-probabilities, [member, example, class].
        label: true classes, [example].
        size: members in a group.

    Returns:
        One decomposition a group; influences [metric, member, example], None of two members or one.
    """
    half = min(size, half_of(len(log_prob)))
    masks, fitted = (groups_of_solutions(len(log_prob), count) for count in (size, half))
    parts = [decompose(log_prob[mask], label) for mask in masks]
    if half < 2:
        return parts, None
    example = _example(parts if half == size else [decompose(log_prob[mask], label) for mask in fitted])
    with np.errstate(invalid="ignore"):  # an infinite diversity times a weight
        return parts, (1 - 1 / size) / (1 - 1 / half) * (influence_weights(fitted) @ example.swapaxes(0, 1))


def _example(parts: list[Decomposition]) -> np.ndarray:
    """Diversity terms of every example, [group, metric, example]."""
    return np.stack([part.example_diversity for part in parts])


def _row(parts: list[Decomposition], influence: np.ndarray | None) -> tuple[np.ndarray, ...]:
    """Mean score, diversity, ensemble's score and the diversity's interval, [metric] each."""
    means = [np.mean([getattr(part, name) for part in parts], 0) for name in ("mean_member", "diversity", "ensemble")]
    return (*means, *crossed_interval(means[1], _example(parts).mean(0), influence))
