"""A study's network and data as a loss landscape: what analyses of surfaces, paths and curvature stand on."""

from __future__ import annotations

from typing import Any, Literal

from torch import Tensor

from modescape import batches
from modescape.analyses.drawing import BATCH_NORM_IMAGES
from modescape.analyses.requirements import weights_of
from modescape.context import StudyContext
from modescape.data.dataset import Split
from modescape.landscape import Landscape
from modescape.landscape.criteria import Loss
from modescape.models import working_dtype
from modescape.predict import BATCH
from modescape.types import Inputs, ModelState, Params

POLICIES: dict[str, Literal["recompute", "interpolate"]] = {"recompute": "recompute", "stored": "interpolate"}
"""``subspace.batch_norm`` of a recipe -> policy of a landscape: statistics made of a point's weights, or those that it
brings. Points of a cut bring the solution's; on a cut through solutions each has its own, mixed between them."""


def field(context: StudyContext, point: ModelState, split: Split, **settings: Any) -> Landscape:
    """The loss of the study's network on examples of it, around a point.

    The network runs in evaluation, without dropout, of torch's own operations, so that every derivative exists. The
    loss is the task's, nats an example: of classes the negative log-likelihood, of numbers that of the standardised
    targets (half the squared error where no variance is predicted). Batch-norm statistics are made of training
    examples at every point, or are those that it brings, as ``subspace.batch_norm`` says (`POLICIES`).

    Args:
        context: the study's data and network.
        point: the point of interest, such as a solution (`point_of`).
        split: the examples; `context.dataset.train.first(n)`.
        **settings: of `Landscape`, in place of these.
    """
    dtype = working_dtype(point.params)
    own: dict[str, Any] = {
        "loss": loss_of(context),
        "batch_norm": POLICIES[context.study.recipe.subspace.batch_norm],
        "batch_norm_batches": statistics_batches(context, point),
        "device": context.device,
        "seed": context.study.manifest["seed"],
    }
    given = batches_of(context, split, dtype=dtype)
    return Landscape(context.module, tensors_of(point), given, **(own | settings))


def point_of(context: StudyContext, member: int) -> ModelState:
    """The solution of a member, as it lies on the disk."""
    return weights_of(context.offered, "a loss landscape").solution(member)


def tensors_of(state: ModelState) -> Params:
    """All tensors of a network under their names in ``state_dict``."""
    return {**state.buffers, **state.params}


def loss_of(context: StudyContext) -> str | Loss:
    """The loss of a landscape: its name for classes, so that accuracy and agreement come with it."""
    task = context.dataset.task
    return "cross_entropy" if task.kind == "classification" else task.mean_loss


def batches_of(
    context: StudyContext, split: Split, *, dtype: Any, examples: int = BATCH
) -> list[tuple[Inputs, Tensor]]:
    """Prepared examples and targets as the loss takes them, in batches of so many.

    Args:
        context: the study's preparation and task.
        split: of the study's data, on its device.
        dtype: of inputs that are floating-point.
        examples: of a batch.
    """
    target, total = context.dataset.task.seen(split.label), len(split.label)
    pieces = [slice(start, start + examples) for start in range(0, total, examples)]
    prepared = ((context.preparation(batches.taken(split.inputs, own), dtype=dtype), target[own]) for own in pieces)
    return list(prepared)


def statistics_batches(context: StudyContext, point: ModelState) -> list[tuple[Inputs, Tensor]]:
    """Training examples of which batch-norm statistics are made, in whole batches as everywhere in a study."""
    train = context.dataset.train.first(BATCH_NORM_IMAGES)
    total = len(train.label)
    return batches_of(context, train.first(total - total % min(BATCH, total)), dtype=working_dtype(point.params))
