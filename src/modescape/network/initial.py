"""A member's network before its first step."""

from __future__ import annotations

from torch import nn

from modescape import rng
from modescape.data.dataset import Split
from modescape.models import build
from modescape.recipe import Recipe


def initial_module(recipe: Recipe, streams: rng.MemberStreams, member: int, data: Split, num_classes: int) -> nn.Module:
    """The network of a member as its initialisation stream makes it."""
    return build(recipe.model, data.shape, num_classes, streams.key("initialisation", member))
