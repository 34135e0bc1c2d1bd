"""How good, how diverse, worth how many independent networks: the exact law of the Brier score as a map."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch import Tensor

from modescape import tree
from modescape.analyses.comparing import calibrated, networks_compared
from modescape.analyses.groups import groups_of_solutions, runs_of
from modescape.analyses.landing import barrier_between, some_training_images
from modescape.analyses.requirements import left_out, trained
from modescape.analyses.sampling import Surroundings, available, surroundings
from modescape.analyses.scales import STEPS, setting
from modescape.analyses.stating import DISTANCE, SCALE, Variables, controlled
from modescape.context import StudyContext
from modescape.data.shift import Shift
from modescape.errors import NotEnough
from modescape.methods import METHODS, SCALED
from modescape.metrics import SCORES, brier, brier_equivalent_interval, brier_law, combine
from modescape.results import make_result

if TYPE_CHECKING:
    import xarray as xr

    from modescape.study import Study

SETTINGS = ("raw", "calibrated", "raw, shifted", "calibrated, shifted")
SEVERITY = 3  # of the shifted panels
VALIDATION = "validation"
WORTHS = {  # variable -> long name, in the order of `BrierEquivalent`
    "equivalent": "independent networks with the ensemble's Brier score; infinite: better than any number",
    "equivalent_low": "lower end of its 95 % interval, new members on new examples",
    "equivalent_high": "upper end of its 95 % interval, new members on new examples; infinite: no number is too large",
    "equivalent_low_these": "lower end of its 95 % interval, these members on new examples",
    "equivalent_high_these": "upper end of its 95 % interval, these members on new examples",
}
INTERVALS = (
    "equivalents: 95 %, new members on new examples, or (_these) these members on new examples; of 1 / number, by the "
    "delta method over examples and the delete-one jackknife over members, each with the networks around it; NaN for "
    "new members where there are 2; other variables: none"
)


class _Step(NamedTuple):
    """What one step of a method's sweep is drawn from."""

    law: np.ndarray  # B1 and V in every setting, mean over runs, [setting, 2]
    barrier: float
    epochs: float
    brier: np.ndarray | None = None  # of the average, [setting, run, example]; None of independent ones
    scale: float = np.nan
    distance: float = np.nan  # of the first run's networks from its solution, root mean square over its length


def measure(context: StudyContext, *, examples: int = 2000, train_examples: int = 1000, points: int = 7) -> xr.Dataset:
    """Mean network's Brier score against V, the mean over pairs of half the squared distance of probabilities.

    The ensemble of K networks scores y - (1 - 1/K) x exactly, so straight lines on the map are equal ensembles. Each
    subspace method is drawn at every step of the common sweep, beside independent members, late checkpoints of one run
    and weight averages (V = 0), all of the same members (``subspace.runs``); on the test images and under shift of
    severity 3, raw and after each network's temperature was fitted on validation images. The barrier is that of the
    training loss on the straight line from the first run's solution to each network.

    Args:
        context: the study's data, network and evaluator.
        examples: test examples, from the first on.
        train_examples: training examples of the barrier, from the first on.
        points: places on each straight line.

    Raises:
        NotEnough: if fewer than two networks of a method can be had.
    """
    study = context.study
    trained(context.offered, 1, "the diversity map")
    members = runs_of(study)
    networks = networks_compared(study)
    if networks < 2:
        raise NotEnough(f"the diversity map needs 2 networks a method; subspace.samples is {networks}")
    test, validation = context.dataset.test, context.dataset.validation
    given = study.recipe.data
    shift = Shift.of(test, given.shift, study.manifest["seed"], frost=given.frost)
    images = {"": test.image[:examples], "shifted": shift.images(SEVERITY)[:examples], VALIDATION: validation.image}
    label, validation_label = test.label[:examples].cpu().numpy(), validation.label.cpu().numpy()

    def in_settings(parts: dict[str, np.ndarray]) -> list[np.ndarray]:
        """Log-probabilities in every setting, [network, example, class] each."""
        cooled = {name: calibrated(parts[name], parts[VALIDATION], validation_label) for name in ("", "shifted")}
        return [parts[""], cooled[""], parts["shifted"], cooled["shifted"]]

    def laws(parts: dict[str, np.ndarray]) -> np.ndarray:
        """B1 and V in every setting, [setting, 2]."""
        return np.array([_law(part, label) for part in in_settings(parts)])

    def over_runs(method: str, scale: float | None, count: int) -> tuple[np.ndarray, np.ndarray]:
        """B1 and V, mean over runs, and the Brier score of each run's average, [setting, run, example]."""
        drawn = [in_settings(run.log_prob(method, scale, count, images)) for run in runs]
        law = np.mean([[_law(part, label) for part in parts] for parts in drawn], 0)
        scores = [[SCORES["brier"].examples(combine(part), label) for part in parts] for parts in drawn]
        return law, np.swapaxes(np.array(scores), 0, 1)

    runs = [surroundings(context, member) for member in members]
    first, epochs = runs[0], float(study.recipe.train.epochs)
    split = some_training_images(first, train_examples)

    def barrier_of(around: Surroundings, weights: Tensor) -> float:
        return float(np.mean([barrier_between(around, around.trajectory[-1], one, split, points) for one in weights]))

    found: dict[str, list[_Step]] = {}
    alone = [surroundings(context, member).log_prob("single", None, 1, images) for member in members]
    masks = groups_of_solutions(len(members), networks)
    if len(masks):
        together = {name: np.concatenate([one[name] for one in alone]) for name in images}
        law = np.mean([laws({name: part[mask] for name, part in together.items()}) for mask in masks], 0)
        others = torch.stack([_solution(study, member) for member in members[1 : 1 + networks]])
        found["independent"] = [_Step(law, barrier_of(first, others), epochs * networks)]
    if "trajectory" in available(context):
        law, scores = over_runs("trajectory", None, networks)
        apart = _apart(first, first.trajectory[-networks:])
        found["trajectory"] = [
            _Step(law, barrier_of(first, first.trajectory[-networks:-1]), epochs, scores, distance=apart),
        ]
    for method in available(context, SCALED):
        found[method] = []
        for step in STEPS[1:]:  # at step 0 all networks are one
            scale = setting(context, method, step)
            law, scores = over_runs(method, scale, networks)
            weights = torch.cat(list(first.weights(method, scale, networks)))
            found[method].append(_Step(law, barrier_of(first, weights), epochs, scores, scale, _apart(first, weights)))
    for method in (method for method in available(context) if METHODS[method].one_network):
        law, scores = over_runs(method, None, 1)
        average = first.sampler(method, None).centre(first.trajectory)[None]
        apart = _apart(first, average)
        found[method] = [_Step(law, barrier_of(first, average), epochs, scores, distance=apart)]
    control = controlled(context, list(found), images[""], alone[0][""][0])
    solutions = in_settings({name: np.concatenate([one[name] for one in alone]) for name in images})
    worth = _worths(found, solutions, label, networks)
    result = _result(context, found, worth, control, networks, len(label), len(members))
    return result.assign_attrs(without_effect=shift.effect.lacking())


def _apart(around: Surroundings, weights: Tensor) -> float:
    return float(around.distances(weights).square().mean()) ** 0.5


def _worths(
    found: dict[str, list[_Step]], solutions: list[np.ndarray], label: np.ndarray, networks: int
) -> dict[str, np.ndarray]:
    """Brier equivalents and their ends, [setting, method, step] each; without two solutions none is known."""
    shape = (len(SETTINGS), len(found), max(len(steps) for steps in found.values()))
    worth = {name: np.full(shape, np.nan) for name in WORTHS}
    if len(solutions[0]) < 2:
        return worth
    for row, (method, steps) in enumerate(found.items()):
        scores = [step.brier for step in steps if step.brier is not None]
        if method == "independent":
            for values in worth.values():
                values[:, row, 0] = networks  # by the law, whatever the networks
        for place, log_prob in enumerate(solutions if scores else ()):
            numbers = brier_equivalent_interval(np.stack([score[place] for score in scores]), log_prob, label)
            for values, ends in zip(worth.values(), numbers, strict=True):
                values[place, row, : len(scores)] = ends
    return worth


def _result(
    context: StudyContext,
    found: dict[str, list[_Step]],
    worth: dict[str, np.ndarray],
    control: Variables,
    networks: int,
    examples: int,
    members: int,
) -> xr.Dataset:
    study = context.study
    longest = max(len(steps) for steps in found.values())
    law = np.full((len(SETTINGS), len(found), longest, 2), np.nan)
    height, cost, scale, distance = (np.full((len(found), longest), np.nan) for _ in range(4))
    for row, steps in enumerate(found.values()):
        for column, step in enumerate(steps):
            law[:, row, column] = step.law
            height[row, column], cost[row, column] = step.barrier, step.epochs
            scale[row, column], distance[row, column] = step.scale, step.distance
    mean, diversity = law[..., 0], law[..., 1]
    # an average is one network: its ensemble is itself
    together = mean - (1 - 1 / networks) * diversity
    dims = ("metric", "method", "draw")
    return make_result(
        {
            "diversity": (dims, diversity, "1", "V: mean over pairs of half the squared distance of probabilities"),
            "mean_brier": (dims, mean, "1", "mean network's Brier score"),
            "ensemble_brier": (dims, together, "1", "Brier score of the ensemble by the exact law"),
            "limit_brier": (dims, mean - diversity, "1", "Brier score of infinitely many such networks"),
            **{name: (dims, worth[name], "1", long_name) for name, long_name in WORTHS.items()},
            "barrier": (("method", "draw"), height, "nats", "barrier of the training loss to the solution"),
            "training_epochs": (("method", "draw"), cost, "1", "epochs of training behind all networks"),
            "scale": (("method", "draw"), scale, "1", SCALE),
            "distance": (("method", "draw"), distance, "1", f"{DISTANCE}, around the first run"),
            **control,
        },
        {"metric": list(SETTINGS), "method": list(found), "draw": np.arange(longest)},
        title="Brier score of ensembles by the exact law, as a map",
        intervals=INTERVALS,
        provenance=study.provenance(examples=examples, members=members, repeats=1),
        left_out=left_out(context.offered),
        split="test",
        networks=networks,
        runs=len(runs_of(study)),
        severity=SEVERITY,
        variant=study.recipe.subspace.variant,
    )


def _law(log_prob: np.ndarray, label: np.ndarray) -> tuple[float, float]:
    if len(log_prob) == 1:
        return float(np.mean(brier(log_prob, label))), 0.0
    law = brier_law(log_prob, label)
    return law.mean_member, law.diversity


def _solution(study: Study, member: int) -> Tensor:
    return tree.ravel(study.params(member, study.recipe.train.epochs)).float()
