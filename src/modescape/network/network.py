"""A network that runs with any weights: one architecture, its behaviour, and a compute policy."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from modescape.batches import device_of
from modescape.errors import InputError
from modescape.network.capture import Capture
from modescape.network.forward import Output, forward_each, forward_stacked, weight_keys
from modescape.network.habits import Habits
from modescape.network.member_ops import ComputePolicy
from modescape.network.plain import Plain
from modescape.types import Inputs, ModelState

DROPOUTS = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d)


@dataclass(frozen=True, kw_only=True)
class Network:
    """Networks of one architecture, each given by its tensors.

    Attributes:
        module: the architecture; its own weights are not used, and it is in evaluation mode after every call.
        policy: how products are computed.
        habits: the network's behaviour. Without it nothing is assumed: networks are evaluated one by one, images have
            torch's default memory layout, and the global generators are seeded for each network.
    """

    module: nn.Module
    policy: ComputePolicy = ComputePolicy()
    habits: Habits | None = None

    def __call__(
        self,
        state: ModelState,
        batch: Inputs,
        *,
        keys: Tensor | None = None,
        train: bool = False,
        capture: Sequence[str] = (),
    ) -> Output:
        """One forward pass of stacked networks, without gradients; see `plain` for those.

        Args:
            state: params and buffers [model, ...], on the device of ``module``; not modified.
            batch: prepared examples, leaves [example, ...], which may be changed.
            keys: of a network's random numbers, including dropout masks, int64 [model]; default: derived from its
                weights.
            train: training mode, with dropout and the batch's own statistics; else evaluation mode.
            capture: names of layers whose outputs are wanted (`Capture`).

        Raises:
            InputError: if there is no such layer.
        """
        with torch.no_grad(), self.mode(train=train):
            own = weight_keys(state.params).to(device_of(batch)) if keys is None else keys
            return self.forward(state, batch, own, capture, train=train)

    @contextlib.contextmanager
    def mode(self, *, train: bool = False, dropping: bool = False) -> Iterator[None]:
        """Context in which the module is in one mode, for several calls of `forward`.

        Args:
            train: in training mode.
            dropping: dropout is active, everything else is in evaluation mode (Monte-Carlo dropout).
        """
        layers = [layer for layer in self.module.modules() if dropout_of(layer) > 0] if dropping else []
        if train:
            self.module.train()
        else:
            self.module.eval()
        for layer in layers:
            layer.training = True
        try:
            yield
        finally:
            if train:
                self.module.eval()
            for layer in layers:
                layer.training = False

    def forward(
        self, state: ModelState, batch: Inputs, keys: Tensor, capture: Sequence[str] = (), *, train: bool = False
    ) -> Output:
        """One forward pass within `mode`; arguments as `__call__`."""
        habits = self.habits
        if habits is None:
            stacks, seeded = False, True
        elif train:
            stacks, seeded = habits.can_stack, habits.draws
        else:
            stacks, seeded = habits.can_stack_in_evaluation, habits.draws_in_evaluation
        parts = (self.module, state, batch, keys, self.layout)
        with Capture(self.module, capture) if capture else contextlib.nullcontext() as listening:
            if stacks and len(keys) > 1 and device_of(batch).type != "cpu":
                return forward_stacked(*parts, listening)
            return forward_each(*parts, seeded, listening)

    def plain(self) -> Plain:
        """The function (params, buffers, batch) -> logits of one network, without fused layers, for `torch.func`.

        Raises:
            InputError: if the network draws random numbers in evaluation, and is therefore not a function of its
                tensors.
        """
        if self.habits is not None and self.habits.draws_in_evaluation:
            raise InputError(
                "the network draws random numbers in evaluation, and so has no derivatives; draw where it trains alone"
            )
        return Plain.of(self.module)

    @property
    def layout(self) -> ComputePolicy:
        """The compute policy, with contiguous images if the network's behaviour is not known."""
        return self.policy if self.habits is not None else replace(self.policy, memory_format="contiguous")


def dropout_of(layer: nn.Module) -> float:
    """The probability by which a layer drops, in attention too; 0 for layers of other kinds."""
    if isinstance(layer, nn.MultiheadAttention):
        return layer.dropout
    return layer.p if isinstance(layer, DROPOUTS) else 0.0


def has_dropout(module: nn.Module) -> bool:
    """Whether a network has dropout layers, or attention with dropout, that drop something."""
    return any(dropout_of(layer) > 0 for layer in module.modules())
