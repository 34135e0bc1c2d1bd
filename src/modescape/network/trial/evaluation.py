"""A network in evaluation: on one example, repeatedly, depending on its batch, and compared with training."""

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
    """Logits [1, class] of a single example in evaluation: the last batch of a split may have only one.

    Raises:
        InputError: if the network fails on a single example.
    """
    policy = ComputePolicy(memory_format=habits.memory_format)
    one = batches.taken(subject.batch(habits)[0], slice(1))
    try:
        with torch.no_grad():
            logits = forward_each(idle(module), stacked([state]), one, KEYS[:1], policy, True).logits
    except Exception as error:  # a network may raise anything
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
    """Whether logits in a batch [model, example, class] differ from those of the example alone [1, class]."""
    return not close(logits[0, :1], alone, 100 * SAME)


def check_repeated(subject: Subject, drawn: Tensor, twice: Tensor) -> None:
    """Refuse a network whose outputs differ for the same examples with the same seed."""
    if not close(drawn, twice):
        raise InputError(
            f"{subject.name}: evaluated twice with the same weights, images and seed it gives different numbers; "
            "draw from the global generators of torch, NumPy or random, which are seeded, and change nothing "
            "of the network in evaluation"
        )


def draws(subject: Subject, module: nn.Module, state: ModelState, habits: Habits) -> bool:
    """Whether evaluation draws random numbers or drops: whether other keys give other outputs."""
    policy, inputs = ComputePolicy(memory_format=habits.memory_format), subject.batch(habits)[0]
    parts = (idle(module), stacked([state]))
    with rng.seeded(0), rng.watched() as drawn, torch.no_grad():
        one, two = (
            forward_each(*parts, batches.copied(inputs), KEYS[key : key + 1], policy, False).logits for key in (0, 1)
        )
        return drawn() or not close(one, two)


def check_head(subject: Subject, module: nn.Module, state: ModelState, logits: Tensor, habits: Habits) -> None:
    """Refuse a network with several outputs in training, if the trained one is not the evaluated one.

    Args:
        subject: what is on trial.
        module: the network.
        state: its tensors.
        logits: its outputs with them in evaluation.
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
