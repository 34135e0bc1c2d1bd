"""A network as a pure function of its tensors, differentiable as often as torch's operations are.

Fused layers are faster but can be differentiated only once. Here every layer runs as torch defines it, in evaluation
mode, so that `torch.func` can be used: gradients, Jacobian and Hessian products, `vmap` over networks or examples.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from modescape.errors import InputError
from modescape.models import call_with
from modescape.network.fuse import unfused
from modescape.types import Inputs


@dataclass(frozen=True)
class Plain:
    """f(params, buffers, batch) = logits, in evaluation mode.

    >>> import torch
    >>> from torch.func import grad
    >>> network = nn.Sequential(nn.Flatten(), nn.Linear(4, 2, bias=False))
    >>> plain, weights = Plain.of(network), dict(network.named_parameters())
    >>> gradient = grad(lambda weights: plain(weights, {}, torch.ones(3, 4)).square().sum())
    >>> direction = weights["1.weight"].detach()
    >>> product = grad(lambda weights: (gradient(weights)["1.weight"] * direction).sum())(weights)  # of the Hessian
    >>> bool(torch.allclose(product["1.weight"], gradient(weights)["1.weight"]))  # the loss is quadratic
    True

    Attributes:
        module: a copy of the network, in evaluation mode, that nothing else uses.
    """

    module: nn.Module

    @classmethod
    def of(cls, module: nn.Module) -> Plain:
        """Make one from a network, fused or not, which is not modified."""
        own = unfused(copy.deepcopy(module))
        own.eval()
        return cls(own)

    def __call__(self, params: Mapping[str, Tensor], buffers: Mapping[str, Tensor], batch: Inputs) -> Tensor:
        """Logits [example, class] of one network.

        Args:
            params: tensors to differentiate with respect to, by ``state_dict`` name.
            buffers: the network's other tensors, including frozen parameters; not modified.
            batch: prepared examples, leaves [example, ...]; a network may change them.

        Raises:
            InputError: if a parameter is missing.
        """
        missing = [name for name, _ in self.module.named_parameters() if name not in params and name not in buffers]
        if missing:
            raise InputError(
                f"the parameter '{missing[0]}' is missing; give every parameter, those of frozen layers too"
            )
        own = {name: tensor.clone() for name, tensor in buffers.items()}  # a network may write to them
        with sdpa_kernel(SDPBackend.MATH):  # the other backends have first derivatives only
            return call_with(self.module, {**own, **params}, batch)
