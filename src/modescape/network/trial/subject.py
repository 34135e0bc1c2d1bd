"""What is on trial: a recipe's network and a few examples, and what a study does with them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import torch
from torch import Tensor, nn

from modescape import batches, rng
from modescape.data.dataset import Split
from modescape.data.inputs.base import Prepare
from modescape.models import begin_with, build, split_state
from modescape.models.outputs import reading_of
from modescape.models.state import attributes, differing, passing_buffers
from modescape.network.copies import leaves, stacked
from modescape.network.forward import forward_each
from modescape.network.fuse import fuse
from modescape.network.habits import Habits
from modescape.network.member_ops import ComputePolicy
from modescape.recipe import Recipe
from modescape.types import Inputs, ModelState, Params

IMAGES = 4  # of the training split
KEYS = torch.tensor([1, 2])  # of dropout, one per network
REMEDY = (
    "register it as a buffer (register_buffer), so that it is saved with the weights; put layers into a ModuleList, "
    "and compute from weights in forward"
)


class Stepped(NamedTuple):
    """The results of one training step, before the optimiser."""

    gradients: Params  # [member, ...] of the parameters that the loss depends on
    loss: Tensor  # nats, [member]
    recomputed: bool  # parts of the network ran again in the backward pass; known if ``habits.recomputes``


class Batch(NamedTuple):
    """The inputs of one step."""

    state: ModelState  # params [member, ...] that require gradients, and buffers [member, ...], changed in place
    inputs: Inputs  # prepared, leaves [member, example, ...]
    label: Tensor  # [member, example]
    keys: Tensor  # of dropout, int64 [member]


class Training(Protocol):
    """How networks are trained, as far as a trial needs it."""

    def step(self, module: nn.Module, batch: Batch, habits: Habits, policy: ComputePolicy) -> Stepped:
        """Loss and gradients of one batch.

        Args:
            module: the architecture; put in training mode.
            batch: one for each network.
            habits: the network's behaviour as far as it is known.
            policy: how products are computed.
        """
        ...

    def update(self, params: Params, gradients: Params) -> None:
        """The optimiser's first step, in place."""
        ...


@dataclass(frozen=True)
class Subject:
    """The network of a recipe on trial.

    Attributes:
        recipe: settings.
        data: the training split.
        num_classes: classes of the data.
        preparation: scaling of examples.
        training: how networks are trained.
        start: tensors that all members start from; None if all are drawn.
    """

    recipe: Recipe
    data: Split
    num_classes: int
    preparation: Prepare
    training: Training
    start: Params | None = None

    @property
    def name(self) -> str:
        """How messages begin."""
        return f"model.factory '{self.recipe.model.factory}'"

    def make(self, purpose: str) -> nn.Module:
        """A newly made network; the purpose names the stream of its initialisation."""
        module = build(self.recipe.model, self.data.shape, self.num_classes, rng.key(self.recipe.seed, purpose, 0))
        if self.start is not None:
            begin_with(module, self.start, self.recipe.model)
        return module

    @property
    def index(self) -> Tensor:
        """Indices of the examples used: the first ones; a single example twice."""
        return torch.arange(max(2, min(IMAGES, len(self.data.label)))) % len(self.data.label)

    def batch(self, habits: Habits) -> tuple[Inputs, Tensor]:
        """A few examples, leaves [example, ...] as the step gets them, and their labels."""
        some, dtype = self.data.at(self.index).to("cpu"), getattr(torch, habits.dtype)
        picked = self.preparation.pick(some.inputs, torch.arange(len(some.label))[None], dtype=dtype)
        return batches.taken(picked, 0), some.label

    def stepped(
        self, module: nn.Module, states: Sequence[ModelState], habits: Habits, policy: ComputePolicy | None = None
    ) -> Stepped:
        """One training step of several networks together; ``states`` are not modified."""
        policy = policy or ComputePolicy(memory_format=habits.memory_format)
        inputs, label = self.batch(habits)
        batch = (batches.stacked([inputs] * len(states)), torch.stack([label] * len(states)))
        keys = KEYS[:1].expand(len(states))
        return self.training.step(module, Batch(leaves(states), *batch, keys), habits, policy)

    def evaluated(
        self, module: nn.Module, states: Sequence[ModelState], habits: Habits, policy: ComputePolicy | None = None
    ) -> Tensor:
        """Logits [model, example, class] in evaluation, one network after another; the generators are seeded."""
        policy, inputs = policy or ComputePolicy(memory_format=habits.memory_format), self.batch(habits)[0]
        with torch.no_grad():
            return forward_each(idle(module), stacked(states), inputs, KEYS[: len(states)], policy, True).logits


def idle(module: nn.Module) -> nn.Module:
    """The network in evaluation mode, prepared as everywhere."""
    module.eval()  # a user's own ``eval`` may return nothing
    return fuse(module)


def state_of(module: nn.Module, habits: Habits) -> ModelState:
    """Copies of the tensors that a study saves for a network."""
    return split_state(module, habits.kept_buffers)


def unsaved(one: nn.Module, two: nn.Module, habits: Habits) -> list[str]:
    """Names of buffers and attributes that are not saved and differ between two networks."""
    own = (attributes(module) | passing_buffers(module) for module in (one, two))
    return [name for name in differing(*own) if name not in habits.kept_buffers]


def output_of(module: nn.Module) -> str:
    """What the network returned last, and which part of it counts, in words."""
    reading = reading_of(module)
    return "a tensor" if reading is None else reading.seen


def named(names: Sequence[str]) -> str:
    """The first names, for a message."""
    shown = ", ".join(f"'{name}'" for name in list(names)[:5])
    return shown or "what it keeps elsewhere"


def reason(error: Exception) -> str:
    """The error on one line."""
    return " ".join(f"{type(error).__name__}: {error}".split())
