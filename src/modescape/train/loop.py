"""The training loop: epochs of steps for a group of stacked members, yielding a snapshot after each epoch.

It knows neither the study on disk nor metrics: snapshots are yielded, the validation probe is handed in. Everything
random comes from the members' named streams, so a group that starts from a snapshot's resume tensors goes on exactly
as if it had never stopped.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from modescape import rng, tree
from modescape.data.dataset import Split
from modescape.data.order import batches, steps_per_epoch
from modescape.data.prepare import Preparation
from modescape.models import build, split_state
from modescape.recipe import Recipe
from modescape.train.optimizer import Optimizer
from modescape.train.schedule import learning_rate
from modescape.train.step import Step, watch
from modescape.types import ModelState, Params

Probe = Callable[[ModelState], tuple[Tensor, Tensor]]
"""Stacked state -> validation (loss in nats [member], accuracy [member])."""


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """Stacked members after an epoch (0: the initialisation, which has no history)."""

    epoch: int
    members: list[int]
    state: ModelState  # the live tensors [member, ...]: copy what outlives the iteration
    history: list[dict[str, float]]  # one row a member, columns of history.csv; empty at epoch 0
    finite: list[bool]  # whether each member's loss and weights have stayed finite
    optimizer: Callable[[int], Params]  # position in the group -> the optimiser's tensors of that member

    def member_state(self, position: int) -> ModelState:
        """Parameters and buffers of one member of the group."""
        return ModelState(tree.unstack(self.state.params, position), tree.unstack(self.state.buffers, position))


@dataclass(frozen=True, kw_only=True)
class Start:
    """Where one member continues: what its last snapshot held."""

    epoch: int
    state: ModelState
    optimizer: Params


def initial_module(recipe: Recipe, streams: rng.MemberStreams, member: int, data: Split, num_classes: int) -> nn.Module:
    """The network of a member as its initialisation stream makes it."""
    shape = tuple(data.image.shape[1:])
    return build(recipe.model, shape, num_classes, streams.key("initialisation", member))


class Trainer:
    """Trains groups of members of one recipe on one device.

    Args:
        recipe: settings.
        data: the training split, on the device.
        num_classes: classes of the data.
        preparation: scaling and augmentation.
        device: torch device name.
        dtype: of weights and arithmetic; float32 outside of tests.
    """

    def __init__(
        self,
        recipe: Recipe,
        data: Split,
        num_classes: int,
        preparation: Preparation,
        *,
        device: str = "cpu",
        dtype: torch.dtype = torch.float32,
    ) -> None:
        self.recipe, self.data, self.num_classes, self.preparation = recipe, data, num_classes, preparation
        self.device, self.dtype = device, dtype
        self.streams = rng.MemberStreams(seed=recipe.seed, shared=recipe.shared_streams())
        settings = recipe.train
        self.steps = steps_per_epoch(len(data.label), settings.batch_size, settings.batches)

    def initial(self, member: int) -> Start:
        """A member before its first step."""
        state = split_state(initial_module(self.recipe, self.streams, member, self.data, self.num_classes))
        return Start(epoch=0, state=state, optimizer={})

    def group(
        self,
        members: list[int],
        probe: Probe,
        *,
        starts: list[Start] | None = None,
        progress: Callable[[int], None] = lambda examples: None,
    ) -> Iterator[Snapshot]:
        """Train ``members`` together to the last epoch.

        Args:
            members: member numbers.
            probe: validation loss and accuracy of stacked members.
            starts: where each continues (all at one epoch); default: their initialisations.
            progress: called after every step with the number of examples it took, all members together.

        Yields:
            the initialisation when it starts there, then a snapshot an epoch; ends early when no member is finite.
        """
        begin = starts or [self.initial(member) for member in members]
        state = self.stacked([start.state for start in begin])
        optimizer = Optimizer(self.recipe.train, state.params)
        if begin[0].optimizer:
            optimizer.restore([start.optimizer for start in begin])

        def snapshot(epoch: int, rows: list[dict[str, float]], finite: list[bool]) -> Snapshot:
            tensors = optimizer.tensors
            return Snapshot(epoch=epoch, members=members, state=state, history=rows, finite=finite, optimizer=tensors)

        finite = [True] * len(members)
        if begin[0].epoch == 0:
            yield snapshot(0, [], finite)
        step = self.step(members)
        for epoch in range(begin[0].epoch + 1, self.recipe.train.epochs + 1):
            started = time.perf_counter()
            loss, accuracy = self._epoch(epoch - 1, members, step, state, optimizer, progress)
            validation_loss, validation_accuracy = probe(state)
            seconds = time.perf_counter() - started
            rate = learning_rate(self.recipe.train, epoch - 1, 0, self.steps)
            columns = torch.stack([loss, accuracy, validation_loss, validation_accuracy]).double().cpu().T.tolist()
            names = ("train_loss", "train_accuracy", "validation_loss", "validation_accuracy")
            rows = [
                {"epoch": epoch, "lr": rate, **dict(zip(names, row, strict=True)), "seconds": seconds}
                for row in columns
            ]
            whole = (
                torch.stack([tensor.isfinite().flatten(1).all(1) for tensor in state.params.values()]).all(0).tolist()
            )
            finite = [  # the loss is of before each step: the last one shows in the weights, or in what they predict
                ok and fine and math.isfinite(row[0]) and not math.isnan(row[2])
                for ok, fine, row in zip(finite, whole, columns, strict=True)
            ]
            yield snapshot(epoch, rows, finite)
            if not any(finite):
                return

    def stacked(self, states: list[ModelState]) -> ModelState:
        """Stack members on the device; parameters become leaves that require gradients."""

        def place(tensor: Tensor) -> Tensor:
            return tensor.to(self.device, self.dtype if tensor.is_floating_point() else tensor.dtype)

        params = tree.stack([state.params for state in states])
        buffers = tree.stack([state.buffers for state in states])
        return ModelState(
            {name: place(tensor).detach().clone().requires_grad_() for name, tensor in params.items()},
            {name: place(tensor).clone() for name, tensor in buffers.items()},
        )

    def step(self, members: list[int]) -> Step:
        """The training step of a group of members."""
        module = initial_module(self.recipe, self.streams, members[0], self.data, self.num_classes).train()
        # asked on the CPU, whose generator is the one that is watched
        sample = self.preparation(self.data.image[: self.recipe.train.batch_size].cpu())
        habits = watch(module, sample)
        return Step(module.to(self.device, self.dtype), len(members), habits)

    def _epoch(
        self,
        epoch: int,
        members: list[int],
        step: Step,
        state: ModelState,
        optimizer: Optimizer,
        progress: Callable[[int], None],
    ) -> tuple[Tensor, Tensor]:
        """One pass; returns the running mean loss [member] and accuracy [member] of the training examples."""
        settings, device = self.recipe.train, self.device
        order = self.streams.keys("order", members, epoch).to(device)
        augmentation = rng.words(self.streams.keys("augmentation", members, epoch).to(device), self.steps)
        dropout = rng.words(self.streams.keys("dropout", members, epoch).to(device), self.steps)
        total_loss = torch.zeros(len(members), dtype=torch.float64, device=device)
        total_correct = torch.zeros(len(members), dtype=torch.int64, device=device)
        examples = 0
        indices = batches(len(self.data.label), settings.batch_size, settings.batches, order)
        for number, index in enumerate(indices):
            images = self.preparation.pick(self.data.image, index, augmentation[:, number], dtype=self.dtype)
            gradients, loss, correct = step(state, images, self.data.label[index], dropout[:, number])
            optimizer.step(gradients, learning_rate(settings, epoch, number, self.steps))
            total_loss += loss.double() * index.shape[1]
            total_correct += correct
            examples += index.shape[1]
            progress(index.numel())
        return total_loss / examples, total_correct / examples
