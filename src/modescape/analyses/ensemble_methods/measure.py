"""The gain of each ensemble method: networks of one run, independent ones, and both combined."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from modescape import rng
from modescape.analyses import image_sets
from modescape.analyses.comparing import spread, spread_of_solutions
from modescape.analyses.equal_distance import at_one_distance, requests_at_one_distance
from modescape.analyses.groups import approaches, around_solutions, members_of, requests, solutions
from modescape.analyses.likeness import CLASSES, LIKENESS, Likeness
from modescape.analyses.requirements import groups_of_networks, left_out, scoring_of, trained
from modescape.analyses.sampling import available
from modescape.analyses.stating import Variables, stated
from modescape.analyses.statistics import two_statistics
from modescape.analyses.stored import Request
from modescape.context import StudyContext
from modescape.covers import new_if
from modescape.metrics import INTERVALS, ensemble_curves
from modescape.metrics.ensemble import LONG_NAMES, intervals_in_words
from modescape.metrics.scores import units_of
from modescape.metrics.scoring import Scoring
from modescape.offered import Offered, Sampled, runs
from modescape.results import make_result

if TYPE_CHECKING:
    import xarray as xr


WHAT = "the comparison of ensembles"
SETS = ("test", "validation")


def draws(context: StudyContext, **settings: object) -> list[Request]:
    """The networks that `measure` needs, and the images that they predict."""
    images = image_sets.clean(context), image_sets.validation_images()
    own = requests(context, trained(context.offered, 1, WHAT), available(context), images)
    return [*own, *requests_at_one_distance(context)]


def measure(offered: Offered, *, subsets: int = 200) -> xr.Dataset:
    """Every score of the task against the number of members, each of them an ensemble around its solution.

    "independent" takes the solutions themselves, "weight_average" one averaged network of each member, every other
    method the mean probability of as many networks of each member as the recipe's ``subspace.samples`` says; so size 1
    is the method within one member, and larger sizes are independent x subspace. One member's networks are in memory at
    a time. Also every method at one distance from the solution (`equal_distance`), and the solutions with the
    batch-norm statistics of their training (`statistics`).

    Args:
        offered: predictions of groups of networks on test and validation examples. For predictions alone, scale,
            distance, control and the comparison of batch-norm statistics are NaN where they are not known, and at one
            distance are those groups whose names end in ", at one distance".
        subsets: largest number of subsets per size to average over.

    Raises:
        NotEnough: if no member is trained.

    Source: Fort et al. 2019, arXiv 1912.02757, figure 8.
    """
    trained(offered, 1, WHAT)
    test = groups_of_networks(offered, SETS, WHAT)
    members = members_of(test)
    alone = solutions(offered.sampled, SETS)
    found = _averaged(offered, alone)
    methods = list(found)
    level, both = at_one_distance(offered), two_statistics(offered, members)
    key = rng.key(offered.seed, "ensemble_methods")
    scoring, likeness = scoring_of(offered), LIKENESS[offered.task]
    return make_result(
        {
            **_curves({method: one.mean for method, one in found.items()}, test, subsets, key, scoring),
            **_divergences(found, likeness),
            **_costs(offered, methods),
            **stated(offered, methods, alone["test"][0]),
            **level.variables(offered.task),
            **both.variables(offered.task),
        },
        {
            "approach": methods,
            "metric": list(scoring.scores),
            "size": np.arange(1, len(members) + 1),
            "other_approach": level.methods,
            "member": members,
        },
        title="Ensembles of independent networks, of networks of one run, and of both",
        intervals=intervals_in_words(INTERVALS, scoring),
        covers={"": new_if(len(members)), "gain": {"": new_if(len(members)), "independent": new_if(len(members) - 1)}},
        provenance=offered.provenance(examples=len(test.label), members=len(members), repeats=1),
        left_out=left_out(offered),
        split="test",
        samples=offered.sampling.samples,
        networks=offered.sampling.networks,
        variant=offered.sampling.variant,
        batch_norm=offered.sampling.batch_norm,
        batch_norm_layers=int(both.layers),
        equal_distance=level.distance,
        equal_distance_runs=level.runs,
        most_subsets=max(subsets, len(members)),
        stream_key=key,
    )


class _Averaged(NamedTuple):
    """An approach's ensembles around every solution; for "independent" the solutions."""

    mean: np.ndarray  # log of the mean probability, [member, example, class]; of a regression the mixture's moments
    raw: list[float]  # `Likeness.spread` of as many networks as all others have
    tempered: list[float]  # the same of classes after each network's temperature was fitted; it moves no means


def _averaged(offered: Offered, alone: dict[str, np.ndarray]) -> dict[str, _Averaged]:
    """Ensembles of every approach; ``alone`` is of the solutions, [member, example, class] a set."""
    networks, label = offered.sampling.networks, offered.sampled["validation"].label
    scoring, likeness = scoring_of(offered), LIKENESS[offered.task]
    cooled = scoring.calibrate(alone["test"], alone["validation"], label)
    spreads = [spread_of_solutions(one, networks, likeness.spread) for one in (alone["test"], cooled)]
    found = {"independent": _Averaged(alone["test"], *spreads)}
    for approach in approaches(offered.sampled["test"]):
        means, raw, tempered = [], [], []
        for _, own in around_solutions(offered.sampled, approach, SETS):
            means.append(scoring.combine(own["test"]).astype(np.float32))
            if len(own["test"]) >= networks >= 2:
                raw.append(likeness.spread(own["test"][-networks:]))
                cooled = scoring.calibrate(own["test"], own["validation"], label)
                tempered.append(likeness.spread(cooled[-networks:]))
        found[approach] = _Averaged(np.stack(means), raw, tempered)
    return found


def _curves(means: dict[str, np.ndarray], test: Sampled, subsets: int, key: int, scoring: Scoring) -> Variables:
    """Scores against the number of members."""
    about: dict[str, Any] = {"baseline": "independent", "group": test.example_group, "limit": subsets, "key": key}
    curves = ensemble_curves(means, test.label, scoring=scoring, **about)
    units = units_of(scoring.scores)
    values = [curve.values() for curve in curves.values()]
    return {
        name: (("approach", "metric", "size"), np.stack([own[name] for own in values]), units, long_name)
        for name, long_name in LONG_NAMES.items()
    }


def _divergences(found: dict[str, _Averaged], likeness: Likeness) -> Variables:
    raw, of = spread({method: one.raw for method, one in found.items()}), likeness.diversity
    as_trained: Variables = {of.name: (("approach",), raw, of.units, f"{of.long_name} of as many networks")}
    if likeness is not CLASSES:
        return as_trained
    tempered = spread({method: one.tempered for method, one in found.items()})
    after = "the same after each network's temperature was fitted on validation images"
    return {**as_trained, f"{of.name}_calibrated": (("approach",), tempered, of.units, after)}


def _costs(offered: Offered, methods: list[str]) -> Variables:
    """Training, NaN where it is not known, and networks of one entry."""
    test, epochs = offered.sampled["test"], offered.training.epochs or np.nan
    passes = [1.0 if name == "independent" else float(max(map(len, runs(test, name).values()))) for name in methods]
    return {
        "training_epochs": (("approach",), np.full(len(methods), float(epochs)), "1", "epochs of training, size 1"),
        "forward_passes": (("approach",), np.array(passes), "1", "forward passes for a prediction, size 1"),
    }
