"""The steps of an epoch for a group of stacked members: pick, prepare, step, count.

Everything that differs between steps is in tensors on the device (order, keys, rates, the step's number), so that a
step can be recorded once and replayed, and nothing waits for the GPU within an epoch.
"""

from __future__ import annotations

from collections.abc import Callable, Set

import torch
from torch import Tensor

from modescape import rng
from modescape.data.dataset import Split
from modescape.data.inputs.base import Prepare
from modescape.data.order import batch_sizes, epoch_order
from modescape.models import working_dtype
from modescape.recipe import Cyclic, Recipe
from modescape.train.mixup import mixed_in, shares
from modescape.train.optimizer import Optimizer
from modescape.train.replay import Replay
from modescape.train.schedule import langevin_noise, learning_rate
from modescape.train.step import Step
from modescape.types import ModelState


class Steps:
    """Trains a group for one epoch at a time.

    Args:
        recipe: settings.
        streams: the members' named streams.
        members: member numbers.
        data: the training split, on the device.
        preparation: scaling and augmentation.
        step: loss and gradients of one batch.
        state: stacked members, changed in place.
        optimizer: of these members.
        replayed: record a step as a CUDA graph and replay it.
        say: called with a line if a step cannot be recorded.
    """

    def __init__(
        self,
        recipe: Recipe,
        streams: rng.MemberStreams,
        members: list[int],
        data: Split,
        preparation: Prepare,
        step: Step,
        state: ModelState,
        optimizer: Optimizer,
        *,
        replayed: bool = False,
        say: Callable[[str], None] = lambda line: None,
    ) -> None:
        self.train, self.streams, self.members, self.data = recipe.train, streams, members, data
        self.preparation, self.step, self.state, self.optimizer = preparation, step, state, optimizer
        self.replayed, self.say, self._replays = replayed, say, dict[int, Replay]()
        self.device = data.label.device
        self.dtype = working_dtype(state.params)
        self.sizes = batch_sizes(self.train, len(data.label), step.habits.least_batch)
        self.count = len(self.sizes)
        self.number = torch.zeros(1, dtype=torch.int64, device=self.device)
        self.loss = torch.zeros(len(members), dtype=torch.float64, device=self.device)
        self.tally = torch.zeros(len(members), dtype=step.task.tally_kind(), device=self.device)
        self.columns = torch.arange(max(self.sizes), device=self.device)
        self._tables: list[Tensor] = []
        schedule = self.train.schedule
        self.purposes = ("augmentation", "dropout", "langevin", *["mixup"] * (self.train.mixup is not None))
        self.noisy = isinstance(schedule, Cyclic) and schedule.temperature > 0

    def epoch(self, epoch: int, progress: Callable[[int], None]) -> tuple[Tensor, Tensor]:
        """Train for one epoch.

        Args:
            epoch: from 0.
            progress: called after each step with the number of examples that each member took.

        Returns:
            running mean loss and the history's column (accuracy) of the training examples, float64 [member].
        """
        self._fill(epoch)
        for number, size in enumerate(self.sizes):
            self._step(size, number, learning_rate(self.train, epoch, number, self.count))
            progress(size)
        return self.loss / sum(self.sizes), self.step.task.told(self.tally / sum(self.sizes))

    def first(self) -> None:
        """Run the first step of the first epoch, repeatedly if called again, to measure it."""
        if not self._tables:
            self._fill(0)
        self.number.zero_()
        self._step(self.sizes[0], 0, learning_rate(self.train, 0, 0, self.count))

    def _fill(self, epoch: int) -> None:
        """Write the epoch's order, keys and rates into the tables."""
        train, count = self.train, self.count

        def keys(purpose: str) -> Tensor:
            return self.streams.keys(purpose, self.members, epoch).to(self.device)

        order = epoch_order(len(self.data.label), sum(self.sizes), train.batches, keys("order"))
        rates = [learning_rate(train, epoch, number, count) for number in range(count)]
        noise = [langevin_noise(train, epoch, number, count, len(self.data.label)) for number in range(count)]
        draws = rng.words(torch.stack([keys(purpose) for purpose in self.purposes], 1), count).movedim(1, 2)
        tables = [order, draws, *(torch.tensor(row, dtype=torch.float32, device=self.device) for row in (rates, noise))]
        if train.mixup is not None:
            tables.append(shares(draws[..., -1], train.mixup))
        if not self._tables:
            self._tables = tables
        for table, values in zip(self._tables, tables, strict=True):
            table.copy_(values)  # in place: the recorded graph reads this memory
        for tensor in (self.number, self.loss, self.tally):
            tensor.zero_()

    def _step(self, size: int, number: int, rate: float) -> None:
        """The next step, replayed where it can be."""
        replay = self._replay(size) if self.replayed else None
        if replay is not None:
            replay()
        elif self.device.type == "cpu":
            self._one(size, (number, rate))
        else:
            self._one(size)

    def _one(self, size: int, at: tuple[int, float] | None = None) -> None:
        """One step, with a given number and learning rate; default: those in `number` and the table of rates."""
        order, draws, rates, noise, *mixing = self._tables
        if at is None:
            index = order.index_select(1, self.number * self.train.batch_size + self.columns[:size])
            rate, deviation = rates.index_select(0, self.number)[0], noise.index_select(0, self.number)[0]
            draws, *mixing = (table.index_select(1, self.number)[:, 0] for table in (draws, *mixing))
        else:
            number, rate = at
            start = number * self.train.batch_size
            index, deviation = order[:, start : start + size], noise[number]
            draws, *mixing = (table[:, number] for table in (draws, *mixing))
        augmentation, dropout, langevin, *mixup = draws.unbind(1)  # keys [member]
        inputs = self.preparation.pick(self.data.inputs, index, augmentation, dtype=self.dtype)
        label, mixed = self.data.label[index], None
        if mixing:
            assert isinstance(inputs, Tensor)
            inputs, mixed = mixed_in(inputs, label, mixup[0], mixing[0])
        gradients, loss, tally = self.step(self.state, inputs, label, dropout, mixed)
        self.optimizer.step(gradients, rate)
        if self.noisy:
            self._add_noise(langevin, deviation, gradients.keys())
        self.loss.add_(loss, alpha=size)
        self.tally.add_(tally)
        self.number.add_(1)

    def _add_noise(self, keys: Tensor, deviation: Tensor, names: Set[str]) -> None:
        """Add normal noise to every weight of the parameters ``names``, from one key per member."""
        if deviation.device.type == "cpu" and not deviation:
            return
        params = self.state.params.values()
        drawn = rng.normal(keys, sum(tensor[0].numel() for tensor in params)) * deviation
        with torch.no_grad():
            for name, own in zip(
                self.state.params, drawn.split([tensor[0].numel() for tensor in params], 1), strict=True
            ):
                if name in names:
                    tensor = self.state.params[name]
                    tensor.add_(own.view(tensor.shape).to(tensor.dtype))

    def _replay(self, size: int) -> Replay | None:
        """The recording of a step with batches of this size; None, from then on, if it cannot be made."""
        if size not in self._replays:
            pool = next((replay.pool for replay in self._replays.values()), None)
            try:
                self._replays[size] = Replay(lambda: self._one(size), self._changed(), self.device, pool)
            except torch.OutOfMemoryError:
                raise
            except RuntimeError as error:  # the network waits for the GPU, or does something that cannot be recorded
                reason = " ".join(str(error).split())[:200]
                self.say(f"a step of this network cannot be recorded, so each one is run, which is slower ({reason})")
                self.replayed = False
                self._replays.clear()
                return None
        return self._replays[size]

    def _changed(self) -> list[Tensor]:
        """Every tensor that a step changes and that outlives it."""
        optimizer = self.optimizer.tensors().values()
        state = [*self.state.params.values(), *self.state.buffers.values()]
        own = [tensor for tensor in self.step.module.buffers() if tensor.device == self.device]  # not in ``state_dict``
        return [*state, *optimizer, *own, self.number, self.loss, self.tally]
