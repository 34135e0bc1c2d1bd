"""Adam for one tensor; torch's optimiser imports torch's compiler, which takes seconds before the first step."""

from __future__ import annotations

import torch
from torch import Tensor

BETAS, EPSILON = (0.9, 0.999), 1e-8  # the usual values


class Adam:
    """Adam (Kingma and Ba 2015, arXiv 1412.6980) on one tensor, in place."""

    def __init__(self, tensor: Tensor) -> None:
        self.tensor, self.count = tensor, 0
        self.mean, self.square = torch.zeros_like(tensor), torch.zeros_like(tensor)

    @torch.no_grad()
    def step(self, gradient: Tensor, rate: float) -> None:
        """Take one descent step, in place."""
        self.count += 1
        self.mean.lerp_(gradient, 1 - BETAS[0])
        self.square.mul_(BETAS[1]).addcmul_(gradient, gradient, value=1 - BETAS[1])
        size = (self.square / (1 - BETAS[1] ** self.count)).sqrt_().add_(EPSILON)
        self.tensor.addcdiv_(self.mean, size, value=-rate / (1 - BETAS[0] ** self.count))
