"""The training loop: epochs of steps for a group of stacked members, yielding a snapshot after each epoch.

It knows neither the study on disk nor metrics: snapshots are yielded, and the validation probe is passed in. All random
numbers come from the members' named streams, so a group that starts from a snapshot's resume tensors continues exactly
as if it had never stopped.
"""

from __future__ import annotations

import functools
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from modescape import rng, tree
from modescape.data.dataset import Split
from modescape.data.inputs.base import Prepare
from modescape.data.order import batch_sizes
from modescape.models import read_start, split_state
from modescape.network.habits import Habits
from modescape.network.initial import initial_module
from modescape.network.member_ops import ComputePolicy
from modescape.recipe import Recipe
from modescape.tasks import Classification, Task
from modescape.train.optimizer import Optimizer
from modescape.train.schedule import learning_rate
from modescape.train.step import Step
from modescape.train.steps import Steps
from modescape.train.stopping import COLUMNS, Stopping
from modescape.train.trial import trial
from modescape.types import ModelState, Params

Probe = Callable[[ModelState], tuple[Tensor, Tensor]]
"""Stacked state -> validation (loss [member], the history's column of the task [member])."""


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """Stacked members after an epoch (0: the initialisation, which has no history)."""

    epoch: int
    members: list[int]
    state: ModelState  # the live tensors [member, ...]: copy what outlives the iteration
    optimizer: Optimizer  # live as well
    history: list[dict[str, float]]  # one row per member, columns of history.csv; empty at epoch 0
    stopping: Stopping | None = None  # live as well; only with early stopping
    finite: list[bool]  # whether each member's loss and weights have stayed finite

    def copy(self) -> Params:
        """Everything needed to resume training, stacked, on the CPU: "param/...", "buffer/...", "optimizer/...".

        With early stopping also "best/...".
        """
        parts = {"param": self.state.params, "buffer": self.state.buffers, "optimizer": self.optimizer.tensors()}
        if self.stopping is not None:
            parts["best"] = self.stopping.tensors()
        return {
            f"{kind}/{name}": tensor.detach().to("cpu", copy=True)
            for kind, tensors in parts.items()
            for name, tensor in tensors.items()
        }


def of_member(copy: Params, position: int) -> Params:
    """One member's part of a `Snapshot.copy`; scalar tensors belong to all members."""
    return {name: tensor[position] if tensor.dim() else tensor for name, tensor in copy.items()}


@dataclass(frozen=True, kw_only=True)
class Start:
    """Where one member continues: what its last snapshot held."""

    epoch: int
    state: ModelState
    optimizer: Params
    best: Params = field(default_factory=dict)  # only with early stopping


class Trainer:
    """Trains groups of members of one recipe on one device.

    Args:
        recipe: settings.
        data: the training split, on the device.
        num_classes: width of the network's output.
        preparation: scaling and augmentation.
        device: torch device name.
        dtype: of weights and arithmetic; None: as created by the network's factory.
        policy: how products are computed.
        habits: the network's behaviour; default: found by a trial.
        replayed: record a step as a CUDA graph and replay it, if the network allows it.
        say: called with one-line messages for the user.
        task: what targets are; default: classification.
    """

    def __init__(
        self,
        recipe: Recipe,
        data: Split,
        num_classes: int,
        preparation: Prepare,
        *,
        device: str = "cpu",
        dtype: torch.dtype | None = None,
        policy: ComputePolicy = ComputePolicy(),
        habits: Habits | None = None,
        replayed: bool = False,
        say: Callable[[str], None] = lambda line: None,
        task: Task | None = None,
    ) -> None:
        self.task = task or Classification(num_classes)
        self.recipe, self.data, self.num_classes, self.preparation = recipe, data, num_classes, preparation
        self.seen = replace(data, label=self.task.seen(data.label))
        self.device, self.dtype, self.policy, self.replayed, self.say = device, dtype, policy, replayed, say
        self.habits = habits or trial(recipe, data, num_classes, preparation, self.task)
        if habits is None:
            self.policy = replace(policy, memory_format=self.habits.memory_format)
        own = {"shared": recipe.shared_streams(), "branches": tuple(recipe.streams.branches)}
        self.streams = rng.MemberStreams(seed=recipe.seed, **own)
        self.steps_per_epoch = len(batch_sizes(recipe.train, len(data.label), self.habits.least_batch))

    @functools.cached_property
    def common(self) -> Params | None:
        """The tensors that all members start from (`model.init`)."""
        return read_start(self.recipe.model)

    def initial(self, member: int) -> Start:
        """A member before its first step."""
        module = initial_module(self.recipe, self.streams, member, self.data, self.num_classes, self.common)
        state = split_state(module, self.habits.kept_buffers)
        if self.recipe.streams.last_bit and member:
            weight = next(iter(state.params.values())).view(-1)
            weight[0] = torch.nextafter(weight[0], weight.new_tensor(math.inf))
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
            probe: validation loss and the task's column of stacked members.
            starts: where each continues (all at one epoch); default: their initialisations.
            progress: called after every step with the number of examples that each member took.

        Yields:
            the initialisation when it starts there, then a snapshot per epoch; ends early when no member is finite.
        """
        begin = starts or [self.initial(member) for member in members]
        state = self.stacked([start.state for start in begin])
        optimizer, rule = Optimizer(self.recipe.train, state.params), self.recipe.train.early_stopping
        if begin[0].optimizer:
            optimizer.restore([start.optimizer for start in begin])
        stopping = None if rule is None else Stopping(rule, self.recipe.train.epochs, state)
        if stopping is not None and begin[0].best:
            stopping.restore([start.best for start in begin])

        def snapshot(epoch: int, rows: list[dict[str, float]], finite: list[bool]) -> Snapshot:
            live = {"members": members, "state": state, "optimizer": optimizer, "stopping": stopping}
            return Snapshot(epoch=epoch, history=rows, finite=finite, **live)

        finite = [True] * len(members)
        if begin[0].epoch == 0:
            yield snapshot(0, [], finite)
        steps = self.make_steps(members, state, optimizer)
        for epoch in range(begin[0].epoch + 1, self.recipe.train.epochs + 1):
            rows = self._epoch(epoch, steps, probe, progress, stopping)
            whole = (
                torch.stack([tensor.isfinite().view(len(members), -1).all(1) for tensor in state.params.values()])
                .all(0)
                .tolist()
            )
            finite = [  # the loss precedes each step: the last step shows in the weights, or in the validation loss
                ok and fine and math.isfinite(row["train_loss"]) and not math.isnan(row["validation_loss"])
                for ok, fine, row in zip(finite, whole, rows, strict=True)
            ]
            yield snapshot(epoch, rows, finite)
            if not any(finite):
                return

    def _epoch(
        self, epoch: int, steps: Steps, probe: Probe, progress: Callable[[int], None], stopping: Stopping | None
    ) -> list[dict[str, float]]:
        """Train for an epoch (from 1); returns one row of the history per member."""
        started = time.perf_counter()
        rate = learning_rate(self.recipe.train, epoch - 1, 0, self.steps_per_epoch)
        training = [True] * len(steps.members) if stopping is None else (stopping.stopped == 0).tolist()
        if any(training):
            columns = torch.stack([*steps.epoch(epoch - 1, progress), *probe(steps.state)]).double().cpu().T
        else:
            columns = torch.zeros(len(training), COLUMNS, dtype=torch.float64)
            progress(sum(steps.sizes))
        if stopping is not None:
            columns = stopping.after(epoch, columns)
        seconds = (time.perf_counter() - started) / max(1, sum(training))  # a member's share
        names = [f"{split}_{name}" for split in ("train", "validation") for name in ("loss", self.task.column)]
        return [
            {"epoch": epoch, "lr": rate * on, **dict(zip(names, row, strict=True)), "seconds": seconds * on}
            for row, on in zip(columns.tolist(), training, strict=True)
        ]

    def stacked(self, states: list[ModelState]) -> ModelState:
        """Stack members on the device; parameters become leaves that require gradients."""

        def place(tensor: Tensor) -> Tensor:
            dtype = self.dtype if self.dtype is not None and tensor.is_floating_point() else tensor.dtype
            return tensor.to(self.device, dtype)

        params = tree.stack([state.params for state in states])
        buffers = tree.stack([state.buffers for state in states])
        return ModelState(
            {name: place(tensor).detach().clone().requires_grad_() for name, tensor in params.items()},
            {name: place(tensor).clone() for name, tensor in buffers.items()},
        )

    def step(self, members: list[int], smoothing: float = 0.0) -> Step:
        """The step of a group of members; with label smoothing if ``smoothing`` is above 0."""
        # member 0's network stands for all, as in evaluation; its weights are not used
        module = initial_module(self.recipe, self.streams, 0, self.data, self.num_classes)
        task = self.task.smoothed(smoothing) if smoothing else self.task
        return Step(module.to(self.device, self.dtype), len(members), self.habits, self.policy, task)

    def make_steps(self, members: list[int], state: ModelState, optimizer: Optimizer) -> Steps:
        """The steps of an epoch of a group of members."""
        step = self.step(members, self.recipe.train.label_smoothing)
        parts = (self.recipe, self.streams, members, self.seen, self.preparation, step, state, optimizer)
        return Steps(*parts, replayed=self.replayed and step.habits.can_replay, say=self.say)
