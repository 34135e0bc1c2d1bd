"""Fitting the bends of a path so that the loss along it is low, for one path or several at once."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd

from modescape import rng, tree
from modescape.alignment.adam import Adam
from modescape.alignment.running import Setting, State, separate
from modescape.errors import InputError
from modescape.kernels.under_vmap import vmapped
from modescape.landscape.criteria import Loss
from modescape.landscape.source import Batch
from modescape.paths.curves import SHAPES
from modescape.paths.path import Path
from modescape.types import ModelState, Params


def fit_path(
    model: nn.Module,
    a: State,
    b: State,
    batches: Any,
    *,
    path: str = "bezier",
    bends: int = 1,
    loss: str | Loss = "cross_entropy",
    steps: int = 1000,
    learning_rate: float = 1e-3,
    seed: int = 0,
) -> Path:
    """Fit a path of low loss between two networks.

    The mean loss over positions, E over t ~ U(0, 1) of L(w(t)), is minimised over the bends alone, with a new position
    and the next batch in each step. Batch norm uses each batch's own statistics at the position, as in training. Frozen
    parameters stay on the straight line: where they are, if both ends have the same.

    Args:
        model: the architecture; it is called with the weights of the path and not modified.
        a: weights of one end: by name, a module, or a `ModelState`.
        b: weights of the other.
        batches: pairs (inputs, target), iterated over as often as needed.
        path: "bezier", "polychain", or "linear", which has nothing to fit.
        bends: points between both ends; they start on the straight line.
        loss: a name (`modescape.landscape.criteria`), or a function (output, target) -> mean over a batch.
        steps: of the optimiser.
        learning_rate: initial learning rate of Adam, in weight units; it is annealed to 0.
        seed: of the positions.

    Returns:
        the path. `Path.at(t, batches)` gives its weights, with batch norm recomputed at t; `Path.profile` its losses.

    Raises:
        InputError: on weights of another architecture, an unknown path, fewer than one bend, or a network whose
            parameters are all frozen.

    Source: Garipov et al. 2018, arXiv 1802.10026.
    """
    settings = {"loss": loss, "steps": steps, "learning_rate": learning_rate, "seed": seed}
    return fit_paths(model, [(a, b)], batches, path=path, bends=bends, **settings)[0]


def fit_paths(
    model: nn.Module,
    ends: Sequence[tuple[State, State]],
    batches: Any,
    *,
    path: str = "bezier",
    bends: int = 1,
    loss: str | Loss = "cross_entropy",
    steps: int = 1000,
    learning_rate: float = 1e-3,
    seed: int = 0,
) -> list[Path]:
    """Fit several paths in one pass per step: each is what `fit_path` gives for it alone.

    Args:
        model: the architecture.
        ends: pairs of networks, as ``a`` and ``b`` of `fit_path`.
        batches: pairs (inputs, target), shared by all paths.
        path: as for `fit_path`, like the rest.
        bends: of each path.
        loss: to minimise.
        steps: of the optimiser.
        learning_rate: initial, of Adam.
        seed: of the positions, which all paths share.
    """
    if path not in SHAPES:
        raise InputError(f"path is {path!r}; expected one of {', '.join(SHAPES)}")
    if bends < 1 and path != "linear":
        raise InputError(f"bends is {bends}; expected 1 or more")
    states = [(separate(model, a, "a"), separate(model, b, "b")) for a, b in ends]
    if path == "linear":
        return [Path.straight(model, a, b) for a, b in states]
    shares = torch.linspace(0, 1, bends + 2, dtype=torch.float64)[:, None]
    corners = torch.stack([_between(a.params, b.params, shares) for a, b in states])  # [path, point, parameter]
    moving, free = Adam(corners[:, 1:-1]), _free(model, states[0][0].params).to(corners)
    history = []
    setting = Setting.of(model, batches, loss)
    data = itertools.chain.from_iterable(itertools.repeat(setting.data))
    slope = _slope(setting, states[0][0])
    with setting.mode("batch"):
        for step, batch in zip(range(steps), data, strict=False):
            t = rng.uniform(torch.tensor([rng.key(seed, "path", step)]), 1)[0]
            shared = SHAPES[path](t, bends + 2)[0].to(corners)
            gradient, value = slope(torch.einsum("k,nkp->np", shared, corners), batch)
            moving.step(shared[1:-1, None] * (free * gradient)[:, None], learning_rate * (1 - step / steps))
            history.append(value)
    return [
        _path(model, path, corners[number], state, [float(one[number]) for one in history])
        for number, state in enumerate(states)
    ]


def _between(a: Params, b: Params, shares: Tensor) -> Tensor:
    one, two = tree.ravel(a), tree.ravel(b)
    return (one.double() + shares.to(one.device) * (two.double() - one.double())).to(one.dtype)


def _free(model: nn.Module, like: Params) -> Tensor:
    """1 for trainable and 0 for frozen parameters, [parameter]."""
    moves = {name: tensor.requires_grad for name, tensor in model.named_parameters(remove_duplicate=False)}
    return tree.ravel({name: torch.full_like(tensor, moves.get(name, False)) for name, tensor in like.items()})


def _path(
    model: nn.Module, path: str, corners: Tensor, state: tuple[ModelState, ModelState], history: list[float]
) -> Path:
    a, b = state
    bent = [tree.unravel(corner, a.params) for corner in corners[1:-1]]
    return Path(model, path, tree.stack([a.params, *bent, b.params]), (a.buffers, b.buffers), history)


def _slope(setting: Setting, like: ModelState) -> Callable[[Tensor, Batch], tuple[Tensor, Tensor]]:
    """Gradient and loss of stacked weights [path, parameter] on a batch: in one pass, or one by one if that fails."""
    stacking = like_stacked(setting.module)

    def value(vector: Tensor, batch: Batch) -> Tensor:
        return setting.mean({**tree.unravel(vector, like.params), **like.buffers}, batch)

    def values(vectors: Tensor, batch: Batch) -> Tensor:
        nonlocal stacking
        if len(vectors) > 1 and stacking:
            try:
                return vmapped(lambda vector: value(vector, batch), vectors)
            except RuntimeError:  # an operation of the network that `torch.vmap` does not support
                stacking = False
        return torch.stack([value(vector, batch) for vector in vectors])

    def slope(vectors: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
        leaf = vectors.detach().requires_grad_()
        with torch.enable_grad():
            found = values(leaf, batch)
        return torch.autograd.grad(found.sum(), leaf)[0], found.detach()  # each loss depends on its own path only

    return slope


def like_stacked(module: nn.Module) -> bool:
    """Whether several networks run faster in one pass: yes, except with convolutions on a CPU."""
    convolved = any(isinstance(layer, _ConvNd) for layer in module.modules())
    return not convolved or next(module.parameters()).device.type != "cpu"
