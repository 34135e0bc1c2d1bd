"""What a network does in evaluation: alone, again, by its neighbours in the batch, and beside what was trained."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from modescape import batches, rng
from modescape.errors import InputError
from modescape.network.copies import SAME, close, stacked
from modescape.network.forward import forward_each
from modescape.network.habits import Habits
from modescape.network.member_ops import ComputePolicy
from modescape.network.trial.subject import KEYS, Subject, idle, named, reason
from modescape.types import ModelState


def alone(subject: Subject, module: nn.Module, state: ModelState, habits: Habits) -> Tensor:
    """Logits [1, class] of the first image alone, in evaluation: the last batch of a split may be one.

    Raises:
        InputError: if the network takes no image alone.
    """
    policy = ComputePolicy(memory_format=habits.memory_format)
    one = batches.taken(subject.batch(habits)[0], slice(1))
    try:
        with torch.no_grad():
            logits = forward_each(idle(module), stacked([state]), one, KEYS[:1], policy, True).logits
    except Exception as error:  # what a network raises may be anything
        raise InputError(
            f"{subject.name}: the network fails in evaluation on one image alone: {reason(error)}"
        ) from error
    if list(logits[0].shape) != [1, subject.num_classes]:
        raise InputError(
            f"{subject.name}: in evaluation the network turns one image alone into {list(logits[0].shape)}, expected "
            f"{[1, subject.num_classes]}; name the dimension of each squeeze()"
        )
    return logits[0]


def mixes(logits: Tensor, alone: Tensor) -> bool:
    """Whether what it says of an image [model, example, class] is not what it says of it alone [1, class]."""
    return not close(logits[0, :1], alone, 100 * SAME)


def check_repeated(subject: Subject, drawn: Tensor, twice: Tensor) -> None:
    """Refuse a network that says two things of the same images with the same seed."""
    if not close(drawn, twice):
        raise InputError(
            f"{subject.name}: evaluated twice with the same weights, images and seed it gives different numbers; "
            "draw from the global generators of torch, NumPy or random, which are seeded, and change nothing "
            "of the network in evaluation"
        )


def draws(subject: Subject, module: nn.Module, state: ModelState, habits: Habits) -> bool:
    """Whether evaluation draws from a global generator, or drops: other keys, other numbers."""
    policy, inputs = ComputePolicy(memory_format=habits.memory_format), subject.batch(habits)[0]
    parts = (idle(module), stacked([state]))
    with rng.seeded(0), rng.watched() as drawn, torch.no_grad():
        one, two = (
            forward_each(*parts, batches.copied(inputs), KEYS[key : key + 1], policy, False).logits for key in (0, 1)
        )
        return drawn() or not close(one, two)


def check_head(subject: Subject, module: nn.Module, state: ModelState, logits: Tensor, habits: Habits) -> None:
    """Refuse a network that returns more in training, if what is trained there is not what is evaluated.

    Args:
        subject: on trial.
        module: the network.
        state: its tensors.
        logits: what it gives with them in evaluation.
        habits: found so far.
    """
    if habits.training_output == habits.evaluation_output or not habits.without_gradient:
        return
    moved = {name: tensor + 1 for name, tensor in state.params.items() if name in habits.without_gradient}
    if not close(logits, subject.evaluated(module, [ModelState(state.params | moved, state.buffers)], habits)):
        raise InputError(
            f"{subject.name}: the output that is trained ({habits.training_output}) does not reach "
            f"{named(list(moved))}, with which the network predicts in evaluation; name the output to train with "
            "model.output"
        )
