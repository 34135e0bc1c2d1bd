"""The training step: one function for any number of stacked members.

Members are a leading axis of parameters, buffers, images and keys. Two or more go through the network by `vmap`; one
goes straight through, which is the same arithmetic without the batching (and on a CPU the fast way, since vmapped
convolutions become grouped ones). The gradient of the sum of the members' losses is each member's own gradient.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap

from modescape import rng
from modescape.train.dropout import MemberDropout
from modescape.types import ModelState, Params

Logits = Callable[[Params, Params, Tensor, Tensor], Tensor]


def lift(single: Callable[..., Tensor], members: int) -> Callable[..., Tensor]:
    """A function of one member as a function of stacked ones, every argument with a leading member axis."""
    if members > 1:
        return vmap(single, in_dims=0)

    def alone(*arguments: Params | Tensor) -> Tensor:
        first = [
            {name: tensor[0] for name, tensor in argument.items()} if isinstance(argument, dict) else argument[0]
            for argument in arguments
        ]
        return single(*first)[None]

    return alone


def draws_by_itself(module: nn.Module, images: Tensor) -> bool:
    """Whether a forward pass in training mode draws from the global generator (other than by dropout).

    Such a network cannot be stacked: its numbers would depend on the group.
    """
    state = ModelState(
        {name: tensor.detach().clone() for name, tensor in module.named_parameters()},
        {name: tensor.detach().clone() for name, tensor in module.named_buffers()},
    )
    with rng.seeded(0), torch.no_grad():
        before = torch.get_rng_state()
        with MemberDropout(torch.zeros((), dtype=torch.int64, device=images.device)):
            functional_call(module, (state.params, state.buffers), (images,))
        return not torch.equal(before, torch.get_rng_state())


def can_stack(module: nn.Module, images: Tensor) -> bool:
    """Whether several members may share one step: no randomness of their own, no cumulative batch norm."""
    cumulative = any(
        isinstance(layer, nn.modules.batchnorm._BatchNorm) and layer.momentum is None for layer in module.modules()
    )
    return not cumulative and not draws_by_itself(module, images)


class Step:
    """Loss and gradients of one batch for stacked members.

    Args:
        module: the architecture; its own weights are not used. It is put in training mode.
        members: number of stacked members.
        own_randomness: the network draws random numbers itself: seed the global generator by the member's key.
    """

    def __init__(self, module: nn.Module, members: int, *, own_randomness: bool = False) -> None:
        if own_randomness and members != 1:
            raise ValueError(f"a network with random operations of its own trains alone, not {members} at a time")
        self.module = module.train()
        self.own_randomness = own_randomness
        self.logits = lift(self._logits, members)

    def _logits(self, params: Params, buffers: Params, images: Tensor, key: Tensor) -> Tensor:
        with MemberDropout(key):
            return functional_call(self.module, (params, buffers), (images,))

    def __call__(self, state: ModelState, images: Tensor, label: Tensor, keys: Tensor) -> tuple[Params, Tensor, Tensor]:
        """One batch, forward and backward; running statistics in ``state.buffers`` are updated in place.

        Args:
            state: stacked params [member, ...] (leaves that require gradients) and buffers [member, ...].
            images: [member, example, channel, height, width].
            label: [member, example].
            keys: dropout keys of this step, int64 [member].

        Returns:
            gradients [member, ...], mean loss in nats [member], correct predictions [member].
        """
        if len(images) == 1:  # a CPU convolves twice as fast with channels last (SmallCNN, batch 128, one thread)
            images = images[0].contiguous(memory_format=torch.channels_last)[None]
        seeded = rng.seeded(int(keys[0])) if self.own_randomness else contextlib.nullcontext()
        with seeded:
            logits = self.logits(state.params, state.buffers, images, keys)
        flat = torch.nn.functional.cross_entropy(logits.flatten(0, 1), label.flatten(), reduction="none")
        loss = flat.view(label.shape).mean(1)
        gradients = torch.autograd.grad(loss.sum(), list(state.params.values()))
        correct = (logits.detach().argmax(-1) == label).sum(1)
        # vmap may hand back transposed memory, which torch's fused optimisers read as if it lay like the parameter
        laid_out = [gradient.contiguous() for gradient in gradients]
        return dict(zip(state.params, laid_out, strict=True)), loss.detach(), correct
