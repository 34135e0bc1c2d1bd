"""A study's network and data as a loss landscape, for analyses of surfaces, paths and curvature."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

from torch import Tensor

from modescape import batches
from modescape.analyses.drawing import BATCH_NORM_IMAGES
from modescape.analyses.requirements import weights_of
from modescape.context import StudyContext
from modescape.data.dataset import Split
from modescape.landscape import Landscape
from modescape.landscape.criteria import Loss
from modescape.landscape.source import Batches
from modescape.models import working_dtype
from modescape.predict import BATCH
from modescape.types import Inputs, ModelState, Params

HELD = 1 << 29  # bytes of prepared examples that are kept between passes
POLICIES: dict[str, Literal["recompute", "interpolate"]] = {"recompute": "recompute", "stored": "interpolate"}
"""``subspace.batch_norm`` of a recipe -> policy of a landscape: statistics recomputed for a point, or those that it
brings. Points of a cut bring the solution's; on a cut through solutions each has its own, mixed between them."""


def field(context: StudyContext, point: ModelState, split: Split, **settings: Any) -> Landscape:
    """The loss of the study's network on some of its examples, around a point.

    The network runs in evaluation, without dropout, of torch's own operations, so that every derivative exists. The
    loss is the task's, nats an example: of classes the negative log-likelihood, of numbers that of the standardised
    targets (half the squared error where no variance is predicted). Batch-norm statistics are made of training
    examples at every point, or are those that it brings, as ``subspace.batch_norm`` says (`POLICIES`).

    Args:
        context: the study's data and network.
        point: the point of interest, such as a solution (`point_of`).
        split: the examples, such as `context.dataset.train.first(n)`.
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
    return Landscape(context.module, tensors_of(point), passes(context, split, dtype=dtype), **(own | settings))


def point_of(context: StudyContext, member: int) -> ModelState:
    """The solution of a member, read from disk."""
    return weights_of(context.offered, "a loss landscape").solution(member)


def tensors_of(state: ModelState) -> Params:
    """All tensors of a network under their names in ``state_dict``."""
    return {**state.buffers, **state.params}


def loss_of(context: StudyContext) -> str | Loss:
    """The loss of a landscape: for classes its name, with which accuracy and agreement are computed too."""
    task = context.dataset.task
    return "cross_entropy" if task.kind == "classification" else task.mean_loss


def batches_of(
    context: StudyContext, split: Split, *, dtype: Any, examples: int = BATCH
) -> list[tuple[Inputs, Tensor]]:
    """Prepared examples and targets as the loss takes them, in batches.

    Args:
        context: the study's preparation and task.
        split: of the study's data, on its device.
        dtype: of inputs that are floating-point.
        examples: of a batch.
    """
    return list(prepared(context, split, dtype=dtype, examples=examples))


def prepared(
    context: StudyContext, split: Split, *, dtype: Any, examples: int = BATCH
) -> Iterator[tuple[Inputs, Tensor]]:
    """`batches_of`, each prepared when it is asked for."""
    target = context.dataset.task.seen(split.label)
    for start in range(0, len(split.label), examples):
        own = slice(start, start + examples)
        yield context.preparation(batches.taken(split.inputs, own), dtype=dtype), target[own]


def passes(context: StudyContext, split: Split, *, dtype: Any, held: int = HELD) -> Batches:
    """`batches_of` where they take at most ``held`` bytes; else what prepares them again in every pass.

    Prepared examples are several times as large as they lie in a study: of large images those of all would not fit.
    """
    first, _ = next(prepared(context, split.first(1), dtype=dtype))
    size = sum(leaf.numel() * leaf.element_size() for leaf in batches.leaves(first))
    if size * len(split.label) <= held:
        return batches_of(context, split, dtype=dtype)
    return lambda: prepared(context, split, dtype=dtype)


def statistics_batches(context: StudyContext, point: ModelState) -> Batches:
    """Training examples for batch-norm statistics, in batches as everywhere in a study."""
    train = context.dataset.train.first(BATCH_NORM_IMAGES)
    total = len(train.label)
    return passes(context, train.first(total - total % min(BATCH, total)), dtype=working_dtype(point.params))
