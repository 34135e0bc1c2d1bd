"""The training step: one function for any number of stacked members.

Members are a leading axis of parameters, buffers, examples and keys. Two or more go through the network by `vmap`, or
without it if the network has only linear layers (`modescape.network.dense`); a single member is called directly, which
is the same arithmetic without batching (and faster on a CPU, since vmapped convolutions become grouped ones). The
gradient of the sum of the members' losses gives each member's own gradient.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

import torch
from torch import Tensor, nn

from modescape import batches, rng, tree
from modescape.kernels.under_vmap import vmapped
from modescape.models import call_with, install
from modescape.network.chain import Chain, Weights
from modescape.network.dense import dense_of
from modescape.network.fuse import fuse
from modescape.network.habits import Habits
from modescape.network.hooks import listened
from modescape.network.intercept import Intercept
from modescape.network.member_ops import ComputePolicy, MemberOps
from modescape.tasks import CLASSES, Task
from modescape.tasks.base import slope_of
from modescape.types import Inputs, ModelState, Params

Slopes: TypeAlias = "Sequence[Tensor | None]"


class Mixed(NamedTuple):
    """What was mixed into the images of a batch (`train.mixup`)."""

    label: Tensor  # of the other images, [member, example]
    share: Tensor  # of the first images, in [0, 1], [member]


class Step:
    """Loss and gradients of one batch for stacked members.

    Args:
        module: the architecture; its own weights are not used. It is put in training mode and prepared by `fuse`.
        members: number of stacked members.
        habits: the network's behaviour. With ``recomputes`` the backward pass is intercepted as well.
        policy: how products are computed.
        task: defines the loss.

    Raises:
        ValueError: if the network cannot be stacked and there are several members.
    """

    def __init__(
        self,
        module: nn.Module,
        members: int,
        habits: Habits,
        policy: ComputePolicy = ComputePolicy(),
        task: Task = CLASSES,
    ) -> None:
        if members != 1 and not habits.can_stack:
            raise ValueError(f"this network trains alone, not {members} at a time: {habits}")
        module.train()
        self.dense = dense_of(module) if policy.arithmetic != "bf16" else None
        self.module, self.members, self.habits, self.policy = fuse(module), members, habits, policy
        self.task = task
        self.recomputed = False  # whether operations were called in the last backward pass, if it was intercepted
        self._installed: tuple[ModelState, list[Tensor]] | None = None
        unusual = habits.draws or habits.calls_dropout or habits.replaces_buffers or habits.recomputes
        self.chain = None if members != 1 or unusual else Chain.of(self.module)
        self._weights: list[Weights] | None = None  # of the installed member, if the network is a chain

    def __call__(
        self, state: ModelState, inputs: Inputs, label: Tensor, keys: Tensor, mixed: Mixed | None = None
    ) -> tuple[Params, Tensor, Tensor]:
        """One batch, forward and backward; running statistics in ``state.buffers`` are updated in place.

        Args:
            state: stacked params [member, ...] (leaves that require gradients) and buffers [member, ...].
            inputs: leaves [member, example, ...].
            label: targets as `Task.seen` gives them, [member, example] or [member, example, output].
            keys: dropout keys of this step, int64 [member].
            mixed: what was mixed into the images; None: nothing.

        Returns:
            gradients [member, ...] of the parameters that the loss depends on, mean loss [member], and `Task.tally`
            [member]: correct predictions of a classification, of mixed images those of the label with the larger share.
        """
        if self.members == 1:
            slopes, logits, loss = self._lone(state, batches.taken(inputs, 0), label[0], keys[0], mixed)
        else:
            if self.policy.memory_format == "contiguous":
                inputs = batches.mapped(self._laid, inputs)
            if self.dense is not None and self.dense.takes(inputs):
                logits = self.dense({**state.params, **state.buffers}, inputs, keys)
            else:
                logits = vmapped(self._stacked, state.params, state.buffers, inputs, keys)
            loss = self._mean_loss(logits, label, mixed)
            slopes = _slopes(loss.sum(), list(state.params.values()))
        # vmap may return transposed memory, which fused optimisers read as if laid out like the parameter
        found = {name: slope for name, slope in zip(state.params, slopes, strict=True) if slope is not None}
        gradients = {
            name: slope.contiguous()[None] if self.members == 1 else slope.contiguous() for name, slope in found.items()
        }
        if mixed is not None:
            label = torch.where(_along(mixed.share, label) < 0.5, mixed.label, label)
        return gradients, loss.detach(), self.task.tally(logits.detach(), label)

    def _mean_loss(self, logits: Tensor, label: Tensor, mixed: Mixed | None) -> Tensor:
        """Loss [member] of outputs [member, example, width]; for a single member without that axis, like its label."""
        loss = self.task.mean_loss(logits, label)
        if mixed is None:
            return loss
        share = mixed.share.to(loss.dtype)
        if logits.dim() == 2:
            return share[0] * loss + (1 - share[0]) * self.task.mean_loss(logits, mixed.label[0])
        return share * loss + (1 - share) * self.task.mean_loss(logits, mixed.label)

    def _lone(
        self, state: ModelState, inputs: Inputs, label: Tensor, key: Tensor, mixed: Mixed | None
    ) -> tuple[Slopes, Tensor, Tensor]:
        """Gradients, outputs [1, example, width] and loss [1] of one member."""
        wanted, habits = self._install(state), self.habits
        if self._weights is not None and torch.is_grad_enabled() and self._chain_takes(inputs):
            return self._chained(state, inputs, label, int(key), mixed)
        inputs = self.policy.laid(inputs)
        ops = MemberOps(key, policy=self.policy, recomputes=habits.recomputes)
        leads = habits.calls_dropout or habits.recomputes or ops.convolves(inputs)
        seeds = habits.draws or habits.recomputes
        with rng.seeded(int(key)) if seeds else contextlib.nullcontext(), Intercept(ops) if leads else ops:
            logits = batches.called(self.module, inputs)
            loss = self._mean_loss(logits, label, mixed)
            slopes = self._backward(loss, wanted, ops) if habits.recomputes else None
        if slopes is None:
            slopes = _slopes(loss, wanted)
        if habits.replaces_buffers:
            self._copy_back(state)
        return slopes, logits[None], loss[None]

    def _chain_takes(self, inputs: Inputs) -> bool:
        if self.chain is None or listened(self.module):
            return False
        return self.chain.takes(inputs, self.policy.arithmetic, self.policy.memory_format)

    def _chained(
        self, state: ModelState, inputs: Inputs, label: Tensor, key: int, mixed: Mixed | None
    ) -> tuple[Slopes, Tensor, Tensor]:
        """`_lone` for a network that is a chain of layers."""
        chain, weights = self.chain, self._weights
        assert chain is not None
        assert weights is not None
        assert isinstance(inputs, Tensor)
        logits, kept = chain.forward(inputs, weights, key, gradient=True)
        if mixed is None:
            loss, slope = self.task.slope(logits, label)
        else:
            loss, slope = slope_of(lambda own: self._mean_loss(own, label, mixed), logits)
        found = chain.backward(kept, slope)
        return [found[name] for name in state.params], logits[None], loss[None]

    def _backward(self, loss: Tensor, wanted: list[Tensor], ops: MemberOps) -> Slopes:
        """Gradients of a network that recomputes parts of itself meanwhile, within the same block of operations.

        They accumulate in the parameters: reentrant checkpoints do not work under `torch.autograd.grad`.
        """
        for tensor in wanted:
            tensor.grad = None
        ops.in_backward = True
        if loss.requires_grad:
            loss.backward()
        self.recomputed = ops.calls_in_backward > 0
        slopes = [tensor.grad for tensor in wanted]
        for tensor in wanted:
            tensor.grad = None
        return slopes

    def _stacked(self, params: Params, buffers: Params, inputs: Inputs, key: Tensor) -> Tensor:
        with Intercept(MemberOps(key, stacked=True, policy=self.policy)):
            return call_with(self.module, {**params, **buffers}, inputs)

    def _laid(self, leaf: Tensor) -> Tensor:
        """One leaf [member, example, ...] in the study's memory layout."""
        laid = self.policy.laid(leaf.flatten(0, 1))
        assert isinstance(laid, Tensor)
        return laid.view(leaf.shape)

    def _install(self, state: ModelState) -> list[Tensor]:
        """Make the single member's tensors the module's own, once; returns the module's parameters."""
        if self._installed is None or self._installed[0] is not state:
            one = ModelState(tree.unstack(state.params, 0), tree.unstack(state.buffers, 0))
            parameters = install(self.module, one)
            self._installed = state, [parameters[name] for name in state.params]
            weights = self.chain.weights(state.params) if self.chain is not None and not state.buffers else None
            self._weights = None if weights is None else weights[0]
        return self._installed[1]

    def _copy_back(self, state: ModelState) -> None:
        """Copy back tensors that the network replaced (``buffer = ...``, ``weight.data = ...``)."""
        held = state.params | state.buffers
        for name, tensor in [*self.module.named_parameters(), *self.module.named_buffers()]:
            if name in held and tensor.data_ptr() != held[name].data_ptr():
                place = held[name].detach()[0]
                place.copy_(tensor.detach())
                tensor.data = place


def _slopes(loss: Tensor, wanted: list[Tensor]) -> Slopes:
    """Gradients; None for parameters on which the loss does not depend."""
    asked = [tensor for tensor in wanted if tensor.requires_grad]  # a network may freeze parameters in its forward
    if not loss.requires_grad or not asked:
        return [None] * len(wanted)
    slopes = iter(torch.autograd.grad(loss, asked, allow_unused=True))
    return [next(slopes) if tensor.requires_grad else None for tensor in wanted]


def _along(values: Tensor, like: Tensor) -> Tensor:
    """One value per member, [member], reshaped to broadcast with [member, ...]."""
    return values.view(-1, *[1] * (like.dim() - 1))
