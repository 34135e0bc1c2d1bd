"""The trial of a network, before anything is begun: what it does decides how it is trained, stacked and evaluated."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.func import functional_call

from modescape import rng
from modescape.train.fuse import fuse
from modescape.train.habits import Habits
from modescape.train.intercept import Intercept
from modescape.train.member_ops import MemberOps


def watch(module: nn.Module, images: Tensor) -> Habits:
    """Run the network once, on copies, and say what it does.

    Args:
        module: a network on the CPU, whose generator is the one that is watched; put in training mode.
        images: prepared images [example, channel, height, width].
    """
    module = fuse(module.train())
    cumulative = any(
        isinstance(layer, nn.modules.batchnorm._BatchNorm) and layer.momentum is None for layer in module.modules()
    )
    tensors = dict(module.named_parameters()) | dict(module.named_buffers())
    copies = {name: tensor.detach().clone() for name, tensor in tensors.items()}
    given, numbers = dict(copies), _numbers(module)
    with rng.seeded(0), torch.no_grad():
        before = torch.get_rng_state()
        with Intercept(MemberOps(torch.zeros((), dtype=torch.int64))) as calls:
            functional_call(module, given, (images,))
        draws = not torch.equal(before, torch.get_rng_state())
    replaces = any(given[name] is not tensor for name, tensor in copies.items())
    return Habits(
        draws=draws,
        calls_dropout=calls.dropout_calls > 0,
        replaces_buffers=replaces,
        cumulative=cumulative,
        remembers=numbers != _numbers(module),
    )


def _numbers(module: nn.Module) -> list[tuple[str, str, object]]:
    """Plain numbers that layers hold as attributes."""
    return [
        (prefix, name, value)
        for prefix, layer in module.named_modules()
        for name, value in vars(layer).items()
        if isinstance(value, bool | int | float)
    ]
