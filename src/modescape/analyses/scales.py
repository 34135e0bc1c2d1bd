"""The scale of each subspace method: swept and chosen on validation images, or as published.

Every method is swept in one unit over one span: the step, the root-mean-square distance of its samples from their
centre relative to the norm of the solution's weights. Step 0 is the centre itself: the solution, or the mean of the
last checkpoints, or that of the random samples. A step is judged by the mean NLL of ensembles of the tested size.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from modescape import rng
from modescape.analyses.drawing import completed, likeness_of, predict, scoring_of_study
from modescape.analyses.sampling import available, neighbourhood
from modescape.analyses.stored import SWEEP_MEMBERS, TOGETHER, stored_choice, sweep_digest
from modescape.context import StudyContext
from modescape.methods import METHODS, SCALED
from modescape.metrics.grouping import count_units
from modescape.metrics.intervals import resample_counts, resample_weights
from modescape.subspace import mirrored_pairs

STEPS = (0.0, 0.01, 0.02, 0.04, 0.08, 0.16, 0.32)  # of every method
WIDER = 3  # most doublings of the last step where the last is the best
RESAMPLES = 1000  # behind the interval of a choice
WORST = 1e6  # nats: an infinite or missing loss, so that it can be averaged


class Swept(NamedTuple):
    """A sweep of the scale of one method; arrays are over the steps of the sweep."""

    step: np.ndarray  # root-mean-square distance from the centre over the solution's length, before draws are refused
    scale: np.ndarray  # in the unit of `Method.base_scale`
    distance: np.ndarray  # root-mean-square distance of the draws from the solution over the solution's length
    accuracy: np.ndarray  # mean of a sample on validation images; of a regression its RMSE
    accepted: np.ndarray  # share of first draws that were accepted; NaN where none is refused
    loss: np.ndarray  # NLL of ensembles on validation images, nats, [step, member, pair of ensembles, example]

    @property
    def nll(self) -> np.ndarray:
        """Mean NLL of ensembles of the tested size, nats, float [step]."""
        return self.loss.mean((1, 2, 3))

    @property
    def chosen(self) -> int:
        """The step with the lowest NLL; the smaller one of ties."""
        return int(self.nll.argmin())

    @property
    def edge(self) -> bool:
        """Whether the best step is the last one tried, so that a larger one may be better.

        The lower end is no edge: choosing step 0 means that no step helps.
        """
        return self.chosen == len(self.step) - 1

    def chosen_again(self, key: int, group: np.ndarray | None = None) -> tuple[int, int]:
        """2.5 and 97.5 % of the steps chosen on resampled members, draws and validation images, or groups of these."""
        _, members, pairs, examples = self.loss.shape
        drawn = resample_counts(count_units(group, examples), RESAMPLES, key)
        counts = resample_weights(drawn, group)  # [resample, example]
        cells = np.stack([np.tensordot(counts, step, (1, 2)) for step in self.loss])  # [step, resample, member, pair]
        keys = torch.tensor([rng.key(key, purpose) for purpose in ("members", "pairs")])
        size = RESAMPLES * members
        member = rng.integers(keys[0], size, members).reshape(RESAMPLES, members, 1).numpy()
        pair = rng.integers(keys[1], size * pairs, pairs).reshape(RESAMPLES, members, pairs).numpy()
        losses = cells[:, np.arange(RESAMPLES)[:, None, None], member, pair].mean((2, 3))  # [step, resample]
        low, high = np.quantile(losses.argmin(0), (0.025, 0.975), method="nearest")
        return int(low), int(high)


def sweep_draws(context: StudyContext) -> int:
    """Networks per solution and step, at least ``subspace.choosing``: pairs of ensembles of the tested size."""
    settings = context.study.recipe.subspace
    return 2 * settings.samples * max(1, math.ceil(settings.choosing / (2 * settings.samples)))


def sweep(context: StudyContext, method: str, purpose: str = "choosing") -> Swept:
    """Try a method at several steps on the validation images of the first members.

    The same draws are taken at every step, and others than those that are tested. Ensembles of a symmetric method come
    in twos, the second the mirror image of the first at the centre of the method: each is made of independent draws,
    as the tested ensembles are, so that the mean of the two is an unbiased estimate for such an
    ensemble; the random mean of the draws cancels between them, to first order.

    Args:
        context: the study's data, network and evaluator.
        method: one with a scale.
        purpose: of the streams.
    """
    members = context.trained[:SWEEP_MEMBERS]

    def tried(step: float) -> list[Tried]:
        scale = setting(context, method, step)
        return [tried_at(context, member, method, scale, purpose) for member in members]

    return until_inside(tried)


class Tried(NamedTuple):
    """One step of the sweep around one member; fields as in `Swept`."""

    scale: float
    distance: float
    accuracy: float
    accepted: float
    loss: np.ndarray  # [pair of ensembles, example]


def until_inside(tried: Callable[[float], list[Tried]]) -> Swept:
    """Try `STEPS`, then the last one doubled while it is the best, at most `WIDER` times."""
    steps = list(STEPS)
    rows = [tried(step) for step in steps]
    while (step := wider(swept := swept_of(steps, rows))) is not None:
        steps.append(step)
        rows.append(tried(step))
    return swept


def wider(swept: Swept) -> float | None:
    """The next step to try; None where the best one is not the last, or none is left."""
    return 2 * float(swept.step[-1]) if swept.edge and len(swept.step) < len(STEPS) + WIDER else None


def swept_of(steps: list[float], rows: list[list[Tried]]) -> Swept:
    """Combine the steps that were tried around each member into a sweep."""
    means = {
        name: np.array([np.mean([getattr(one, name) for one in row]) for row in rows])
        for name in ("scale", "distance", "accuracy", "accepted")
    }
    loss = np.array([[one.loss for one in row] for row in rows])
    return Swept(step=np.array(steps), loss=np.nan_to_num(loss, nan=WORST, posinf=WORST), **means)


def tried_at(context: StudyContext, member: int, method: str, scale: float, purpose: str) -> Tried:
    """Evaluate draws around one member at one scale; see `sweep`."""
    around, split = neighbourhood(context, member), context.dataset.validation
    label = split.label.cpu().numpy()
    first: list[float] = []

    def accept(weights: Tensor) -> Tensor:
        found = around.accept(weights)
        first.append(float(found.double().mean()))
        return found

    size = context.study.recipe.subspace.samples
    count, sampler = sweep_draws(context), around.sampler(method, scale)
    halves: tuple[list[np.ndarray], list[np.ndarray]] = ([], [])  # log-probabilities of draws, of their mirror images
    distance, accepted = [], []
    keys = around.keys(f"{purpose} {method}", count // 2 if sampler.symmetric else count)
    if not scale:  # every draw is the centre
        keys = keys[:1]
    for some in keys.split(TOGETHER):
        first.clear()
        if sampler.symmetric:
            pieces = mirrored_pairs(sampler, around.trajectory, some, accept)
        else:
            pieces = (sampler.sample(around.trajectory, some, accept),)
        accepted += first[:1]
        for half, weights in zip(halves, pieces, strict=False):
            distance.append(around.distances(weights))
            half.append(predict(context, around.installed(weights), split.inputs))
    log_prob = np.concatenate([*halves[0], *halves[1]])
    log_prob = completed(context, log_prob, lambda: log_prob)
    right = likeness_of(context).mean_good(log_prob, label)
    apart = float(torch.cat(distance).square().mean()) ** 0.5
    if not scale:
        log_prob = log_prob[:1].repeat(count, 0)
    scoring = scoring_of_study(context)
    ensembles = scoring.combine(log_prob.reshape(count // size, size, *log_prob.shape[1:]), 1)
    loss = scoring.scores["nll"].examples(ensembles, label)  # [ensemble, example]; the second half mirrors the first
    share = float(np.mean(accepted)) if accepted else np.nan
    return Tried(scale, apart, right, share, loss.reshape(2, -1, len(label)).mean(0))


def setting(context: StudyContext, method: str, step: float) -> float:
    """The scale of a step: its average around the first members, the same for all members."""
    members = context.trained[:SWEEP_MEMBERS]
    return float(np.mean([neighbourhood(context, member).setting(method, step) for member in members]))


def sweeps(context: StudyContext) -> dict[str, Swept]:
    """The sweep of every method that has a scale; read where it is stored, else made once per context."""
    return context.once(_sweeps)


def _sweeps(context: StudyContext) -> dict[str, Swept]:
    return {method: stored_sweep(context, method) or sweep(context, method) for method in available(context, SCALED)}


def stored_sweep(context: StudyContext, method: str) -> Swept | None:
    """The stored sweep of a method; None where there is none."""
    known = stored_choice(context, method, sweep_digest(context))
    if known is None or known.keys() != {*Swept._fields}:
        return None
    found = Swept(**known)
    plain = all(values.shape == found.step.shape for values in found[:-1])
    return found if found.step.ndim == 1 and plain and found.loss.shape[:1] == found.step.shape else None


def scales(context: StudyContext) -> dict[str, float | None]:
    """The scale of every available method by the recipe's variant; None for a method without one.

    In the unit of `Method.base_scale`; swept: where ensembles of samples have the lowest NLL on validation images;
    paper, official: as published.
    """
    found: dict[str, float | None] = dict.fromkeys(available(context))
    if context.study.recipe.subspace.variant == "swept":
        found |= {method: float(swept.scale[swept.chosen]) for method, swept in sweeps(context).items()}
    else:
        found = {method: METHODS[method].base_scale for method in found}
    return found


def distances(context: StudyContext) -> dict[str, float]:
    """Root mean square relative distance of each method's tested networks from the solution; first members."""
    return context.once(_distances)


def _distances(context: StudyContext) -> dict[str, float]:
    count, found = context.study.recipe.subspace.samples, {}
    for method, scale in scales(context).items():
        squares = [
            around.apart(method, scale, count).square().mean()
            for around in (neighbourhood(context, member) for member in context.trained[:SWEEP_MEMBERS])
        ]
        found[method] = float(torch.stack(squares).mean()) ** 0.5
    return found
