"""Whether saved tensors restore a network: another instance with them must predict and train alike."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from modescape.errors import InputError
from modescape.models.state import attributes
from modescape.network.copies import close
from modescape.network.habits import Habits
from modescape.network.trial.subject import REMEDY, Subject, named, state_of, unsaved
from modescape.types import ModelState


def check_state(subject: Subject, worn: nn.Module, fresh: nn.Module, state: ModelState, habits: Habits) -> None:
    """Refuse a network that is not restored by its saved tensors.

    Args:
        subject: what is on trial.
        worn: the network after a step.
        fresh: a newly made one.
        state: the tensors of ``worn``, written to and read from a file.
        habits: found so far.
    """
    changed = unsaved(worn, fresh, habits)
    if not _predict_alike(subject, worn, fresh, state, habits):
        raise InputError(
            f"{subject.name}: a step of training changes its predictions through more than its parameters and buffers: "
            f"{named(changed)} would be lost; {REMEDY}"
        )
    tensors = {name for name in changed if isinstance(attributes(worn).get(name), Tensor)}
    if habits.remembers and not tensors:
        return  # counters, for example, may legitimately change training
    if not _train_alike(subject, worn, fresh, state, habits):
        raise InputError(
            f"{subject.name}: a step of training changes its loss through more than its parameters and buffers: "
            f"{named(changed)} would be lost when training goes on; {REMEDY}, and draw from the global generators"
        )


def check_architecture(subject: Subject, fresh: nn.Module, other: nn.Module, habits: Habits) -> None:
    """Refuse a network that does not become another member with its tensors: one module serves all members."""
    state, differ = state_of(other, habits), unsaved(other, fresh, habits)
    same = _predict_alike(subject, other, fresh, state, habits)
    if same and not habits.remembers:
        same = _train_alike(subject, other, fresh, state, habits)
    if not same:
        raise InputError(
            f"{subject.name}: two seeds make networks that differ in more than their parameters and buffers: "
            f"{named(differ)}; {REMEDY}"
        )


def check_in_turn(subject: Subject, module: nn.Module, states: Sequence[ModelState], habits: Habits) -> None:
    """Refuse a network that caches something derived from earlier weights in evaluation."""
    alone = torch.cat([subject.evaluated(module, [state], habits) for state in states])
    if not habits.draws_in_evaluation and not close(alone, subject.evaluated(module, states, habits)):
        raise InputError(
            f"{subject.name}: given other weights, the network still predicts with what it computed from the previous "
            "ones; in evaluation, keep nothing computed from the weights for the next call"
        )


def _predict_alike(subject: Subject, one: nn.Module, two: nn.Module, state: ModelState, habits: Habits) -> bool:
    """Whether two instances return the same logits with the same tensors."""
    return close(subject.evaluated(one, [state], habits), subject.evaluated(two, [state], habits))


def _train_alike(subject: Subject, one: nn.Module, two: nn.Module, state: ModelState, habits: Habits) -> bool:
    """Whether two instances have the same loss in a step of training with the same tensors."""
    return close(subject.stepped(one, [state], habits).loss, subject.stepped(two, [state], habits).loss)
