"""Joint embedding of trajectories and of the networks that each subspace method samples, by their predictions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np
import torch

from modescape import rng
from modescape.analyses import image_sets
from modescape.analyses.equal_distance import common_distance, setting_at
from modescape.analyses.groups import sampled_methods, several
from modescape.analyses.likeness import LIKENESS
from modescape.analyses.requirements import groups_of_networks, left_out, whole_runs
from modescape.analyses.sampling import Neighbourhood, neighbourhood
from modescape.analyses.stating import DISTANCE, SCALE, Variables, controlled
from modescape.analyses.stored import Request
from modescape.context import StudyContext
from modescape.errors import InputError, NotEnough
from modescape.functionspace import embed_tsne
from modescape.functionspace.embedding import MAX_PERPLEXITY
from modescape.methods import METHODS, SCALED
from modescape.offered import TRAJECTORY, Offered, Sampled, runs, stacked
from modescape.results import make_result

if TYPE_CHECKING:
    import xarray as xr


WHAT = "the embedding of subspaces"
PURPOSE = "embedding"  # of the streams
LEAST = 4  # fewest points for t-SNE


def draws(context: StudyContext, *, samples: int, examples: int, **settings: object) -> list[Request]:
    """The networks that `measure` needs, and the images that they predict."""
    apart, images = common_distance(context), (image_sets.clean(context, examples),)
    accept = context.study.recipe.subspace.variant != "swept"
    epochs = tuple(context.study.recipe.kept_epochs(0))
    whole = [Request(member, TRAJECTORY, None, len(epochs), images, epochs=epochs) for member in _members(context)]
    return whole + [
        Request(member, method, _scale(neighbourhood(context, member), method, apart), samples, images, PURPOSE, accept)
        for member in _members(context)
        for method in _methods(context)
    ]


def _members(context: StudyContext) -> list[int]:
    whole_runs(context.offered, WHAT)
    return [member for member in context.trained if member < context.study.recipe.train.trajectories]


def _methods(context: StudyContext) -> list[str]:
    """The methods to embed: not checkpoints, which are the trajectory itself, nor averages, which are single points."""
    return [method for method in sampled_methods(context) if METHODS[method].source != "checkpoints"]


def _scale(around: Neighbourhood, method: str, apart: float) -> float | None:
    """The setting at which a method samples at the common distance; for the published variants its own."""
    swept = around.context.study.recipe.subspace.variant == "swept"
    return setting_at(around, method, apart) if swept and method in SCALED else METHODS[method].base_scale


def measure(offered: Offered, *, samples: int = 20, examples: int = 512, perplexity: float | None = None) -> xr.Dataset:
    """t-SNE of the probabilities of all checkpoints of the kept trajectories and of samples around their solutions.

    For a regression of the predicted means in standard deviations of the targets.

    Every method has an embedding of its own, as in the paper: positions in different panels cannot be compared. All
    methods sample at one distance from the solution (`equal_distance`), without a threshold; the published variants at
    their own scales.

    Args:
        offered: predictions of groups of networks on test examples; "trajectory" has all checkpoints of each run.
            Scale, distance and control are NaN where they are not known.
        samples: networks of each method around each solution that a study draws.
        examples: test examples, from the first on.
        perplexity: of t-SNE, about the number of neighbours; None = min(30, (points - 1) / 3).

    Raises:
        NotEnough: if there are fewer than 4 points.
        InputError: if approaches have different numbers of networks.

    Source: Fort et al. 2019, arXiv 1912.02757, figure 4.
    """
    whole_runs(offered, WHAT)
    test = groups_of_networks(offered, ["test"], WHAT, of=TRAJECTORY)
    along = [model for models in runs(test, TRAJECTORY).values() for model in models]
    around = {name: _models(test, name) for name in several(test) if name != TRAJECTORY}
    points = _points(along, around)
    if perplexity is None:
        perplexity = min(MAX_PERPLEXITY, (points - 1) / 3)
    seed = rng.key(offered.seed, "tsne_subspace") % (1 << 32)
    features = LIKENESS[offered.task].features
    x, y = _embedded(test, along, around, slice(examples), features, perplexity, seed)
    every = [*along, *next(iter(around.values()))]
    first = next(iter(runs(test, TRAJECTORY).values()))
    control = controlled(offered, list(around), test.log_prob(first[-1])[:examples])
    per_member = len(every[len(along) :]) // len(runs(test, TRAJECTORY))
    return make_result(
        {
            "x": (("approach", "model"), x, "1", "axis 0 of the embedding"),
            "y": (("approach", "model"), y, "1", "axis 1 of the embedding"),
            **_drawn(test, around),
            **control,
        },
        {
            "approach": list(around),
            "member": ("model", test.members[every].tolist()),
            "epoch": ("model", test.epochs[every].tolist()),
            "is_sample": ("model", [0] * len(along) + [1] * (points - len(along))),
        },
        title="Trajectories and samples around their solutions, embedded by their predictions",
        intervals="none",
        provenance=offered.provenance(
            examples=len(test.label[:examples]), members=len(runs(test, TRAJECTORY)), repeats=1
        ),
        left_out=left_out(offered, trajectories_alone=True),
        split="test",
        samples=per_member,
        perplexity=float(perplexity),
        tsne_seed=seed,
        variant=offered.sampling.variant,
    )


def _models(test: Sampled, approach: str) -> list[int]:
    """An approach's models around the solutions of the whole runs, one run after another."""
    found = runs(test, approach)
    return [model for member in runs(test, TRAJECTORY) for model in found.get(member, ())]


def _points(along: list[int], around: Mapping[str, list[int]]) -> int:
    """Points of each embedding.

    Raises:
        NotEnough: if there are too few, or no networks around solutions.
        InputError: if approaches have different numbers of networks.
    """
    counts = {len(models) for models in around.values()}
    if len(counts) > 1:
        raise InputError(f"{WHAT} needs equally many networks of each approach; there are {sorted(counts)}")
    if not around:
        raise NotEnough(f"{WHAT} needs predictions of networks around solutions; there are none")
    if (points := len(along) + counts.pop()) < LEAST:
        raise NotEnough(f"{WHAT} needs {LEAST} points or more; there are {points}")
    return points


def _embedded(
    test: Sampled,
    along: list[int],
    around: Mapping[str, list[int]],
    examples: slice,
    features: Callable[[np.ndarray, np.ndarray], np.ndarray],
    perplexity: float,
    seed: int,
) -> np.ndarray:
    """Positions of the checkpoints and of each approach's networks, float64 [axis, approach, model]."""
    checkpoints = features(stacked(test, along, examples), test.label[examples])
    places = []
    for models in around.values():
        drawn = features(stacked(test, models, examples), test.label[examples])
        places.append(embed_tsne(np.concatenate([checkpoints, drawn]), perplexity, seed).astype(np.float64))
    return np.stack(places).transpose(2, 0, 1)


def _drawn(test: Sampled, around: Mapping[str, list[int]]) -> Variables:
    """Scale and distance of every approach: the mean over runs, and the root mean square over all networks."""
    scale, distance = [], []
    for models in around.values():
        first = {int(test.members[model]): test.scales[model] for model in reversed(models)}
        scale.append(np.mean(list(reversed(first.values()))))
        distance.append(float(torch.from_numpy(test.distances(models)).square().mean()) ** 0.5)
    return {
        "scale": (("approach",), np.array(scale), "1", SCALE),
        "distance": (("approach",), np.array(distance), "1", DISTANCE),
    }
