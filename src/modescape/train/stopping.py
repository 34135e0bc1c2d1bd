"""Early stopping: members return to their best epoch, by validation, and stay there."""

from __future__ import annotations

import torch
from torch import Tensor

from modescape.recipe import EarlyStopping
from modescape.types import ModelState, Params

COLUMNS = 4
"""Of a member's history: loss and the task's column (`Task.column`), of training and of validation."""


class Stopping:
    """The best epoch of each stacked member, and whether it has stopped.

    A member stops when its score has not improved for ``patience`` epochs. Its weights and buffers are then reset to
    those of its best epoch and stay there; likewise after the last epoch, whether it stopped earlier or not.

    Args:
        rule: when to stop.
        epochs: of the training.
        state: the live members [member, ...], changed in place.
    """

    def __init__(self, rule: EarlyStopping, epochs: int, state: ModelState) -> None:
        self.rule, self.epochs, self.state = rule, epochs, state
        self.best = ModelState(*({name: tensor.detach().clone() for name, tensor in part.items()} for part in state))
        members = len(next(iter(state.params.values())))
        self.best_epoch = torch.zeros(members, dtype=torch.int64)  # 0: none yet
        self.stopped = torch.zeros(
            members, dtype=torch.int64
        )  # the epoch after which it was reset; 0: still in training
        self.columns = torch.zeros(members, COLUMNS, dtype=torch.float64)  # of the best epoch

    @property
    def over(self) -> bool:
        """Whether every member has stopped."""
        return bool((self.stopped > 0).all())

    def after(self, epoch: int, columns: Tensor) -> Tensor:
        """Evaluate the rule after an epoch, and reset the weights of members that stop or have stopped.

        Args:
            epoch: from 1.
            columns: `COLUMNS` of this epoch, float64 [member, column], on the CPU.

        Returns:
            the columns of the weights that each member has now; in the epoch after which a member stops, training loss
            and accuracy stay those of that epoch.
        """
        at = 2 if self.rule.score == "validation_loss" else 3
        score, held = columns[:, at], self.columns[:, at]
        improved = score < held if self.rule.score == "validation_loss" else score > held
        training = self.stopped == 0
        better = training & (improved | (self.best_epoch == 0)) & ~score.isnan()
        self.best_epoch[better] = epoch
        self.columns[better] = columns[better]
        _put(self.state, self.best, better)
        late = (epoch - self.best_epoch >= self.rule.patience) & (epoch >= self.rule.least_epochs)
        stops = training & ~better & (self.best_epoch > 0) & (late | (epoch == self.epochs))
        self.stopped[stops] = epoch
        _put(self.best, self.state, self.stopped > 0)
        now = torch.where((self.stopped > 0)[:, None], self.columns, columns)
        now[stops, :2] = columns[stops, :2]
        return now

    def tensors(self) -> Params:
        """Everything needed to resume, stacked, as named tensors."""
        best = {
            f"{kind}/{name}": tensor
            for kind, part in zip(("param", "buffer"), self.best, strict=True)
            for name, tensor in part.items()
        }
        return {**best, "best_epoch": self.best_epoch, "stopped": self.stopped, "columns": self.columns}

    def restore(self, members: list[Params]) -> None:
        """Put back each member's part of `tensors`, one dictionary per stacked member."""
        for name, tensor in self.tensors().items():
            tensor.copy_(torch.stack([saved[name] for saved in members]))

    def places(self) -> list[tuple[int, int] | None]:
        """For each member the epoch after which it was reset, and its best one; None if still in training."""
        pairs = zip(self.stopped.tolist(), self.best_epoch.tolist(), strict=True)
        return [(after, best) if after else None for after, best in pairs]


@torch.no_grad()
def _put(source: ModelState, target: ModelState, members: Tensor) -> None:
    """Copy some members [member] of one state into another."""
    if not bool(members.any()):
        return
    for part, other in zip(source, target, strict=True):
        for name, tensor in part.items():
            which = members.to(tensor.device)
            other[name][which] = tensor[which]
