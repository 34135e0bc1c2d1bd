"""One network that runs with the tensors of any point, batch norm by a stated policy."""

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
"""Which batch-norm statistics a point has: those of its own weights, averaged over the data; the running statistics
that the point brings, which lie between those of solutions as its weights do; those of the point of interest, wherever
it is; those of each batch."""


@dataclass(frozen=True)
class Runner:
    """A network of one's own that is called with any tensors.

    Attributes:
        plain: a copy of the network, in evaluation mode, of torch's operations alone.
        policy: of batch norm.
        norms: the layers with running statistics.
        raw: give whatever the network returns, else its logits or numbers alone.
        dropout: dropout layers drop as in training, with the masks of ``seed``.
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
        """Of a network, which stays as it is.

        Raises:
            InputError: if it cannot be called with the tensors of others, or the policy is none.
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
        except Exception as error:  # foreign code: a network may refuse to be copied in any way
            raise InputError(f"the model cannot be copied: {reason(error)}; give it as its class makes it") from error
        plain.module.to(device)
        return cls(plain, policy, batch_norm_layers(plain.module), **settings)

    @property
    def module(self) -> nn.Module:
        """The copy of the network."""
        return self.plain.module

    @contextmanager
    def mode(self) -> Iterator[None]:
        """A block in which layers of batch norm and dropout do as they were asked to."""
        drops = [layer for layer in self.module.modules() if dropout_of(layer) > 0] if self.dropout else []
        own = list(self.norms.values()) if self.policy == "batch" else []
        for layer in [*drops, *own]:
            layer.training = True
        for layer in own:
            layer.track_running_stats = False  # the batch's statistics, and nothing is written
        try:
            yield
        finally:
            for layer in [*drops, *own]:
                layer.training = False
            for layer in own:
                layer.track_running_stats = True

    def call(self, tensors: Params, inputs: Inputs, number: int = 0) -> Any:
        """What the network says within `mode`; ``number`` of the batch names the dropout masks.

        Raises:
            InputError: if it fails on the examples.
        """
        if not self.dropout:
            return self._read(call_with(self.module, tensors, inputs))
        with rng.seeded(rng.key(self.seed, "landscape dropout", number)):
            return self._read(call_with(self.module, tensors, inputs))

    def differentiable(self, params: Params, held: Params, inputs: Inputs) -> Any:
        """The same of one network, for derivatives of any order, without dropout."""
        with self.mode():
            return self._read(self.plain(params, held, inputs))

    def _read(self, output: Any) -> Any:
        return output if self.raw or isinstance(output, Tensor) else choose(output, None)[0]

    @contextmanager
    def averaged(self) -> Iterator[Averaging]:
        """`averaging` of the layers, in training mode meanwhile."""
        for layer in self.norms.values():
            layer.training = True
        try:
            with averaging(self.norms) as average:
                yield average
        finally:
            for layer in self.norms.values():
                layer.training = False
