"""Observes a network's forward pass in training: what it draws, calls, replaces and changes."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from modescape import batches, rng
from modescape.models.state import attributes, call_with, differing, passing_buffers
from modescape.network.fuse import fuse
from modescape.network.habits import Habits
from modescape.network.intercept import Intercept
from modescape.network.member_ops import ComputePolicy, MemberOps
from modescape.types import Inputs


class Seen(NamedTuple):
    """What was observed in one forward pass."""

    habits: Habits
    logits: Tensor  # what the network returned, [example, class]
    reshaped: tuple[str, ...]  # tensors of ``state_dict`` whose shape it changed, or that it removed


def watch(module: nn.Module, inputs: Inputs, policy: ComputePolicy = ComputePolicy()) -> Seen:
    """Run the network once in training mode, on copies of its tensors, and record its behaviour.

    Args:
        module: a network on the CPU, whose global generator is observed; put in training mode.
        inputs: prepared examples, leaves [example, ...].
        policy: memory layout of the inputs.
    """
    module.train()
    fuse(module)
    cumulative = any(
        isinstance(layer, nn.modules.batchnorm._BatchNorm) and layer.momentum is None for layer in module.modules()
    )
    tensors = dict(module.named_parameters()) | dict(module.named_buffers())
    copies = {name: tensor.detach().clone() for name, tensor in tensors.items()}
    passing = unsaved = list(passing_buffers(module))
    given, numbers = dict(copies), _numbers(module)
    memory = {name: tensor.data_ptr() for name, tensor in copies.items() if tensor.layout == torch.strided}
    shapes = {name: tensor.shape for name, tensor in copies.items()}
    with rng.seeded(0), torch.no_grad(), rng.watched() as drawn:
        with Intercept(MemberOps(torch.zeros((), dtype=torch.int64), policy=policy)) as calls:
            logits = call_with(module, given, policy.laid(batches.copied(inputs)))
        draws = drawn()
    gone = {name for name in shapes if not isinstance(given[name], Tensor)}
    replaces = any(  # by assignment to the attribute, or to its `data`
        given[name] is not tensor or (name in memory and tensor.data_ptr() != memory[name])
        for name, tensor in copies.items()
    )
    reshaped = gone | {name for name, shape in shapes.items() if name not in gone and given[name].shape != shape}
    passing = [name for name in passing if name not in reshaped]  # a cache for speed, of the size of a batch
    changed = differing(*({name: held[name] for name in passing} for held in (tensors, given)))
    habits = Habits(
        draws=draws,
        calls_dropout=calls.dropout_calls > 0,
        replaces_buffers=replaces,
        cumulative=cumulative,
        remembers=tuple(differing(numbers, _numbers(module))),
        kept_buffers=tuple(changed),
    )
    return Seen(habits, logits, tuple(name for name in tensors if name in reshaped and name not in unsaved))


def least_batch(module: nn.Module, inputs: Inputs, policy: ComputePolicy = ComputePolicy()) -> int:
    """Fewest examples that a network takes in training: 1, or 2 if a single one fails or gives NaN.

    Args:
        module: put in training mode; run on copies of its tensors.
        inputs: one prepared example, leaves [1, ...].
        policy: memory layout of the input.
    """
    module.train()
    tensors = dict(module.named_parameters()) | dict(module.named_buffers())
    copies = {name: tensor.detach().clone() for name, tensor in tensors.items()}
    ops = MemberOps(torch.zeros((), dtype=torch.int64), policy=policy)
    try:
        with rng.seeded(0), torch.no_grad(), Intercept(ops):
            logits = call_with(module, copies, policy.laid(batches.copied(inputs)))
    except Exception:  # a network may raise anything
        return 2
    return 1 if logits.dim() == 2 and not bool(logits.isnan().any()) else 2


def _numbers(module: nn.Module) -> dict[str, object]:
    """Plain numbers that layers hold as attributes."""
    return {name: value for name, value in attributes(module).items() if not isinstance(value, Tensor)}
