"""What each way to make an ensemble brings: networks of one run, independent ones, and both together."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from modescape import rng
from modescape.analyses.comparing import calibrated, forward_passes, networks_compared, spread, spread_of_solutions
from modescape.analyses.equal_distance import at_one_distance
from modescape.analyses.groups import runs_of
from modescape.analyses.requirements import left_out, trained
from modescape.analyses.sampling import available, surroundings
from modescape.analyses.scales import scales
from modescape.analyses.stating import stated
from modescape.analyses.statistics import two_statistics
from modescape.context import StudyContext
from modescape.functionspace import jensen_shannon
from modescape.metrics import INTERVALS, SCORES, combine, ensemble_curves
from modescape.metrics.ensemble import LONG_NAMES
from modescape.metrics.scores import units_of
from modescape.results import make_result

if TYPE_CHECKING:
    import xarray as xr


def measure(context: StudyContext, *, subsets: int = 200) -> xr.Dataset:
    """Accuracy, NLL, Brier score and ECE against the number of members, each of them an ensemble around its solution.

    "independent" takes the solutions themselves, "weight_average" one averaged network of each member, every other
    method the mean probability of as many networks of each member as the recipe's ``subspace.samples`` says; so size 1
    is the method within one member, and larger sizes are independent x subspace. One member's networks are in memory at
    a time. Beside it every method at one distance from the solution (`equal_distance`), and the solutions with the
    batch-norm statistics of their training (`statistics`).

    Args:
        context: the study's data, network and evaluator.
        subsets: most subsets of a size that are averaged.

    Raises:
        NotEnough: if no member is trained.

    Source: Fort et al. 2019, arXiv 1912.02757, figure 8.
    """
    study = context.study
    members = trained(context.offered, 1, "the comparison of ensembles")
    chosen, networks = scales(context), networks_compared(study)
    methods = ["independent", *available(context)]
    label = context.dataset.test.label.cpu().numpy()
    images = {"test": context.dataset.test.image, "validation": context.dataset.validation.image}
    validation_label = context.dataset.validation.label.cpu().numpy()
    means: dict[str, list[np.ndarray]] = {method: [] for method in methods}
    raw: dict[str, list[float]] = {method: [] for method in methods}
    tempered: dict[str, list[float]] = {method: [] for method in methods}
    solutions: list[dict[str, np.ndarray]] = []
    for member in members:
        around = surroundings(context, member)
        solutions.append(around.log_prob("single", None, 1, images))
        means["independent"].append(solutions[-1]["test"][0])
        for method in methods[1:]:
            found = around.log_prob(method, chosen[method], study.recipe.subspace.samples, images)
            means[method].append(combine(found["test"]).astype(np.float32))
            if len(found["test"]) >= networks >= 2:
                raw[method].append(jensen_shannon(found["test"][-networks:]))
                cooled = calibrated(found["test"], found["validation"], validation_label)
                tempered[method].append(jensen_shannon(cooled[-networks:]))
    together = {name: np.concatenate([one[name] for one in solutions]) for name in images}
    raw["independent"] = spread_of_solutions(together["test"], networks)
    cooled = calibrated(together["test"], together["validation"], validation_label)
    tempered["independent"] = spread_of_solutions(cooled, networks)
    level = at_one_distance(context)
    both = two_statistics(context, members)
    key = rng.key(study.manifest["seed"], "ensemble_methods")
    curves = ensemble_curves(
        {method: np.stack(rows) for method, rows in means.items()},
        label,
        baseline="independent",
        limit=subsets,
        key=key,
    )
    values = {method: curve.values() for method, curve in curves.items()}
    dims = ("method", "metric", "size")
    epochs = study.recipe.train.epochs
    return make_result(
        {
            **{
                name: (dims, np.stack([own[name] for own in values.values()]), units_of(SCORES), long_name)
                for name, long_name in LONG_NAMES.items()
            },
            "jensen_shannon": (("method",), spread(raw), "nats", "Jensen-Shannon divergence of as many networks"),
            "jensen_shannon_calibrated": (
                ("method",),
                spread(tempered),
                "nats",
                "the same after each network's temperature was fitted on validation images",
            ),
            "training_epochs": (("method",), np.full(len(methods), float(epochs)), "1", "epochs of training, size 1"),
            "forward_passes": (
                ("method",),
                np.array([float(forward_passes(method, study)) for method in methods]),
                "1",
                "forward passes for a prediction, size 1",
            ),
            **stated(context, methods, images["test"], solutions[0]["test"][0]),
            **level.variables(),
            **both.variables(),
        },
        {
            "method": methods,
            "metric": list(SCORES),
            "size": np.arange(1, len(members) + 1),
            "other_method": level.methods,
            "member": members,
        },
        title="Ensembles of independent networks, of networks of one run, and of both",
        intervals=INTERVALS,
        provenance=study.provenance(examples=len(label), members=len(members), repeats=1),
        left_out=left_out(context.offered),
        split="test",
        samples=study.recipe.subspace.samples,
        networks=networks,
        variant=study.recipe.subspace.variant,
        batch_norm=study.recipe.subspace.batch_norm,
        batch_norm_layers=int(both.layers),
        equal_distance=level.distance,
        equal_distance_runs=len(runs_of(study)),
        most_subsets=max(subsets, len(members)),
        stream_key=key,
    )
