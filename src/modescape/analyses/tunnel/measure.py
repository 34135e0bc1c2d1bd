"""A path of low loss between two solutions, on which the function changes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch import Tensor

from modescape import rng, tree
from modescape.analyses.drawing import likeness_of, predict, scoring_of_study
from modescape.analyses.landing import losses, some_training_images
from modescape.analyses.likeness import Likeness
from modescape.analyses.requirements import left_out, trained
from modescape.analyses.sampling import Neighbourhood, neighbourhood
from modescape.analyses.stating import CONTROL_OF_POINT, Variables
from modescape.analyses.stored import TOGETHER
from modescape.context import StudyContext
from modescape.data.dataset import Split
from modescape.models import working_dtype
from modescape.paths import Tunnel, along, barrier
from modescape.results import make_result
from modescape.types import Inputs, ModelState

if TYPE_CHECKING:
    import xarray as xr


WAYS = ("straight", "tunnel")
LARGEST = 1.25  # radius of the stitched triangles; 1 is the path


def measure(
    context: StudyContext,
    *,
    levels: int = 3,
    steps: int = 200,
    points: int = 21,
    radii: int = 11,
    examples: int = 1000,
) -> xr.Dataset:
    """Loss, accuracy and agreement along the straight line and along an optimised path between the first two solutions.

    Agreement is with both ends and, as the middle of the path is a network trained to be there, with a third solution
    that is unrelated to the path. The triangles (origin, path) are those of the paper: the path scaled towards the
    origin and beyond.

    Args:
        context: the study's data, network and evaluator.
        levels: halvings of the path: 2^levels - 1 corners are optimised.
        steps: of Adam for each corner, with the recipe's batch size and learning rate.
        points: positions along each path.
        radii: positions along each ray of the triangles, from 0 to 1.25.
        examples: test examples, and training examples, from the first on.

    Raises:
        NotEnough: with fewer than two trained members.

    Source: Fort et al. 2019, arXiv 1912.02757, appendix A; Fort and Jastrzebski 2019, arXiv 1906.04724.
    """
    study = context.study
    members = trained(context.offered, 2, "a tunnel between solutions")[:3]
    ends = [neighbourhood(context, member) for member in members]
    one, two = ends[:2]
    test = context.dataset.test.first(examples)
    train = some_training_images(one, examples)
    search = Tunnel(levels=levels, steps=steps, learning_rate=study.recipe.train.learning_rate)
    corners = _corners(search, one, two, train)
    t = torch.linspace(0, 1, max(points, 3), dtype=torch.float64)
    ways = {"straight": along(corners[[0, -1]], t), "tunnel": along(corners, t)}
    solutions = [end.log_prob("single", None, 1, {"": test.inputs})[""][0] for end in ends]
    control = _control(one, ways["tunnel"][[0, -1]], test, solutions[:2])
    likeness = likeness_of(context)
    labels = [likeness.said(one) for one in solutions]
    radius = torch.linspace(0, LARGEST, max(radii, 2), dtype=torch.float64)
    return make_result(
        {
            **_along(one, ways, test, train, labels).variables(t.numpy(), likeness),
            **_triangles(one, ways["tunnel"], radius, test, labels[:2]),
            "control": (("other_member",), control, "1", CONTROL_OF_POINT.format(likeness.control)),
        },
        {
            "approach": list(WAYS),
            "t": t.numpy(),
            "member": members,
            "other_member": members[:2],
            "x": t.numpy(),
            "y": radius.numpy(),
            "metric": ["train_loss", "loss"],
        },
        title="A low-loss path between two solutions",
        intervals="none",
        provenance=context.offered.provenance(examples=len(test.label), members=len(members), repeats=1),
        left_out=left_out(context.offered),
        split="test",
        corners=len(corners) - 2,
        steps=steps,
        batch_norm=study.recipe.subspace.batch_norm,
        unrelated=str(members[2]) if len(members) == 3 else "none: the study has two members",
    )


class _Met(NamedTuple):
    """Quantities along each path."""

    loss: np.ndarray  # [way, t]
    quality: np.ndarray  # accuracy, RMSE
    train_loss: np.ndarray
    agreement: np.ndarray  # [way, solution, t]; of a regression the distance
    similarity: np.ndarray

    def variables(self, t: np.ndarray, likeness: Likeness) -> Variables:
        """The variables of a result, with the heights of barriers on the paths; positions are ``t``."""
        heights = np.stack([barrier(t, values) for values in (self.train_loss, self.loss)], 1)
        way, pair = ("approach", "t"), ("approach", "member", "t")
        quality, agreement = likeness.quality, likeness.agreement
        return {
            "loss": (way, self.loss, "nats", "loss on test images"),
            quality.name: (way, self.quality, quality.units, f"{quality.long_name} on test images"),
            "train_loss": (way, self.train_loss, "nats", "loss on training images"),
            agreement.name: (pair, self.agreement, agreement.units, agreement.long_name),
            "similarity": (pair, self.similarity, "1", likeness.similar),
            "barrier": (("approach", "metric"), heights, "nats", "height above the line between the ends' losses"),
        }


def _along(
    around: Neighbourhood, ways: Mapping[str, Tensor], test: Split, train: Split, labels: Sequence[np.ndarray]
) -> _Met:
    """Evaluate networks along paths of weights [t, parameter], and their agreement with the answers of solutions."""
    likeness, scoring = likeness_of(around.context), scoring_of_study(around.context)
    label, length = test.label.cpu().numpy(), len(next(iter(ways.values())))
    loss, right, train_loss = np.empty((3, len(ways), length))
    agreement, similarity = np.empty((2, len(ways), len(labels), length))
    for row, weights in enumerate(ways.values()):
        predictive = _predictions(around, weights, test.inputs)
        said = likeness.said(predictive)
        loss[row], right[row] = scoring.scores["nll"](predictive, label), likeness.good(predictive, label)
        train_loss[row] = losses(around, weights, train)
        for end, own in enumerate(labels):
            agreement[row, end] = likeness.agree(said, own)
            similarity[row, end] = likeness.similarity(said, own, label)
    return _Met(loss, right, train_loss, agreement, similarity)


def _triangles(
    around: Neighbourhood, way: Tensor, radius: Tensor, test: Split, labels: Sequence[np.ndarray]
) -> Variables:
    """Accuracy or RMSE [radius, t] of a path scaled from the origin, and its similarity [end, radius, t] to ends."""
    label, likeness = test.label.cpu().numpy(), likeness_of(around.context)
    triangle, alike = np.empty((len(radius), len(way))), np.empty((len(labels), len(radius), len(way)))
    for row, stretch in enumerate(radius):
        predictive = _predictions(around, stretch * way.double(), test.inputs)
        said, triangle[row] = likeness.said(predictive), likeness.good(predictive, label)
        for end, own in enumerate(labels):
            alike[end, row] = likeness.similarity(said, own, label)
    quality, text = likeness.quality, "on the stitched triangles"
    return {
        f"triangle_{quality.name}": (("y", "x"), triangle, quality.units, f"{quality.long_name} {text}"),
        "triangle_similarity": (("other_member", "y", "x"), alike, "1", "similarity to each end there"),
    }


def _corners(search: Tunnel, one: Neighbourhood, two: Neighbourhood, train: Split) -> Tensor:
    """Corners of a path between two solutions, which are its ends, [corner, parameter]."""
    return search.connect(
        one.trajectory[-1],
        two.trajectory[-1],
        lambda weights: torch.from_numpy(losses(one, weights, train)),
        gradient_of(one.context, one),
    )


def _control(around: Neighbourhood, ends: Tensor, test: Split, solutions: Sequence[np.ndarray]) -> list[float]:
    """Largest difference between the predictions of a path's ends [end, parameter] and those of the solutions."""
    found = [_predictions(around, ends[[end]], test.inputs)[0] for end in range(len(ends))]
    likeness = likeness_of(around.context)
    return [likeness.moved(*pair) for pair in zip(found, solutions, strict=True)]


def gradient_of(context: StudyContext, around: Neighbourhood) -> Callable[[Tensor, int], Tensor]:
    """The gradient of the training loss at weights [parameter], step by step, on batches from a named stream.

    Dropout is on, as in training; batch norm uses the batch's own statistics.
    """
    study, dataset, device = context.study, context.dataset, context.device
    step = context.trainer(lambda line: None).step([around.member])
    solution, batch = around.states[-1], study.recipe.train.batch_size
    seed, target = study.manifest["seed"], dataset.task.seen(dataset.train.label)

    def gradient(weights: Tensor, number: int) -> Tensor:
        keys = torch.tensor([[rng.key(seed, f"tunnel {purpose}", number)] for purpose in ("order", "dropout")])
        index = rng.integers(keys[0], batch, len(dataset.train.label)).to(device)
        inputs = context.preparation.pick(dataset.train.inputs, index, dtype=working_dtype(solution.params))
        params = {
            name: tensor[None].to(device).requires_grad_()
            for name, tensor in tree.unravel(weights.float(), solution.params).items()
        }
        buffers = {name: tensor[None].to(device).clone() for name, tensor in solution.buffers.items()}
        slopes, _, _ = step(ModelState(params, buffers), inputs, target[index], keys[1].to(device))
        # a parameter that no loss depends on has no gradient
        found = {name: slopes[name][0] if name in slopes else torch.zeros_like(params[name][0]) for name in params}
        return tree.ravel(found).detach().to(weights)

    return gradient


def _predictions(around: Neighbourhood, weights: Tensor, inputs: Inputs) -> np.ndarray:
    parts = [predict(around.context, around.installed(some.float()), inputs) for some in weights.split(TOGETHER)]
    return np.concatenate(parts)
