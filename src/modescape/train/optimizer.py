"""Optimisers of stacked members: torch's own elementwise arithmetic, which never mixes members."""

from __future__ import annotations

import itertools
from typing import Any, TypeAlias

import torch
from torch import Tensor
from torch.optim.adam import adam
from torch.optim.sgd import sgd

from modescape import recipe
from modescape.types import Params

Tensors: TypeAlias = "list[Tensor]"

BETAS = (0.9, 0.999)  # Adam's defaults


class Optimizer:
    """Adam, AdamW or SGD over stacked params [member, ...], with weight decay on all tensors or on kernels only.

    Decay is coupled (part of the gradient) except for AdamW. If the recipe says so, each member's gradient is clipped
    first.

    Its state consists of tensors that are allocated in advance, so that a step allocates none: "exp_avg", "exp_avg_sq"
    and "step" of Adam, "momentum_buffer" of SGD, each by the parameters' names.

    Args:
        train: settings.
        params: changed in place by `step`.
    """

    def __init__(self, train: recipe.Train, params: Params) -> None:
        self.train, self.params = train, params
        self.adaptive = train.optimizer != "sgd"
        kinds = ("exp_avg", "exp_avg_sq") if self.adaptive else ("momentum_buffer",) * (train.momentum > 0)
        self.state = {kind: {name: torch.zeros_like(tensor) for name, tensor in params.items()} for kind in kinds}
        if self.adaptive:  # one count per tensor, as in torch, all in one tensor, to be incremented at once
            self._count = torch.zeros(len(params), dtype=torch.float32, device=next(iter(params.values())).device)
            self.state["step"] = dict(zip(params, self._count.unbind(), strict=True))
        # torch's fused steps on a GPU refuse parameters without elements
        stepped = {name: tensor for name, tensor in params.items() if tensor.numel()}
        decayed = [name for name, tensor in stepped.items() if train.decay == "all" or tensor.dim() > 2]
        rest = [name for name in stepped if name not in decayed]
        self.groups = [
            (
                names,
                [params[name] for name in names],
                [[part[name] for name in names] for part in self.state.values()],
                decay,
            )
            for names, decay in ((decayed, train.weight_decay), (rest, 0.0))
            if names
        ]  # names, parameters, state, weight decay

    @torch.no_grad()
    def step(self, gradients: Params, rate: float | Tensor) -> None:
        """One step with the learning rate ``rate``; a tensor on the device where steps are replayed.

        A parameter without a gradient, and its state, do not change, whatever the weight decay.
        """
        if self.train.clip is not None:
            gradients = clipped(gradients, self.train.clip)
        for names, params, state, decay in self.groups:
            slopes = [gradients[name] for name in names if name in gradients]
            if not slopes:
                continue
            if len(slopes) < len(names):
                found = [name in gradients for name in names]
                params, *state = (list(itertools.compress(part, found)) for part in (params, *state))
            if self.adaptive:
                self._adam(params, slopes, state, rate, decay)
            else:
                self._sgd(params, slopes, state, rate, decay)

    def _adam(self, params: Tensors, slopes: Tensors, state: list[Tensors], rate: Any, decay: float) -> None:
        if len(params) == len(self._count) and not isinstance(rate, Tensor):
            self._count.add_(1)  # what `adam` does from here on, without looking at every tensor
            step = (
                torch.ops.aten._fused_adamw_.default
                if self.train.optimizer == "adamw"
                else torch.ops.aten._fused_adam_.default
            )
            step(
                *(params, slopes, *state[:2], [], state[2]),
                **{"lr": rate, "beta1": BETAS[0], "beta2": BETAS[1], "weight_decay": decay, "eps": self.train.epsilon},
                **{"amsgrad": False, "maximize": False},
            )
            return
        adam(
            params,
            slopes,
            state[0],
            state[1],
            [],
            state[2],
            amsgrad=False,
            beta1=BETAS[0],
            beta2=BETAS[1],
            lr=rate,
            weight_decay=decay,
            eps=self.train.epsilon,
            maximize=False,
            fused=True,
            capturable=isinstance(rate, Tensor),
            decoupled_weight_decay=self.train.optimizer == "adamw",
        )

    def _sgd(self, params: Tensors, slopes: Tensors, state: list[Tensors], rate: Any, decay: float) -> None:
        buffers: list[Tensor | None] = [*state[0]] if state else [None] * len(params)
        sgd(
            params,
            slopes,
            buffers,
            weight_decay=decay,
            momentum=self.train.momentum,
            lr=rate,
            dampening=0.0,
            nesterov=False,
            maximize=False,
            fused=True,
        )

    def tensors(self) -> Params:
        """Its live state, stacked, as named tensors: "exp_avg/conv.weight", ...; "step/..." belongs to all members."""
        return {f"{kind}/{name}": tensor for kind, part in self.state.items() for name, tensor in part.items()}

    def restore(self, members: list[Params]) -> None:
        """Put back each member's part of `tensors`, one dictionary per stacked member."""
        for name, tensor in self.tensors().items():
            entries = [saved[name] for saved in members]
            tensor.copy_(torch.stack(entries) if tensor.dim() else entries[0])


@torch.no_grad()
def clipped(gradients: Params, most: float) -> Params:
    """Gradients of stacked members, each member's whole gradient g rescaled to g min(1, most / (|g| + 1e-6)).

    Args:
        gradients: [member, ...], not modified.
        most: largest L2 norm.

    Source: `torch.nn.utils.clip_grad_norm_`, which does it for one network.
    """
    if not gradients:
        return gradients
    rows = [tensor[..., None].flatten(1) for tensor in gradients.values()]  # [member, number], also of single numbers
    norms = torch.stack([torch.linalg.vector_norm(row, dim=1) for row in rows])
    factor = (most / (torch.linalg.vector_norm(norms, dim=0) + 1e-6)).clamp(max=1.0)  # [member]
    return {
        name: tensor * factor.to(tensor.dtype).view(-1, *[1] * (tensor.dim() - 1)) for name, tensor in gradients.items()
    }
