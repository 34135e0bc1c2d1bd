"""The stored checkpoints of one run, and the sampling of networks around its solution."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from modescape import batches, rng, tasks, tree
from modescape.analyses.averaging import as_root
from modescape.analyses.likeness import LIKENESS, Likeness
from modescape.analyses.stored import Reach, stored_reach
from modescape.context import StudyContext
from modescape.methods import METHODS, Run
from modescape.metrics.regression import example_squared
from modescape.metrics.scoring import Scoring
from modescape.study.offering import last_epochs
from modescape.study.sampled import Drawn
from modescape.subspace import Sampler, everything
from modescape.types import Inputs, ModelState, Params

BATCH_NORM_IMAGES = 4096  # training images from which batch-norm statistics are recomputed


class Networks(NamedTuple):
    """A few networks around one solution."""

    state: ModelState  # stacked, on the device
    dropout: Tensor | None  # keys of Monte-Carlo dropout, one a network


@dataclass(frozen=True)
class Around:
    """The stored checkpoints of one run, and how networks are sampled around its solution."""

    context: StudyContext
    member: int
    given: tuple[Tensor, list[ModelState]] | None = field(default=None, repr=False)  # instead of those of the study

    @property
    def trajectory(self) -> Tensor:
        """The parameters of the last stored checkpoints, float32 [epoch, parameter]."""
        return self._read[0]

    @property
    def states(self) -> list[ModelState]:
        """The last stored checkpoints with their buffers."""
        return self._read[1]

    @functools.cached_property
    def _read(self) -> tuple[Tensor, list[ModelState]]:
        if self.given is not None:
            return self.given
        states = [self.context.study.state(self.member, epoch) for epoch in self._epochs]
        return torch.stack([tree.ravel(state.params).float() for state in states]), states

    @property
    def _epochs(self) -> list[int]:
        return last_epochs(self.context.study, self.context.study.recipe.epochs_around())

    def _state(self, epoch: int) -> ModelState:
        """A checkpoint: one of the last, or an earlier one of a run that keeps all."""
        if epoch in self._epochs:
            place = self._epochs.index(epoch)  # imported checkpoints may leave numbers out
            return self.states[place - len(self._epochs)]
        return self.context.study.state(self.member, epoch)

    @functools.cached_property
    def length(self) -> float:
        """L2 norm of the solution's weights."""
        return float(self.trajectory[-1].double().norm())

    @functools.cached_property
    def threshold(self) -> float:
        """Validation accuracy from which a random sample is accepted; for a regression the RMSE up to which it is."""
        acceptance, own = self.context.study.recipe.subspace.acceptance, self._quality(self.trajectory[-1:])[0]
        return acceptance * own if self._likeness.higher_is_better else own / acceptance

    def sampler(self, method: str, scale: float | None) -> Sampler:
        """The method with its settings; ``scale`` in the unit of `Method.base_scale`, None for methods without one."""
        return METHODS[method].sampler(self.run, scale)

    @property
    def run(self) -> Run:
        """What methods may use of this run."""
        settings = self.context.study.recipe.subspace
        return Run(
            trajectory=self.trajectory,
            length=self.length,
            swept=settings.variant == "swept",
            rank=settings.rank,
            key=lambda purpose: int(self.keys(purpose, 1)[0]),
            accept=self.accept,
            kept=self._kept,
        )

    @functools.cached_property
    def _kept(self) -> dict[Callable[..., Any], Any]:
        """Results of methods on this run, for `Run.once`."""
        return {}

    def reach(self, method: str) -> Reach:
        """Distances of a method's samples at scale 1 and of their centre; read where they are stored."""
        if method not in self._reaches:
            known = stored_reach(self.context, self.member, method) if self.given is None else None
            self._reaches[method] = self.measured_reach(method) if known is None else known
        return self._reaches[method]

    def measured_reach(self, method: str) -> Reach:
        """`reach`, computed from the checkpoints."""
        centre = self.sampler(method, METHODS[method].base_scale).centre(self.trajectory)
        offset = float((centre - self.trajectory[-1].double()).norm()) / self.length
        return Reach(self.sampler(method, 1.0).step(self.trajectory) / self.length, offset)

    @functools.cached_property
    def _reaches(self) -> dict[str, Reach]:
        """The distances of methods that were asked for so far."""
        return {}

    def offset(self, method: str) -> float:
        """Distance of a method's centre from the solution over the length of the solution's weights."""
        return self.reach(method).offset

    def setting(self, method: str, step: float) -> float:
        """The scale at which a method's samples lie this far from their centre.

        Args:
            method: one with a scale.
            step: root-mean-square distance over the length of the solution's weights, before any draw is refused.

        Returns:
            The scale; 0 where no scale moves a sample, as the checkpoints are all alike, and the largest where a method
            has one.
        """
        record = METHODS[method]
        if record.scale_of is not None:
            return record.scale_of(step)
        unit = self.reach(method).step
        ratio = step / unit if unit else 0.0
        return ratio**2 if record.squared else ratio

    def weights_of(self, group: tuple[Drawn, ...]) -> Tensor:
        """The weights of networks that are drawn together, [network, parameter]; under masks the solution's."""
        _, method, purpose, scale, accept, *_ = group[0]
        numbers = [one.draw for one in group]
        if method == "single" or METHODS[method].source == "masks":
            return self.trajectory[-1:]
        if METHODS[method].source == "checkpoints":
            return torch.stack([tree.ravel(self._state(epoch).params).float() for epoch in numbers])
        keys = self._keys(f"{purpose} {method}", numbers)
        return self.sampler(method, scale).sample(self.trajectory, keys, self.accept if accept else everything)

    def networks_of(self, group: tuple[Drawn, ...], weights: Tensor) -> Networks:
        """The networks of these names and weights."""
        method = group[0].approach
        if method == "single":
            return self.placed([self._solution])
        if METHODS[method].source == "checkpoints":
            return self.compared([self._state(one.draw) for one in group])
        if METHODS[method].source == "masks":
            keys = self._keys(f"{group[0].purpose} {method}", [one.draw for one in group])
            return Networks(self.placed([self._solution] * len(group)).state, keys.to(self.context.device))
        return self.installed(weights)

    def distances(self, weights: Tensor) -> Tensor:
        """Distance of each row from the solution over the length of the solution's weights, float64 [sample]."""
        return (weights.double() - self.trajectory[-1].double()).norm(dim=1) / self.length

    def installed(self, weights: Tensor) -> Networks:
        """Networks of flattened weights [sample, parameter], with batch-norm statistics as in every comparison."""
        solution = self.states[-1]
        params: list[Params] = [tree.unravel(row, solution.params) for row in weights]
        return self.compared([ModelState(one, solution.buffers) for one in params])

    @functools.cached_property
    def _solution(self) -> ModelState:
        """The solution, with batch-norm statistics as in every comparison."""
        params, buffers = self.compared(self.states[-1:]).state
        return ModelState(tree.unstack(params, 0), tree.unstack(buffers, 0))

    def compared(self, states: list[ModelState]) -> Networks:
        """Networks with batch-norm statistics of one kind, so that a comparison does not depend on these.

        They are recomputed on training images for every network, trained or sampled, or are those that it came with,
        which for a sample are the solution's (`recipe.Subspace.batch_norm`).
        """
        networks = self.placed(states)
        return networks if self.context.study.recipe.subspace.batch_norm == "stored" else self.recomputed(networks)

    def recomputed(self, networks: Networks) -> Networks:
        """Networks with batch-norm statistics of their own weights."""
        inputs = self.context.dataset.train.first(BATCH_NORM_IMAGES).inputs
        fresh = self.context.evaluator.recomputed(networks.state, inputs)
        if fresh is not networks.state:  # there is batch norm
            self.context.progress(len(next(iter(fresh.params.values()))) * batches.count(inputs))
        return Networks(fresh, None)

    def accept(self, weights: Tensor) -> Tensor:
        """Whether weights [sample, parameter] are good enough on the validation images, bool [sample]."""
        if not self.context.study.recipe.subspace.acceptance:
            return torch.ones(len(weights), dtype=torch.bool)
        found = torch.tensor(self._quality(weights))
        return found >= self.threshold if self._likeness.higher_is_better else found <= self.threshold

    def _quality(self, weights: Tensor) -> list[float]:
        """Accuracy on the validation images, or RMSE for a regression."""
        split = self.context.dataset.validation
        predicted = predict(self.context, self.installed(weights), split.inputs)
        return self._likeness.good(predicted, split.label.cpu().numpy()).tolist()

    @property
    def _likeness(self) -> Likeness:
        return likeness_of(self.context)

    def keys(self, purpose: str, count: int) -> Tensor:
        """Keys of the random streams of samples 0 .. count - 1 around this member, int64 [sample]."""
        return self._keys(purpose, range(count))

    def _keys(self, purpose: str, numbers: Iterable[int]) -> Tensor:
        seed = self.context.study.manifest["seed"]
        return torch.tensor([rng.key(seed, f"subspace {purpose}", self.member, number) for number in numbers])

    def placed(self, states: list[ModelState]) -> Networks:
        """Networks on the study's device, with the statistics that they have."""
        parts = (tree.stack([state.params for state in states]), tree.stack([state.buffers for state in states]))
        device = self.context.device
        moved = ({name: tensor.to(device) for name, tensor in part.items()} for part in parts)
        return Networks(ModelState(*moved), None)


def completed(context: StudyContext, found: np.ndarray, validation: Callable[[], np.ndarray]) -> np.ndarray:
    """Predictions [network, example, width] adjusted by those on validation images."""
    task = context.study.task
    if not task.needs_validation:
        return found
    target = context.dataset.validation.label.cpu().numpy()
    return np.stack([task.completed(one, other, target) for one, other in zip(found, validation(), strict=True)])


def likeness_of(context: StudyContext) -> Likeness:
    """How networks of the study's task are compared."""
    return LIKENESS[context.study.task.kind]


def scoring_of_study(context: StudyContext) -> Scoring:
    """How predictions of the study's task are scored."""
    return tasks.scoring_of(context.study.task.kind)


def losses_and_errors(
    context: StudyContext, predictive: np.ndarray, target: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """What every example adds to the mean loss and to the error of networks.

    Args:
        context: the study's task.
        predictive: predictions, [network, example, width].
        target: of the examples.

    Returns:
        losses, nats, and errors: 0 or 1; of numbers the root of the mean squared error, linearised (`as_root`), in the
        target's unit. [network, example] each.
    """
    scores = scoring_of_study(context).scores
    loss = np.asarray(scores["nll"].examples(predictive, target))
    if likeness_of(context).higher_is_better:
        return loss, 1.0 - np.asarray(scores["accuracy"].examples(predictive, target))
    return loss, as_root(example_squared(predictive, target))


def predict(context: StudyContext, networks: Networks, inputs: Inputs) -> np.ndarray:
    """Log-probabilities, float32 [network, example, class]; what else a task predicts, [network, example, width]."""
    inputs = batches.moved(inputs, context.device)
    return context.evaluator(networks.state, inputs, context.progress, dropout=networks.dropout).cpu().numpy()
