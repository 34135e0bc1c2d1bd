"""A member's network before its first step."""

from __future__ import annotations

from torch import nn

from modescape import rng
from modescape.data.dataset import Split
from modescape.models import begin_with, build
from modescape.recipe import Recipe
from modescape.types import Params


def initial_module(
    recipe: Recipe,
    streams: rng.MemberStreams,
    member: int,
    data: Split,
    num_classes: int,
    start: Params | None = None,
) -> nn.Module:
    """Build a member's network with the weights drawn from its initialisation stream.

    Args:
        recipe: settings.
        streams: of the members.
        member: number of the member.
        data: the training split.
        num_classes: classes of the data.
        start: tensors that all members start from (`modescape.models.read_start`); without them the architecture is
            right but the weights are those of a recipe without ``model.init``.
    """
    module = build(recipe.model, data.shape, num_classes, streams.key("initialisation", member))
    if start is not None:
        begin_with(module, start, recipe.model)
    return module
