"""The scale at which each subspace method is used: swept and chosen on validation images, or as published."""

from __future__ import annotations

import functools
from typing import NamedTuple

import numpy as np

from modescape.analyses import sampling
from modescape.analyses.sampling import BASES, TOGETHER, available, predict, surroundings
from modescape.metrics import combine, nll
from modescape.subspace import Random
from modescape.workplace import Workplace, workplace

SWEEP = (1 / 64, 1 / 16, 0.25, 0.5, 1.0, 2.0, 4.0)  # times the base; small enough that the best is inside
SWEEP_MEMBERS = 3  # first members on which scales are chosen


class Swept(NamedTuple):
    """A sweep of the scale of one method; each over the steps of the sweep."""

    scale: np.ndarray  # in the unit of `BASES`
    distance: np.ndarray  # mean distance from the solution over the solution's length
    nll: np.ndarray  # of the ensemble of samples on validation images, mean over members, nats
    accuracy: np.ndarray  # mean of a sample on validation images
    accepted: np.ndarray  # share of first draws that were accepted; NaN where none is refused

    @property
    def chosen(self) -> int:
        """The step with the lowest NLL; the smaller scale of equal ones."""
        return int(np.nanargmin(self.nll))


def sweep(place: Workplace, method: str, factors: tuple[float, ...] = SWEEP) -> Swept:
    """Try a method at several scales on the validation images of the first members."""
    members = place.study.trained[:SWEEP_MEMBERS]
    rows = np.array([[_tried(place, member, method, factor) for factor in factors] for member in members])
    return Swept(*rows.mean(0).T)


def _tried(place: Workplace, member: int, method: str, factor: float) -> tuple[float, ...]:
    """One cell of a sweep: the fields of `Swept`."""
    around, split = surroundings(place, member), place.dataset.validation
    scale, count = factor * BASES[method], place.study.recipe.subspace.samples
    sampler = around.sampler(method, scale)
    keys, accepted = around.keys(f"sample {method}", count), np.nan
    if isinstance(sampler, Random):
        weights, first = sampler.draw(around.trajectory, keys, around.accept)
        accepted = float(first.double().mean())
    else:
        weights = sampler.sample(around.trajectory, keys, around.accept)
    distance = (weights.double() - around.trajectory[-1].double()).norm(dim=1).mean() / around.length
    label = split.label.cpu().numpy()
    parts = [predict(place, around.installed(some), split.image) for some in weights.split(TOGETHER)]
    log_prob = np.concatenate(parts)
    right = float((log_prob.argmax(-1) == label).mean())
    return scale, float(distance), float(nll(combine(log_prob), label)), right, accepted


@functools.lru_cache(maxsize=2)
def _sweeps(path: str, recipe_yaml: str) -> dict[str, Swept]:
    place = workplace(path, recipe_yaml)
    return {method: sweep(place, method) for method in available(place, tuple(BASES))}


def sweeps(place: Workplace) -> dict[str, Swept]:
    """The sweep of every method that has a scale; made once a process."""
    return _sweeps(str(place.study.path), place.study.recipe.to_yaml())


def scales(place: Workplace) -> dict[str, float | None]:
    """The scale of every available method, as the recipe's variant wants it, in the unit of `BASES`; None without one.

    swept: where the ensemble of samples has the lowest NLL on validation images; paper, official: as published.
    """
    found: dict[str, float | None] = dict.fromkeys(available(place))
    if place.study.recipe.subspace.variant == "swept":
        found |= {method: float(swept.scale[swept.chosen]) for method, swept in sweeps(place).items()}
    else:
        found |= {method: base for method, base in BASES.items() if method in found}
    return found


def forget() -> None:
    """Let go of all that is held of studies: a session may define its network anew, a folder become another study."""
    _sweeps.cache_clear()
    sampling.forget()
