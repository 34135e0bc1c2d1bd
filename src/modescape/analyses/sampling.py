"""Networks around the solutions of a study, and what they predict."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from modescape import rng, tree
from modescape.context import StudyContext
from modescape.methods import AROUND, METHODS, Run
from modescape.network.network import has_dropout
from modescape.study.offering import last_epochs
from modescape.subspace import Sampler, everything
from modescape.types import ModelState, Params

TOGETHER = 5  # networks whose weights are in memory together
HELD = 4  # members whose surroundings stay in memory
BATCH_NORM_IMAGES = 4096  # training images from which batch-norm statistics are recomputed
CONTROL_IMAGES = 256  # on which networks at distance 0 are compared with the solution


class Networks(NamedTuple):
    """A few networks around one solution."""

    state: ModelState  # stacked, on the device
    dropout: Tensor | None  # keys of Monte-Carlo dropout, one a network


@dataclass(frozen=True)
class Surroundings:
    """What one run has left behind, and networks drawn around its solution."""

    context: StudyContext
    member: int
    trajectory: Tensor = field(repr=False)  # last kept checkpoints, float32 [epoch, parameter]
    states: list[ModelState] = field(repr=False)  # the same, with buffers

    @classmethod
    def of(cls, context: StudyContext, member: int) -> Surroundings:
        """The surroundings of a member's solution."""
        study = context.study
        epochs = last_epochs(study, study.recipe.epochs_around())
        states = [study.state(member, epoch) for epoch in epochs]
        return cls(context, member, torch.stack([tree.ravel(state.params).float() for state in states]), states)

    @functools.cached_property
    def length(self) -> float:
        """L2 of the solution's weights."""
        return float(self.trajectory[-1].double().norm())

    @functools.cached_property
    def threshold(self) -> float:
        """Validation accuracy from which a random sample is accepted."""
        return self.context.study.recipe.subspace.acceptance * self._accuracy(self.trajectory[-1:])[0]

    def sampler(self, method: str, scale: float | None) -> Sampler:
        """The method with its settings; ``scale`` in the unit of `Method.base_scale`, None for methods without one."""
        return METHODS[method].sampler(self.run, scale)

    @property
    def run(self) -> Run:
        """What methods may know of this run."""
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
        """What methods found of this run, for `Run.once`."""
        return {}

    def offset(self, method: str) -> float:
        """Distance of a method's centre from the solution over the length of the solution's weights."""
        centre = self.sampler(method, METHODS[method].base_scale).centre(self.trajectory)
        return float((centre - self.trajectory[-1].double()).norm()) / self.length

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
        if method not in self._steps:
            self._steps[method] = self.sampler(method, 1.0).step(self.trajectory) / self.length
        ratio = step / self._steps[method] if self._steps[method] else 0.0
        return ratio**2 if record.squared else ratio

    @functools.cached_property
    def _steps(self) -> dict[str, float]:
        """Step of each method at scale 1 over the length of the weights, as far as it was asked for."""
        return {}

    def networks(
        self, method: str, scale: float | None, count: int, *, purpose: str = "sample", accept: bool = True
    ) -> Iterator[Networks]:
        """``count`` networks, a few at a time; the same ones for the same method, scale and purpose.

        Args:
            method: "single" (the solution), or one of `AROUND`.
            scale: of the method; None where it has none.
            count: networks; a weight average and the solution are one.
            purpose: of the streams.
            accept: draw random samples again that are below the threshold.
        """
        if method == "single":
            yield self._placed([self._solution])
        elif METHODS[method].source == "checkpoints":
            chosen = self.states[-count:]
            for start in range(0, len(chosen), TOGETHER):
                yield self._compared(chosen[start : start + TOGETHER])
        elif METHODS[method].source == "masks":
            keys = self.keys(f"{purpose} {method}", count)
            for some in keys.split(TOGETHER):
                networks = self._placed([self._solution] * len(some))
                yield Networks(networks.state, some.to(self.context.device))
        else:
            for weights in self.weights(method, scale, count, purpose=purpose, accept=accept):
                yield self.installed(weights)

    def weights(
        self, method: str, scale: float | None, count: int, *, purpose: str = "sample", accept: bool = True
    ) -> Iterator[Tensor]:
        """The weights of the same networks, [sample, parameter] a few at a time; under masks the solution's.

        Draws are those of the method itself, one by one: what they give is what the method gives, without bias. The
        choice of a scale alone draws in pairs (`modescape.analyses.scales`).
        """
        record = METHODS[method]
        if record.source == "masks":
            yield self.trajectory[-1:]
        elif record.source == "checkpoints":
            yield from self.trajectory[-count:].split(TOGETHER)
        else:
            keys = self.keys(f"{purpose} {method}", 1 if record.one_network else count)
            sampler = self.sampler(method, scale)
            for some in keys.split(TOGETHER):
                yield sampler.sample(self.trajectory, some, self.accept if accept else everything)

    def distances(self, weights: Tensor) -> Tensor:
        """Distance of each row from the solution over the length of the solution's weights, float64 [sample]."""
        return (weights.double() - self.trajectory[-1].double()).norm(dim=1) / self.length

    def control(self, method: str, images: Tensor, baseline: np.ndarray) -> float:
        """How far a method's network at distance 0 is from the solution that an analysis compares its samples with.

        The method draws at scale 0 around a run that stood still, so that its sample is the solution, and goes the way
        of all samples: flattened, restored, given batch-norm statistics, evaluated.

        Args:
            method: any of `AROUND`.
            images: uint8 [example, channel, height, width]; the first `CONTROL_IMAGES` are taken.
            baseline: the solution's log-probabilities as the analysis has them, [example, class].

        Returns:
            Largest difference of probabilities; NaN for Monte-Carlo dropout, which moves no weights.
        """
        record = METHODS[method]
        if record.source == "masks":
            return float("nan")
        images = images[:CONTROL_IMAGES]
        if record.source == "checkpoints":
            found = np.concatenate([predict(self.context, one, images) for one in self.networks(method, None, 1)])
        else:
            still = self.trajectory[-1:].expand(max(3, len(self.trajectory)), -1)
            run = replace(self.run, trajectory=still, length=0.0, swept=True, accept=everything, kept={})
            weights = record.sampler(run, 0.0).sample(still, self.keys(f"control {method}", 1))
            found = predict(self.context, self.installed(weights), images)
        return largest_difference(found[0], baseline[: len(images)])

    def installed(self, weights: Tensor) -> Networks:
        """Flattened weights [sample, parameter] as networks, with batch-norm statistics as all are compared."""
        solution = self.states[-1]
        params: list[Params] = [tree.unravel(row, solution.params) for row in weights]
        return self._compared([ModelState(one, solution.buffers) for one in params])

    def checkpoints(self, epochs: list[int], images: Tensor) -> np.ndarray:
        """Predictions of this member's checkpoints as they are compared with samples, [epoch, example, class]."""
        states = [self.context.study.state(self.member, epoch) for epoch in epochs]
        parts = (states[start : start + TOGETHER] for start in range(0, len(states), TOGETHER))
        return np.concatenate([predict(self.context, self._compared(some), images) for some in parts])

    @functools.cached_property
    def _solution(self) -> ModelState:
        """The solution, with batch-norm statistics as all are compared."""
        params, buffers = self._compared(self.states[-1:]).state
        return ModelState(tree.unstack(params, 0), tree.unstack(buffers, 0))

    def _compared(self, states: list[ModelState]) -> Networks:
        """Networks with batch-norm statistics of one kind: in a comparison they differ in nothing else.

        They are recomputed on training images for every network, trained or sampled, or are those that it came with,
        which for a sample are the solution's (`recipe.Subspace.batch_norm`).
        """
        networks = self._placed(states)
        return networks if self.context.study.recipe.subspace.batch_norm == "stored" else self._recomputed(networks)

    def _recomputed(self, networks: Networks) -> Networks:
        images = self.context.dataset.train.image[:BATCH_NORM_IMAGES]
        fresh = self.context.evaluator.recomputed(networks.state, images)
        if fresh is not networks.state:  # there is batch norm
            self.context.progress(len(next(iter(fresh.params.values()))) * len(images))
        return Networks(fresh, None)

    def two_statistics(self, images: Tensor) -> np.ndarray:
        """The solution's predictions with its stored and with recomputed batch-norm statistics, [2, example, class]."""
        stored = self._placed(self.states[-1:])
        return np.concatenate([predict(self.context, one, images) for one in (stored, self._recomputed(stored))])

    def accept(self, weights: Tensor) -> Tensor:
        """Whether weights [sample, parameter] are accurate enough on the validation images, bool [sample]."""
        if not self.context.study.recipe.subspace.acceptance:
            return torch.ones(len(weights), dtype=torch.bool)
        return torch.tensor(self._accuracy(weights)) >= self.threshold

    def log_prob(
        self, method: str, scale: float | None, count: int, images: Mapping[str, Tensor], **choices: Any
    ) -> dict[str, np.ndarray]:
        """Predictions of networks on several sets of images; each network is drawn once.

        Args:
            method: see `networks`.
            scale: see `networks`.
            count: see `networks`.
            images: name -> uint8 [example, channel, height, width].
            **choices: see `networks`.

        Returns:
            name -> float32 [network, example, class].
        """
        pieces: dict[str, list[np.ndarray]] = {name: [] for name in images}
        for networks in self.networks(method, scale, count, **choices):
            for name, some in images.items():
                pieces[name].append(predict(self.context, networks, some))
        return {name: np.concatenate(parts) for name, parts in pieces.items()}

    def _accuracy(self, weights: Tensor) -> list[float]:
        split = self.context.dataset.validation
        predicted = predict(self.context, self.installed(weights), split.image).argmax(-1)
        return (predicted == split.label.cpu().numpy()).mean(1).tolist()

    def keys(self, purpose: str, count: int) -> Tensor:
        """Keys of the streams of samples 0 .. count - 1 around this member, int64 [sample]."""
        seed = self.context.study.manifest["seed"]
        return torch.tensor([rng.key(seed, f"subspace {purpose}", self.member, number) for number in range(count)])

    def _placed(self, states: list[ModelState]) -> Networks:
        parts = (tree.stack([state.params for state in states]), tree.stack([state.buffers for state in states]))
        device = self.context.device
        moved = ({name: tensor.to(device) for name, tensor in part.items()} for part in parts)
        return Networks(ModelState(*moved), None)


def largest_difference(one: np.ndarray, other: np.ndarray) -> float:
    """Of probabilities, from log-probabilities of one shape."""
    return float(np.abs(np.exp(one.astype(float)) - np.exp(other.astype(float))).max())


def predict(context: StudyContext, networks: Networks, images: Tensor) -> np.ndarray:
    """Log-probabilities, float32 [network, example, class]."""
    images = images.to(context.device)
    return context.evaluator(networks.state, images, context.progress, dropout=networks.dropout).cpu().numpy()


def available(context: StudyContext, wanted: tuple[str, ...] = AROUND) -> list[str]:
    """Those of the methods that this study allows: a trajectory, averages and Gaussians need kept epochs."""
    kept = len(last_epochs(context.study, context.study.recipe.epochs_around()))
    found = [method for method in wanted if kept >= METHODS[method].least_checkpoints]
    return [method for method in found if not METHODS[method].needs_dropout or has_dropout(context.module)]


def surroundings(context: StudyContext, member: int) -> Surroundings:
    """The surroundings of a member's solution; those looked at last stay in memory."""
    return context.last(HELD, _surroundings, member)


def _surroundings(context: StudyContext, member: int) -> Surroundings:
    return Surroundings.of(context, member)
