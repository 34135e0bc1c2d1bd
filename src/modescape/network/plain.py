"""A network as a pure function of its tensors, differentiable as often as torch's operations are.

Fused layers are faster and have first derivatives alone. Here every layer runs as torch defines it, in evaluation, so
`torch.func` takes the function: gradients, Jacobian and Hessian products, `vmap` over networks or examples.
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
    """f(params, buffers, batch) = logits in evaluation.

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
        """Of a network, fused or not, which stays as it is."""
        own = unfused(copy.deepcopy(module))
        own.eval()
        return cls(own)

    def __call__(self, params: Mapping[str, Tensor], buffers: Mapping[str, Tensor], batch: Inputs) -> Tensor:
        """Logits [example, class] of one network.

        Args:
            params: what may be differentiated by, under the names of ``state_dict``.
            buffers: the rest of the network's tensors, frozen parameters too; left as they are.
            batch: prepared examples, leaves [example, ...]; a network may change them.

        Raises:
            InputError: if a parameter is missing.
        """
        missing = [name for name, _ in self.module.named_parameters() if name not in params and name not in buffers]
        if missing:
            raise InputError(
                f"the parameter '{missing[0]}' is missing; give every parameter, those of frozen layers too"
            )
        own = {name: tensor.clone() for name, tensor in buffers.items()}  # a network may count its calls in one
        with sdpa_kernel(SDPBackend.MATH):  # the others have first derivatives alone
            return call_with(self.module, {**own, **params}, batch)
