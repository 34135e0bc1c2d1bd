"""Permutations refined by gradients: relaxed to doubly stochastic matrices, rounded at the end."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

import torch
from torch import Tensor

from modescape.alignment.adam import Adam
from modescape.alignment.matching import Pair, assignment
from modescape.alignment.symmetry import Permutations, Symmetry
from modescape.types import Params

Soft: TypeAlias = "dict[int, Tensor]"
"""Group -> doubly stochastic matrix [place, unit]; for units inside a host [host, place, unit]."""
ROUNDS = 20  # of Sinkhorn's normalisation
SHARP = 3.0  # logit of the initial permutation, in temperatures: with 64 units the others share three quarters of a row
TRIES = 10  # how often in a refinement the matrices are rounded and judged


def sinkhorn(logits: Tensor, rounds: int = ROUNDS) -> Tensor:
    """A doubly stochastic matrix: rows and columns of exp(logits), normalised in turn.

    Args:
        logits: [..., place, unit], divided by the temperature.
        rounds: normalisations of both.

    Source: Mena et al. 2018, arXiv 1802.08665.
    """
    for _ in range(rounds):
        logits = logits - logits.logsumexp(-1, keepdim=True)
        logits = logits - logits.logsumexp(-2, keepdim=True)
    return logits.exp()


def softly(tensor: Tensor, labels: Sequence[int | None], soft: Soft, hosts: Mapping[int, int]) -> Tensor:
    """A piece of a tensor with its units mixed by the matrices in place of permutations."""
    for inside in (False, True):
        for place, label in enumerate(labels):
            if label is None or label not in soft or (label in hosts) != inside:
                continue
            matrix = soft[label].to(tensor)
            if not inside:
                tensor = torch.tensordot(matrix, tensor.movedim(place, 0), dims=1).movedim(0, place)
                continue
            host = list(labels).index(hosts[label])
            moved = tensor.movedim((host, place), (0, 1))
            mixed = torch.bmm(matrix, moved.reshape(*moved.shape[:2], -1)).reshape(moved.shape)
            tensor = mixed.movedim((0, 1), (host, place))
    return tensor


def mixed(symmetry: Symmetry, state: Params, soft: Soft) -> Params:
    """All tensors of a network with their units mixed by the matrices."""
    found = dict(state)
    for name, pieces in symmetry.pieces.items():
        if name in state and state[name].is_floating_point():
            new = torch.zeros_like(state[name])
            for piece in pieces:
                moved = softly(piece.of(state[name]), piece.labels, soft, symmetry.hosts)
                where = torch.zeros_like(state[name], dtype=torch.bool)
                where[piece.index] = True
                new = new.masked_scatter(where, moved.reshape(-1))
            found[name] = new
    return found


def rounded(soft: Soft) -> Permutations:
    """The permutations nearest to the matrices."""
    found: Permutations = {}
    for group, matrix in soft.items():
        flat = matrix.detach().reshape(-1, *matrix.shape[-2:])
        found[group] = torch.stack([assignment(one)[0] for one in flat]).reshape(matrix.shape[:-1])
    return found


def refine(
    symmetry: Symmetry,
    start: Permutations,
    objective: Callable[[Soft, int], Tensor],
    judge: Callable[[Permutations], float],
    *,
    steps: int = 100,
    learning_rate: float = 0.5,
    temperature: float = 1.0,
) -> Permutations:
    """Refine permutations; the result is at least as good as the start.

    Args:
        symmetry: of the network.
        start: permutations to begin with.
        objective: (soft permutations, number of the step) -> what is minimised.
        judge: permutations -> what is minimised; rounded matrices are accepted if better than all before.
        steps: of Adam.
        learning_rate: of Adam, in logits.
        temperature: by which logits are divided.

    Source: Pena et al. 2023, "Re-basin via implicit Sinkhorn differentiation", arXiv 2212.12042; here the gradient is
        taken
    through the rounds of normalisation, which gives the same value.
    """
    logits = {
        group: (
            SHARP * temperature * torch.nn.functional.one_hot(order, symmetry.sizes[group]).double()
        ).requires_grad_()
        for group, order in start.items()
    }
    moving = {group: Adam(one) for group, one in logits.items()}
    best, lowest = start, judge(start)
    for step in range(steps):
        with torch.enable_grad():
            value = objective({group: sinkhorn(one / temperature) for group, one in logits.items()}, step)
        slopes = torch.autograd.grad(value, list(logits.values()), materialize_grads=True)
        for group, slope in zip(logits, slopes, strict=True):
            moving[group].step(slope, learning_rate)
        if (step + 1) % max(1, steps // TRIES) == 0:
            found = rounded(logits)
            judged = judge(found)
            if judged < lowest:
                best, lowest = found, judged
    return best


def likeness(pairs: Sequence[Pair], hosts: Mapping[int, int]) -> Callable[[Soft, int], Tensor]:
    """Minus the sum of <A, P(B)> over pieces, for soft permutations."""
    scale = sum(float(pair.a.double().norm() * pair.b.double().norm()) for pair in pairs) or 1.0

    def objective(soft: Soft, step: int) -> Tensor:
        return (
            -torch.stack([(p.a.double() * softly(p.b.double(), p.labels, soft, hosts)).sum() for p in pairs]).sum()
            / scale
        )

    return objective
