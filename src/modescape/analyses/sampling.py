"""Networks around the solutions of a study, and what they predict."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from modescape import batches
from modescape.analyses.drawing import Around, Networks, completed, likeness_of, predict
from modescape.analyses.image_sets import ImageSet
from modescape.analyses.stored import groups_of, stored_distance, stored_log_prob
from modescape.context import StudyContext
from modescape.methods import AROUND, METHODS
from modescape.network.network import has_dropout
from modescape.study.offering import last_epochs
from modescape.study.sampled import Drawn
from modescape.subspace import everything
from modescape.types import Inputs

HELD = 4  # members whose neighbourhoods stay in memory
SAMPLE = "sample"  # purpose of the streams of the networks that are tested
CONTROL_IMAGES = 256  # images on which networks at distance 0 are compared with the solution


@dataclass(frozen=True)
class Neighbourhood(Around):
    """Networks around the solution of a run, and what they predict: read where they are stored, else made here."""

    def networks(
        self, method: str, scale: float | None, count: int, *, purpose: str = SAMPLE, accept: bool = True
    ) -> Iterator[Networks]:
        """``count`` networks, a few at a time; the same ones for the same method, scale and purpose.

        Args:
            method: "single" (the solution), or one of `AROUND`.
            scale: of the method; None where it has none.
            count: networks; a weight average and the solution are one.
            purpose: of the streams.
            accept: draw random samples below the threshold again.
        """
        for group in self._groups(method, scale, count, purpose, accept):
            yield self.networks_of(group, self.weights_of(group))

    def _groups(
        self, method: str, scale: float | None, count: int, purpose: str, accept: bool
    ) -> list[tuple[Drawn, ...]]:
        return groups_of(self.context, self.member, method, scale, count, purpose=purpose, accept=accept)

    def apart(
        self, method: str, scale: float | None, count: int, *, purpose: str = SAMPLE, accept: bool = True
    ) -> Tensor:
        """Distances of the same networks from the solution over its length, float64 [network]; read where stored."""
        return torch.cat([self.apart_of(group) for group in self._groups(method, scale, count, purpose, accept)])

    def apart_of(self, group: tuple[Drawn, ...]) -> Tensor:
        """Distances of one group of networks, as `distances`."""
        known = stored_distance(self.context, group) if self.given is None else None
        own = self.distances(self.weights_of(group)) if known is None else torch.from_numpy(known)
        return own.expand(len(group))

    def predicted(
        self, group: tuple[Drawn, ...], images: Mapping[str, ImageSet | Inputs]
    ) -> tuple[dict[str, np.ndarray], Tensor]:
        """Predictions of networks that are drawn together, [network, example, class] a set, and their distances."""
        weights = self.weights_of(group)
        networks = self.networks_of(group, weights)
        found = {
            name: predict(self.context, networks, some.inputs(self.context) if isinstance(some, ImageSet) else some)
            for name, some in images.items()
        }
        return found, self.distances(weights).expand(len(group))

    def control(self, method: str, inputs: Inputs, baseline: np.ndarray) -> float:
        """How far a method's network at distance 0 is from the solution that an analysis compares its samples with.

        The method draws at scale 0 around a run that does not move, so that its sample is the solution, handled as
        all samples: flattened, restored, given batch-norm statistics, evaluated.

        Args:
            method: any of `AROUND`.
            inputs: of a set, leaves [example, ...]; the first `CONTROL_IMAGES` are taken.
            baseline: the solution's log-probabilities in the analysis, [example, class].

        Returns:
            Largest difference of probabilities (`Likeness.moved`); NaN for Monte-Carlo dropout, which moves no weights.
        """
        record = METHODS[method]
        if record.source == "masks":
            return float("nan")
        inputs = batches.taken(inputs, slice(CONTROL_IMAGES))
        if record.source == "checkpoints":
            found = np.concatenate([predict(self.context, one, inputs) for one in self.networks(method, None, 1)])
        else:
            still = self.trajectory[-1:].expand(max(3, len(self.trajectory)), -1)
            run = replace(self.run, trajectory=still, length=0.0, swept=True, accept=everything, kept={})
            weights = record.sampler(run, 0.0).sample(still, self.keys(f"control {method}", 1))
            found = predict(self.context, self.installed(weights), inputs)
        return likeness_of(self.context).moved(found[0], baseline[: batches.count(inputs)])

    def two_statistics(self, inputs: Inputs) -> np.ndarray:
        """The solution's predictions with its stored and with recomputed batch-norm statistics, [2, example, class]."""
        stored = self.placed(self.states[-1:])
        both = stored, self.recomputed(stored)

        def on(some: Inputs) -> np.ndarray:
            return np.concatenate([predict(self.context, one, some) for one in both])

        return completed(self.context, on(inputs), lambda: on(self.context.dataset.validation.inputs))

    def log_prob(
        self,
        method: str,
        scale: float | None,
        count: int,
        images: Mapping[str, ImageSet | Inputs],
        *,
        purpose: str = SAMPLE,
        accept: bool = True,
    ) -> dict[str, np.ndarray]:
        """Predictions of networks on several sets of images: read where they are stored, else made here.

        Args:
            method: see `networks`.
            scale: see `networks`.
            count: see `networks`.
            images: name -> a set, or examples of this analysis alone, leaves [example, ...].
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


def available(context: StudyContext, wanted: tuple[str, ...] = AROUND) -> list[str]:
    """The methods that this study allows: a trajectory, averages and Gaussians need kept epochs."""
    kept = len(last_epochs(context.study, context.study.recipe.epochs_around()))
    found = [method for method in wanted if kept >= METHODS[method].least_checkpoints]
    return [method for method in found if not METHODS[method].needs_dropout or has_dropout(context.module)]


def neighbourhood(context: StudyContext, member: int) -> Neighbourhood:
    """The neighbourhood of a member's solution; those used last stay in memory."""
    return context.last(HELD, _neighbourhood, member)


def _neighbourhood(context: StudyContext, member: int) -> Neighbourhood:
    return Neighbourhood(context, member)
