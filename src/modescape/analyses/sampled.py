"""Networks that an analysis requested, as `modescape.offered.Sampled`: read where they are stored, else made here."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
from torch import Tensor

from modescape.analyses.drawing import Networks, completed, predict
from modescape.analyses.equal_distance import common_distance
from modescape.analyses.image_sets import ImageSet, shift_of, validation_images
from modescape.analyses.landing import barrier_between, some_training_images
from modescape.analyses.sampling import available, neighbourhood
from modescape.analyses.scales import distances, scales, sweeps
from modescape.analyses.stored import Request, stored_log_prob
from modescape.arrays import group_codes
from modescape.context import StudyContext
from modescape.data.unlike import in_words
from modescape.methods import METHODS
from modescape.network.statistics import batch_norm_layers
from modescape.offered import Offered, Sampled, Shifted
from modescape.study.sampled import Drawn

Group = tuple[Drawn, ...]
AS_PUBLISHED = ("low_rank", "random")  # the paper's best methods, where no scale was swept


def with_sampled(context: StudyContext, requests: Sequence[Request]) -> Offered:
    """What a study offers, with the networks and sets of images that an analysis requested."""
    sets = {one.role: one for request in requests for one in request.images}
    models = _listed(context, requests)
    offered = replace(context.offered, drawing=StudyDrawing(context, sets, models))
    if any(one.severity for one in sets.values()):
        offered = replace(offered, shifted=_shifted(context))
    made = [one.source for one in sets.values() if one.source in context.dataset.kind.unlike]
    words = "; ".join(f"{source}: {in_words(source, context.dataset.kind)}" for source in made)
    return replace(offered, other_words=words, sampled=_Sets(context, models, sets))


def _shifted(context: StudyContext) -> Shifted:
    """How the recipe's shift corrupts the test images.

    Raises:
        InputError: if official corruptions or photographs are missing or of the wrong shape.
    """
    shift = shift_of(context)
    effect = shift.effect
    there = {name: shift.parts[name].numpy() for name in shift.corruptions}
    return Shifted(
        parts={name: there.get(name, np.empty(0, dtype=np.int64)) for name in effect.corruptions},
        change=effect.change,
        share=effect.share,
        there=effect.there,
        images=effect.images,
        source=shift.made.source,
        lacking=effect.lacking(),
        selections={name: one.chosen.numpy() for name, one in shift.selections.items()},
        selected="; ".join(f"{name.replace('_', ' ')}: {one.words}" for name, one in shift.selections.items()),
        unit=effect.unit,
    )


def with_drawing(context: StudyContext, sets: Iterable[ImageSet]) -> Offered:
    """What a study offers, with how its networks are drawn, to be compared on these sets."""
    return replace(context.offered, drawing=StudyDrawing(context, {one.role: one for one in sets}))


class Model(NamedTuple):
    """One network: the group that it is drawn in, and its index there."""

    approach: str
    group: Group
    place: int
    step: int  # which setting of its approach, around its solution

    @property
    def drawn(self) -> Drawn:
        """The identity of the network."""
        return self.group[self.place]


def _listed(context: StudyContext, requests: Sequence[Request]) -> list[Model]:
    """Every requested network, once per approach and step, in the order of the request."""
    found: dict[tuple[str, int, Drawn], Model] = {}
    for request in requests:
        for group in request.groups(context):
            for place, drawn in enumerate(group):
                model = Model(request.approach, group, place, request.step)
                found.setdefault((model.approach, model.step, drawn), model)
    return list(found.values())


@dataclass
class _Company:
    """Networks that are drawn together, and their predictions so far: weights are made once for all sets."""

    context: StudyContext
    group: Group
    said: dict[ImageSet, np.ndarray] = field(default_factory=dict)

    def on(self, images: ImageSet) -> np.ndarray:
        """Log-probabilities on a set, float32 [network, example, class]; whole, whatever the task."""
        return completed(self.context, self._on(images), lambda: self._on(validation_images()))

    def _on(self, images: ImageSet) -> np.ndarray:
        """The predictions of the networks themselves."""
        if images not in self.said:
            known = stored_log_prob(self.context, images, self.group)
            made = known is None
            self.said[images] = predict(self.context, self._networks, images.inputs(self.context)) if made else known
        return self.said[images]

    @functools.cached_property
    def _networks(self) -> Networks:
        around = neighbourhood(self.context, self.group[0].member)
        return around.networks_of(self.group, around.weights_of(self.group))


def _company(context: StudyContext, group: Group) -> _Company:
    return _Company(context, group)


@dataclass(frozen=True)
class SampledNetworks:
    """Networks on one set of images, as `modescape.offered.Sampled`."""

    context: StudyContext
    models: Sequence[Model]
    images: ImageSet

    @functools.cached_property
    def label(self) -> np.ndarray:
        """True classes, int64 [example]; -1 where there are none."""
        return self.images.label(self.context)

    @functools.cached_property
    def example_group(self) -> np.ndarray | None:
        """The number of each example's group, int64 [example]; None: each example is its own group."""
        return group_codes(self.images.group(self.context), len(self.label))

    @property
    def class_names(self) -> Sequence[str]:
        """Names, [class]."""
        return self.context.study.manifest["class_names"]

    @functools.cached_property
    def members(self) -> np.ndarray:
        """The member around whose solution each model lies, int64 [model]."""
        return np.array([model.drawn.member for model in self.models], dtype=np.int64)

    @functools.cached_property
    def epochs(self) -> np.ndarray:
        """The epoch of each snapshot, of other models that of the solution, int64 [model]."""
        last = self.context.study.recipe.train.epochs
        snapshot = [
            model.approach in METHODS and METHODS[model.approach].source == "checkpoints" for model in self.models
        ]
        return np.array(
            [model.drawn.draw if one else last for model, one in zip(self.models, snapshot, strict=True)],
            dtype=np.int64,
        )

    @functools.cached_property
    def groups(self) -> Mapping[str, Sequence[int]]:
        """Approach -> its models, in the order in which the analysis requested them."""
        found: dict[str, list[int]] = {}
        for number, model in enumerate(self.models):
            found.setdefault(model.approach, []).append(number)
        return found

    @functools.cached_property
    def scales(self) -> np.ndarray:
        """The setting of each model's method, float64 [model]."""
        return np.array([model.drawn.scale for model in self.models], dtype=np.float64)

    @functools.cached_property
    def steps(self) -> np.ndarray:
        """Which setting of its approach that is, int64 [model]."""
        return np.array([model.step for model in self.models], dtype=np.int64)

    def log_prob(self, model: int, /) -> np.ndarray:
        """The predictions of one model, float32 [example, width]; those drawn with it stay in memory."""
        one = self.models[model]
        return self.context.last(1, _company, one.group).on(self.images)[one.place]

    def distances(self, models: Sequence[int], /) -> np.ndarray:
        """Distances from the solution over the length of its weights, float64 [model]; read where they are stored."""
        found: dict[Group, np.ndarray] = {}
        for group in dict.fromkeys(self.models[model].group for model in models):
            found[group] = self._apart(group).numpy()
        return np.array([found[self.models[model].group][self.models[model].place] for model in models])

    def _apart(self, group: Group) -> Tensor:
        around, method = neighbourhood(self.context, group[0].member), group[0].approach
        if METHODS[method].one_network and METHODS[method].source == "weights":  # before its weights are rounded
            return around.distances(around.sampler(method, group[0].scale).centre(around.trajectory)[None])
        return around.apart_of(group)


@dataclass(frozen=True)
class _Sets(Mapping[str, Sampled]):
    """Set of images -> the predictions of the networks on it."""

    context: StudyContext
    models: Sequence[Model]
    sets: Mapping[str, ImageSet]

    def __getitem__(self, name: str) -> SampledNetworks:
        return SampledNetworks(self.context, self.models, self.sets[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self.sets)

    def __len__(self) -> int:
        return len(self.sets)


@dataclass(frozen=True)
class StudyDrawing:
    """How a study's networks were drawn, as `modescape.offered.Drawing`."""

    context: StudyContext
    sets: Mapping[str, ImageSet]
    models: Sequence[Model] = ()

    def scale(self, approach: str, /) -> float | None:
        """The scale by the recipe's variant."""
        return scales(self.context).get(approach)

    def distance(self, approach: str, /) -> float | None:
        """The distance of the tested networks around the first members."""
        return distances(self.context).get(approach)

    def control(self, approach: str, on: str, baseline: np.ndarray, /) -> float:
        """The control around the first member; see `modescape.analyses.sampling.Neighbourhood.control`."""
        around = neighbourhood(self.context, self.context.trained[0])
        return around.control(approach, self.sets[on].inputs(self.context), baseline)

    def level(self) -> float:
        """See `modescape.analyses.equal_distance.common_distance`."""
        return common_distance(self.context)

    def has_batch_norm(self) -> bool:
        """Whether the network has layers with running statistics."""
        return bool(batch_norm_layers(self.context.module))

    def two_statistics(self, member: int, on: str, /) -> np.ndarray:
        """Its solution with stored and with recomputed statistics, [2, example, class]."""
        return neighbourhood(self.context, member).two_statistics(self.sets[on].inputs(self.context))

    def barriers(self, models: Sequence[int], /, *, examples: int, points: int) -> np.ndarray:
        """From the first member's solution; batch-norm statistics are recomputed at each point."""
        first, found = neighbourhood(self.context, self.context.trained[0]), []
        split = some_training_images(first, examples)
        drawn: dict[Group, Tensor] = {}
        for group, place in ((self.models[model].group, self.models[model].place) for model in models):
            if group not in drawn:
                drawn[group] = neighbourhood(self.context, group[0].member).weights_of(group)
            found.append(barrier_between(first, first.trajectory[-1], drawn[group][place], split, points))
        return np.array(found)

    def best(self) -> str:
        """The scale that the sweep chose; the published one where none was swept."""
        if self.context.study.recipe.subspace.variant != "swept":
            return next(method for method in AS_PUBLISHED if method in available(self.context))
        found = sweeps(self.context)
        return min(found, key=lambda method: float(found[method].nll.min()))
