"""One network that runs with the tensors of any point, under a batch-norm policy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args

import torch
from torch import Tensor, nn

from modescape import rng
from modescape.errors import InputError
from modescape.models import call_with
from modescape.models.checking import wrapper_of
from modescape.models.outputs import choose
from modescape.named import reason
from modescape.network.network import dropout_of
from modescape.network.plain import Plain
from modescape.network.statistics import Averaging, BatchNorm, averaging, batch_norm_layers
from modescape.types import Inputs, Params

Policy: TypeAlias = Literal["recompute", "interpolate", "eval", "batch"]
POLICIES: tuple[Policy, ...] = get_args(Policy)
"""Which batch-norm statistics a point uses: "recompute", those of its own weights, averaged over the data;
"interpolate", the running statistics that the point contains, interpolated like its weights; "eval", those of the point
of interest everywhere; "batch", those of each batch."""


@dataclass(frozen=True)
class Runner:
    """A private copy of a network that is called with any tensors.

    Attributes:
        plain: the copy, in evaluation mode, made of torch's own operations.
        policy: batch-norm policy.
        norms: the layers with running statistics.
        raw: return whatever the network returns, else only its logits or predicted values.
        dropout: keep dropout active, with masks drawn from ``seed``.
        seed: of the streams.
    """

    plain: Plain
    policy: Policy
    norms: Mapping[str, BatchNorm]
    raw: bool = False
    dropout: bool = False
    seed: int = 0

    @classmethod
    def of(cls, module: nn.Module, policy: Policy, device: torch.device, **settings: Any) -> Runner:
        """Make one from a network, which is not modified.

        Raises:
            InputError: if it cannot be called with other tensors, or the policy is unknown.
        """
        if not isinstance(module, nn.Module):
            raise InputError(f"the model is {type(module).__name__}, expected an nn.Module")
        if policy not in POLICIES:
            raise InputError(f"there is no batch_norm {policy!r}; choose {', '.join(POLICIES)}")
        if isinstance(module, nn.DataParallel | nn.parallel.DistributedDataParallel):
            raise InputError(f"the model is an nn.{type(module).__name__}; give the network inside, model.module")
        if wrapper_of(module):
            raise InputError(
                "the model was made by TorchScript or torch.compile and cannot take other weights "
                "(torch.func.functional_call); give the nn.Module itself"
            )
        try:
            plain = Plain.of(module)
        except Exception as error:  # user code: copying a network may fail in any way
            raise InputError(f"the model cannot be copied: {reason(error)}; give it as its class makes it") from error
        plain.module.to(device)
        return cls(plain, policy, batch_norm_layers(plain.module), **settings)

    @property
    def module(self) -> nn.Module:
        """The copy of the network."""
        return self.plain.module

    @contextmanager
    def mode(self) -> Iterator[None]:
        """Context in which batch norm and dropout follow the policy."""
        drops = [layer for layer in self.module.modules() if dropout_of(layer) > 0] if self.dropout else []
        own = list(self.norms.values()) if self.policy == "batch" else []
        for layer in [*drops, *own]:
            layer.training = True
        for layer in own:
            layer.track_running_stats = False  # use the batch's statistics and write none
        try:
            yield
        finally:
            for layer in [*drops, *own]:
                layer.training = False
            for layer in own:
                layer.track_running_stats = True

    def call(self, tensors: Params, inputs: Inputs, number: int = 0) -> Any:
        """The network's output within `mode`; the batch's ``number`` names the dropout masks.

        Raises:
            InputError: if the network fails on the examples.
        """
        if not self.dropout:
            return self._read(call_with(self.module, tensors, inputs))
        with rng.seeded(rng.key(self.seed, "landscape dropout", number)):
            return self._read(call_with(self.module, tensors, inputs))

    def differentiable(self, params: Params, held: Params, inputs: Inputs) -> Any:
        """The output of one network, for derivatives of any order, without dropout."""
        with self.mode():
            return self._read(self.plain(params, held, inputs))

    def _read(self, output: Any) -> Any:
        return output if self.raw or isinstance(output, Tensor) else choose(output, None)[0]

    @contextmanager
    def averaged(self) -> Iterator[Averaging]:
        """Context of `averaging` for the batch-norm layers, which are in training mode meanwhile."""
        for layer in self.norms.values():
            layer.training = True
        try:
            with averaging(self.norms) as average:
                yield average
        finally:
            for layer in self.norms.values():
                layer.training = False
