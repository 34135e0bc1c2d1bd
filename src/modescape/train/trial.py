"""The trial of a recipe's network with the step and the optimiser that will train it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from torch import nn

from modescape import recipe
from modescape.data.dataset import Split
from modescape.data.inputs.base import Prepare
from modescape.network import trial as network_trial
from modescape.network.habits import Habits
from modescape.network.member_ops import ComputePolicy
from modescape.network.trial import Batch, Stepped
from modescape.tasks import Classification, Task
from modescape.train.optimizer import Optimizer
from modescape.train.step import Step
from modescape.types import Params


def trial(
    recipe: recipe.Recipe, data: Split, num_classes: int, preparation: Prepare, task: Task | None = None
) -> Habits:
    """`modescape.network.trial.trial` with this package's training step and optimisers."""
    task = task or Classification(num_classes)
    seen = replace(data, label=task.seen(data.label))
    return network_trial.trial(recipe, seen, num_classes, preparation, _Training(recipe.train, task))


@dataclass(frozen=True)
class _Training:
    """One training step, for a trial."""

    train: recipe.Train
    task: Task

    def step(self, module: nn.Module, batch: Batch, habits: Habits, policy: ComputePolicy) -> Stepped:
        """Loss and gradients of one batch."""
        step = Step(module, len(batch.keys), habits, policy, self.task)
        gradients, loss, _ = step(*batch)
        return Stepped(gradients, loss, step.recomputed)

    def update(self, params: Params, gradients: Params) -> None:
        """The first step of the recipe's optimiser."""
        Optimizer(self.train, params).step(gradients, self.train.learning_rate)
