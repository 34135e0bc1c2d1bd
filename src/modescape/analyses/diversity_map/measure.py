"""Quality and diversity of networks as a map, with deep ensemble equivalents by the exact law of the Brier score."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch

from modescape.analyses import image_sets
from modescape.analyses.diversity_map.law import LAWS, SEVERITY, VALIDATION, Law, law_of
from modescape.analyses.groups import approaches, groups_of_solutions, members_of, paired, runs_of, solutions, together
from modescape.analyses.requirements import groups_of_networks, left_out, scoring_of, trained, two_networks
from modescape.analyses.sampling import available
from modescape.analyses.scales import STEPS, setting
from modescape.analyses.stating import DISTANCE, SCALE, Variables, controlled
from modescape.analyses.stored import Request
from modescape.context import StudyContext
from modescape.covers import NEW
from modescape.methods import METHODS, SCALED
from modescape.metrics.scoring import Scoring
from modescape.offered import INDEPENDENT, Offered, Sampled
from modescape.results import make_result

if TYPE_CHECKING:
    import xarray as xr

WHAT = "the diversity map"
EQUIVALENTS = {  # variable -> long name, in the order of `BrierEquivalent`
    "equivalent": "independent networks with the ensemble's {}; infinite: better than any number",
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
    """The values of one step of a method's sweep."""

    law: np.ndarray  # B1 and V in every setting, mean over runs, [setting, 2]
    barrier: float
    epochs: float
    error: np.ndarray | None = None  # of the average, [setting, run, example]; None of independent ones
    scale: float = np.nan
    distance: float = np.nan  # of the first run's networks from its solution, root mean square over its length


def draws(context: StudyContext, *, examples: int, **settings: object) -> list[Request]:
    """The networks that `measure` needs, and the images that they predict."""
    networks = context.offered.sampling.networks
    images = (image_sets.clean(context, examples),)
    if len(LAWS[context.study.task.kind].sets) > 1:
        images += (image_sets.shifted(context, SEVERITY, examples), image_sets.validation_images())
    there = available(context)
    wanted: list[tuple[str, float | None, int]] = [("single", None, 0)]
    wanted += [(method, None, 0) for method in there if METHODS[method].source == "checkpoints"]
    for method in available(context, SCALED):
        wanted += [
            (method, setting(context, method, step), at) for at, step in enumerate(STEPS[1:])
        ]  # at 0 all are the same network
    wanted += [(method, None, 0) for method in there if METHODS[method].one_network]
    return [
        Request(member, method, scale, networks, images, step=step)
        for method, scale, step in wanted
        for member in runs_of(context)
    ]


def measure(offered: Offered, *, examples: int = 2000, train_examples: int = 1000, points: int = 7) -> xr.Dataset:
    """Mean network's Brier score against V, the mean over pairs of half the squared distance of probabilities.

    The ensemble of K networks scores y - (1 - 1/K) x exactly, so straight lines on the map are equal ensembles. Each
    subspace method is drawn at every step of the common sweep; independent members, late checkpoints of one run and
    weight averages (V = 0) too, all of the same members (``subspace.runs``); on test images and under shift of
    severity 3, raw and after each network's temperature was fitted on validation images. The barrier is that of the
    training loss on the straight line from the first run's solution to each network. Of a regression the squared error
    of the means, on the test examples as they are.

    Args:
        offered: predictions of groups of networks on "test", "shift 3" and "validation" (`Law.sets`). Scale and
            distance are NaN where they are not known, barrier and control where no network is offered.
        examples: test examples, from the first on.
        train_examples: training examples of the barrier, from the first on.
        points: positions on each straight line.

    Raises:
        NotEnough: if no method has two networks.
    """
    trained(offered, 1, WHAT)
    networks = two_networks(offered, WHAT)
    law, scoring = law_of(offered), scoring_of(offered)
    test = groups_of_networks(offered, law.sets, WHAT)
    look = _Look(offered, networks, examples, law, scoring, barriers={"examples": train_examples, "points": points})
    alone = solutions(offered.sampled, law.sets)
    found = {"independent": [step]} if (step := look.independent(alone)) is not None else {}
    found |= {approach: look.steps(approach) for approach in approaches(test)}
    control = controlled(offered, list(found), alone["test"][0])
    equivalent = _equivalents(found, look.in_settings(alone), look, networks)
    return make_result(
        {**_map(found, networks, law), **_of_worths(equivalent, law), **_of_steps(found), **control},
        {
            "metric": list(law.settings),
            "approach": list(found),
            "draw": np.arange(max(len(steps) for steps in found.values())),
        },
        title=f"{law.named[:1].upper()}{law.named[1:]} of ensembles by the exact law, as a map",
        intervals=INTERVALS,
        covers=NEW,
        provenance=offered.provenance(examples=len(look.label), members=len(members_of(test)), repeats=1),
        left_out=left_out(offered),
        split="test",
        networks=networks,
        runs=len(members_of(test)),
        severity=SEVERITY,
        variant=offered.sampling.variant,
    ).assign_attrs(without_effect=offered.shifted.lacking)


@dataclass(frozen=True)
class _Look:
    """The offered networks, in the form that the map needs."""

    offered: Offered
    networks: int
    examples: int
    law: Law
    scoring: Scoring
    barriers: Mapping[str, int]  # settings

    @property
    def test(self) -> Sampled:
        """All networks, on the test examples."""
        return self.offered.sampled["test"]

    @property
    def label(self) -> np.ndarray:
        """True classes of the test examples that are used."""
        return self.test.label[: self.examples]

    @property
    def group(self) -> np.ndarray | None:
        """The group of each of them (`modescape.arrays.group_codes`)."""
        return None if (group := self.test.example_group) is None else group[: self.examples]

    @property
    def epochs(self) -> float:
        """Training epochs of a network; NaN where unknown."""
        return float(self.offered.training.epochs or np.nan)

    def in_settings(self, parts: Mapping[str, np.ndarray]) -> list[np.ndarray]:
        """Predictions in every setting, [network, example, width] each; ``parts`` likewise on every set."""
        raw = [parts[name][:, : self.examples] for name in self.law.sets if name != VALIDATION]
        if VALIDATION not in self.law.sets:
            return raw
        validation, label = parts[VALIDATION], self.offered.sampled[VALIDATION].label
        cooled = [self.scoring.calibrate(one, validation, label) for one in raw]
        return [raw[0], cooled[0], raw[1], cooled[1]]

    def laws(self, settings: list[np.ndarray]) -> list[tuple[float, float]]:
        """B1 (E1) and V in every setting."""
        return [self._law(part) for part in settings]

    def _law(self, predictive: np.ndarray) -> tuple[float, float]:
        if len(predictive) == 1:
            return float(np.mean(self.law.of_examples(predictive, self.label))), 0.0
        law = self.law.law(predictive, self.label)
        return law.mean_member, law.diversity

    def independent(self, alone: Mapping[str, np.ndarray]) -> _Step | None:
        """Groups of members; None where there are too few."""
        masks = groups_of_solutions(len(alone["test"]), self.networks)
        if not len(masks):
            return None
        laws = [self.laws(self.in_settings({name: part[mask] for name, part in alone.items()})) for mask in masks]
        others = self.test.groups[INDEPENDENT][1 : 1 + self.networks]
        return _Step(np.mean(np.array(laws), 0), self.barrier(others), self.epochs * self.networks)

    def steps(self, approach: str) -> list[_Step]:
        """An approach at each of its settings, around every run."""
        models = np.array(self.test.groups[approach])
        at = self.test.steps[models]
        return [self.step(approach, models[at == step].tolist()) for step in np.unique(at)]

    def step(self, approach: str, models: Sequence[int]) -> _Step:
        """The networks of one setting."""
        own = list(paired(self.test, approach, models).values())
        drawn = [self.in_settings(together(self.offered.sampled, some, self.law.sets)) for some in own]
        law = np.mean([self.laws(settings) for settings in drawn], 0)
        scores = [[self._error(part) for part in settings] for settings in drawn]
        ends_with_solution = approach in METHODS and METHODS[approach].source == "checkpoints"
        barrier = self.barrier(own[0][:-1] if ends_with_solution else own[0])
        apart = float(torch.from_numpy(self.test.distances(own[0])).square().mean()) ** 0.5
        scale = float(self.test.scales[models[0]])
        return _Step(law, barrier, self.epochs, np.swapaxes(np.array(scores), 0, 1), scale, apart)

    def _error(self, predictive: np.ndarray) -> np.ndarray:
        """Error of the average of networks, [example]."""
        return self.law.of_examples(self.scoring.combine(predictive), self.label)

    def barrier(self, models: Sequence[int]) -> float:
        """Mean barrier between the first run's solution and these networks; NaN where no network is offered."""
        if self.offered.drawing is None or not len(models):
            return np.nan
        return float(np.mean(self.offered.drawing.barriers(models, **self.barriers)))


def _equivalents(
    found: dict[str, list[_Step]], solutions: list[np.ndarray], look: _Look, networks: int
) -> dict[str, np.ndarray]:
    """Equivalents and their ends, [setting, method, step] each; NaN without two solutions."""
    shape = (len(look.law.settings), len(found), max(len(steps) for steps in found.values()))
    equivalent = {name: np.full(shape, np.nan) for name in EQUIVALENTS}
    if len(solutions[0]) < 2:
        return equivalent
    for row, (method, steps) in enumerate(found.items()):
        scores = [step.error for step in steps if step.error is not None]
        if method == "independent":
            for values in equivalent.values():
                values[:, row, 0] = networks  # by definition
        for place, log_prob in enumerate(solutions if scores else ()):
            scores_there = np.stack([score[place] for score in scores])
            numbers = look.law.equivalent(scores_there, log_prob, look.label, look.group)
            for values, ends in zip(equivalent.values(), numbers, strict=True):
                values[place, row, : len(scores)] = ends
    return equivalent


def _of_worths(equivalent: dict[str, np.ndarray], law: Law) -> Variables:
    return {
        name: (("metric", "approach", "draw"), equivalent[name], "1", long_name.format(law.named))
        for name, long_name in EQUIVALENTS.items()
    }


def _map(found: dict[str, list[_Step]], networks: int, law: Law) -> Variables:
    """The position of every step on the map."""
    both = np.full((len(law.settings), len(found), max(map(len, found.values())), 2), np.nan)
    for row, steps in enumerate(found.values()):
        for column, step in enumerate(steps):
            both[:, row, column] = step.law
    mean, diversity = both[..., 0], both[..., 1]
    upper = f"{law.named[:1].upper()}{law.named[1:]}"
    # an average is one network: its ensemble is itself
    together = mean - (1 - 1 / networks) * diversity
    dims = ("metric", "approach", "draw")
    return {
        "diversity": (dims, diversity, law.units, f"V: {law.between}"),
        f"mean_{law.error}": (dims, mean, law.units, f"mean network's {law.named}"),
        f"ensemble_{law.error}": (dims, together, law.units, f"{upper} of the ensemble by the exact law"),
        f"limit_{law.error}": (dims, mean - diversity, law.units, f"{upper} of infinitely many such networks"),
    }


def _of_steps(found: dict[str, list[_Step]]) -> Variables:
    """Cost of each step, and distances of its networks, [method, draw]."""
    values = np.full((4, len(found), max(map(len, found.values()))), np.nan)
    for row, steps in enumerate(found.values()):
        for column, step in enumerate(steps):
            values[:, row, column] = step.barrier, step.epochs, step.scale, step.distance
    dims = ("approach", "draw")
    return {
        "barrier": (dims, values[0], "nats", "barrier of the training loss to the solution"),
        "training_epochs": (dims, values[1], "1", "epochs of training behind all networks"),
        "scale": (dims, values[2], "1", SCALE),
        "distance": (dims, values[3], "1", f"{DISTANCE}, around the first run"),
    }
