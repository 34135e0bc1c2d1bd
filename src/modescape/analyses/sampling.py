"""Networks around the solutions of a study, and what they predict."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from modescape import rng, tree
from modescape.analyses.image_sets import ImageSet
from modescape.analyses.requirements import last_epochs
from modescape.analyses.stored import (
    TOGETHER,
    Reach,
    groups_of,
    stored_distance,
    stored_log_prob,
    stored_reach,
)
from modescape.context import StudyContext
from modescape.methods import AROUND, METHODS, Run
from modescape.network.network import has_dropout
from modescape.study.sampled import Drawn
from modescape.subspace import Sampler, everything
from modescape.types import ModelState, Params

HELD = 4  # members whose surroundings stay in memory
BATCH_NORM_IMAGES = 4096  # training images from which batch-norm statistics are recomputed
SAMPLE = "sample"  # purpose of the streams of the networks that are tested
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
    given: tuple[Tensor, list[ModelState]] | None = field(default=None, repr=False)  # instead of those of the study

    @property
    def trajectory(self) -> Tensor:
        """The last kept checkpoints, float32 [epoch, parameter]."""
        return self._read[0]

    @property
    def states(self) -> list[ModelState]:
        """The same, with buffers."""
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

    def _from_end(self, epoch: int) -> int:
        """Which of the checkpoints is that of an epoch, counted from the last one, -1."""
        return epoch - self._epochs[-1] - 1

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

    def reach(self, method: str) -> Reach:
        """How far a method with a scale reaches; read where it is stored."""
        if method not in self._reaches:
            known = stored_reach(self.context, self.member, method) if self.given is None else None
            self._reaches[method] = self.measured_reach(method) if known is None else known
        return self._reaches[method]

    def measured_reach(self, method: str) -> Reach:
        """The same, from the checkpoints."""
        centre = self.sampler(method, METHODS[method].base_scale).centre(self.trajectory)
        offset = float((centre - self.trajectory[-1].double()).norm()) / self.length
        return Reach(self.sampler(method, 1.0).step(self.trajectory) / self.length, offset)

    @functools.cached_property
    def _reaches(self) -> dict[str, Reach]:
        """As far as they were asked for."""
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

    def networks(
        self, method: str, scale: float | None, count: int, *, purpose: str = SAMPLE, accept: bool = True
    ) -> Iterator[Networks]:
        """``count`` networks, a few at a time; the same ones for the same method, scale and purpose.

        Args:
            method: "single" (the solution), or one of `AROUND`.
            scale: of the method; None where it has none.
            count: networks; a weight average and the solution are one.
            purpose: of the streams.
            accept: draw random samples again that are below the threshold.
        """
        for group in self._groups(method, scale, count, purpose, accept):
            yield self._networks_of(group, self.weights_of(group))

    def weights(
        self, method: str, scale: float | None, count: int, *, purpose: str = SAMPLE, accept: bool = True
    ) -> Iterator[Tensor]:
        """The weights of the same networks, [sample, parameter] a few at a time; under masks the solution's.

        Draws are those of the method itself, one by one: what they give is what the method gives, without bias. The
        choice of a scale alone draws in pairs (`modescape.analyses.scales`).
        """
        for group in self._groups(method, scale, count, purpose, accept)[
            : 1 if METHODS[method].source == "masks" else None
        ]:
            yield self.weights_of(group)

    def _groups(
        self, method: str, scale: float | None, count: int, purpose: str, accept: bool
    ) -> list[tuple[Drawn, ...]]:
        return groups_of(self.context, self.member, method, scale, count, purpose=purpose, accept=accept)

    def weights_of(self, group: tuple[Drawn, ...]) -> Tensor:
        """The weights of networks that are drawn together, [network, parameter]; under masks the solution's."""
        _, method, purpose, scale, accept, *_ = group[0]
        numbers = [one.draw for one in group]
        if method == "single" or METHODS[method].source == "masks":
            return self.trajectory[-1:]
        if METHODS[method].source == "checkpoints":
            return self.trajectory[[self._from_end(epoch) for epoch in numbers]]
        keys = self._keys(f"{purpose} {method}", numbers)
        return self.sampler(method, scale).sample(self.trajectory, keys, self.accept if accept else everything)

    def _networks_of(self, group: tuple[Drawn, ...], weights: Tensor) -> Networks:
        """The networks of these names and weights."""
        method = group[0].approach
        if method == "single":
            return self._placed([self._solution])
        if METHODS[method].source == "checkpoints":
            return self._compared([self.states[self._from_end(one.draw)] for one in group])
        if METHODS[method].source == "masks":
            keys = self._keys(f"{group[0].purpose} {method}", [one.draw for one in group])
            return Networks(self._placed([self._solution] * len(group)).state, keys.to(self.context.device))
        return self.installed(weights)

    def apart(
        self, method: str, scale: float | None, count: int, *, purpose: str = SAMPLE, accept: bool = True
    ) -> Tensor:
        """Distances of the same networks from the solution over its length, float64 [network]; read where stored."""
        found = []
        for group in self._groups(method, scale, count, purpose, accept):
            known = stored_distance(self.context, group) if self.given is None else None
            own = self.distances(self.weights_of(group)) if known is None else torch.from_numpy(known)
            found.append(own.expand(len(group)))
        return torch.cat(found)

    def predicted(
        self, group: tuple[Drawn, ...], images: Mapping[str, ImageSet | Tensor]
    ) -> tuple[dict[str, np.ndarray], Tensor]:
        """Predictions of networks that are drawn together, [network, example, class] a set, and their distances."""
        weights = self.weights_of(group)
        networks = self._networks_of(group, weights)
        found = {
            name: predict(self.context, networks, some if isinstance(some, Tensor) else some.images(self.context))
            for name, some in images.items()
        }
        return found, self.distances(weights).expand(len(group))

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
        self,
        method: str,
        scale: float | None,
        count: int,
        images: Mapping[str, ImageSet | Tensor],
        *,
        purpose: str = SAMPLE,
        accept: bool = True,
    ) -> dict[str, np.ndarray]:
        """Predictions of networks on several sets of images: read where they are stored, else made here.

        Args:
            method: see `networks`.
            scale: see `networks`.
            count: see `networks`.
            images: name -> a set, or images that nobody else looks at, uint8 [example, channel, height, width].
            purpose: see `networks`.
            accept: see `networks`.

        Returns:
            name -> float32 [network, example, class].
        """
        pieces: dict[str, list[np.ndarray]] = {name: [] for name in images}
        sets = {name: some for name, some in images.items() if isinstance(some, ImageSet) and self.given is None}
        for group in self._groups(method, scale, count, purpose, accept):
            known = {name: stored_log_prob(self.context, some, group) for name, some in sets.items()}
            found = {name: rows for name, rows in known.items() if rows is not None}
            absent = {name: some for name, some in images.items() if name not in found}
            if absent:
                found |= self.predicted(group, absent)[0]
            for name, rows in pieces.items():
                rows.append(found[name])
        return {name: np.concatenate(rows) for name, rows in pieces.items()}

    def _accuracy(self, weights: Tensor) -> list[float]:
        split = self.context.dataset.validation
        predicted = predict(self.context, self.installed(weights), split.image).argmax(-1)
        return (predicted == split.label.cpu().numpy()).mean(1).tolist()

    def keys(self, purpose: str, count: int) -> Tensor:
        """Keys of the streams of samples 0 .. count - 1 around this member, int64 [sample]."""
        return self._keys(purpose, range(count))

    def _keys(self, purpose: str, numbers: Iterable[int]) -> Tensor:
        seed = self.context.study.manifest["seed"]
        return torch.tensor([rng.key(seed, f"subspace {purpose}", self.member, number) for number in numbers])

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
    return Surroundings(context, member)
