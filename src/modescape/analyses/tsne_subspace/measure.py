"""Trajectories and the networks that each subspace method draws, embedded together by what they predict."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

import numpy as np
import torch

from modescape import rng
from modescape.analyses.equal_distance import common_distance, setting_at
from modescape.analyses.groups import sampled_methods
from modescape.analyses.requirements import left_out, whole_runs
from modescape.analyses.sampling import surroundings
from modescape.analyses.stating import DISTANCE, SCALE, controlled
from modescape.context import StudyContext
from modescape.errors import NotEnough
from modescape.functionspace import embed_tsne
from modescape.functionspace.embedding import MAX_PERPLEXITY
from modescape.methods import METHODS, SCALED
from modescape.results import make_result

if TYPE_CHECKING:
    import xarray as xr


class _Choices(TypedDict):
    purpose: str
    accept: bool


LEAST = 4  # points that t-SNE can place


def measure(
    context: StudyContext, *, samples: int = 20, examples: int = 512, perplexity: float | None = None
) -> xr.Dataset:
    """t-SNE of the probabilities of all checkpoints of the kept trajectories and of samples around their solutions.

    Every method has an embedding of its own, as in the paper: places of different panels cannot be compared. All
    methods draw at one distance from the solution (`equal_distance`), without a threshold; of the published variants at
    their own scales.

    Args:
        context: the study's data, network and evaluator.
        samples: networks of each method around each solution.
        examples: test examples, from the first on.
        perplexity: neighbours that count; None = min(30, (points - 1) / 3).

    Raises:
        NotEnough: if there are fewer than 4 points.

    Source: Fort et al. 2019, arXiv 1912.02757, figure 4.
    """
    study = context.study
    whole_runs(context.offered, "the embedding of subspaces")
    members = [member for member in study.trained if member < study.recipe.train.trajectories]
    epochs = list(range(study.recipe.train.epochs + 1))
    points = len(members) * (len(epochs) + samples)
    if points < LEAST:
        raise NotEnough(f"the embedding of subspaces needs {LEAST} points or more; there are {points}")
    if perplexity is None:
        perplexity = min(MAX_PERPLEXITY, (points - 1) / 3)
    image = context.dataset.test.image[:examples]
    images, trained_ones = {"test": image}, len(members) * len(epochs)
    known = [surroundings(context, member).checkpoints(epochs, image) for member in members]
    checkpoints = np.exp(np.concatenate(known)).reshape(trained_ones, -1)
    # checkpoints are drawn as the trajectory itself, an average is a single point
    methods = [method for method in sampled_methods(context) if METHODS[method].source != "checkpoints"]
    seed = rng.key(study.manifest["seed"], "tsne_subspace") % (1 << 32)
    swept, apart = study.recipe.subspace.variant == "swept", common_distance(context)
    embedded, scale, distance = [], [], []
    for method in methods:
        found, used, squares = [], [], []
        for around in (surroundings(context, member) for member in members):
            used.append(setting_at(around, method, apart) if swept and method in SCALED else METHODS[method].base_scale)
            choices: _Choices = {"purpose": "embedding", "accept": not swept}
            found.append(around.log_prob(method, used[-1], samples, images, **choices)["test"])
            weights = around.weights(method, used[-1], samples, **choices)
            squares += [around.distances(some).square() for some in weights]
        scale.append(np.mean(np.array(used, dtype=float)))
        distance.append(float(torch.cat(squares).mean()) ** 0.5)
        drawn = np.exp(np.concatenate(found)).reshape(len(members) * samples, -1)
        features = np.concatenate([checkpoints, drawn])
        embedded.append(embed_tsne(features, perplexity, seed).astype(np.float64))
    x, y = np.stack(embedded).transpose(2, 0, 1)
    dims = ("method", "model")
    last = epochs[-1]
    return make_result(
        {
            "x": (dims, x, "1", "axis 0 of the embedding"),
            "y": (dims, y, "1", "axis 1 of the embedding"),
            "scale": (("method",), np.array(scale), "1", SCALE),
            "distance": (("method",), np.array(distance), "1", DISTANCE),
            **controlled(context, methods, image, known[0][-1]),
        },
        {
            "method": methods,
            "member": ("model", [m for m in members for _ in epochs] + [m for m in members for _ in range(samples)]),
            "epoch": ("model", epochs * len(members) + [last] * len(members) * samples),
            "is_sample": ("model", [0] * trained_ones + [1] * (points - trained_ones)),
        },
        title="Trajectories and samples around their solutions, embedded by their predictions",
        intervals="none",
        provenance=study.provenance(examples=len(image), members=len(members), repeats=1),
        left_out=left_out(context.offered, trajectories_alone=True),
        split="test",
        samples=samples,
        perplexity=float(perplexity),
        tsne_seed=seed,
        variant=study.recipe.subspace.variant,
    )
