"""Aligning one network's units with another's, and many networks with one another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from modescape import rng
from modescape.alignment.activations import activation_pairs
from modescape.alignment.matching import Pair, match, pairs_of, total
from modescape.alignment.running import Setting, State, separate
from modescape.alignment.sinkhorn import Soft, likeness, mixed, refine
from modescape.alignment.symmetry import Permutations, Symmetry, symmetry
from modescape.batches import mapped, taken
from modescape.errors import InputError, WorkError
from modescape.landscape.criteria import Loss
from modescape.landscape.layout import Layout
from modescape.landscape.source import Batch
from modescape.models import call_with
from modescape.types import ModelState, Params

METHODS = ("weights", "activations")
EXACT = 1e-6  # relative, in float64: rounding of a thousand layers stays below, any wrong order is far above
SINGLE = 1e-2  # the same for a network that runs in its own dtype only


@dataclass(frozen=True)
class Alignment:
    """A network whose units are in the order of another's: the same function with other weights."""

    state: Params  # all weights and buffers of the second network, with its units permuted
    permutations: Mapping[str, Tensor]  # tensor that produces the units -> which unit moves to each position
    before: float  # cosine of the two networks' weights that can be permuted, before
    after: float  # and after permuting the units
    difference: float  # largest change of an output, relative to the largest output: rounding only
    held: Mapping[str, str]  # layer -> operation with no known rule, whose units were left in place


def align(
    model: nn.Module,
    a: State,
    b: State,
    batches: Any = None,
    method: str = "weights",
    *,
    refine: bool = False,
    loss: str | Loss | None = None,
    steps: int = 100,
    partial: bool = False,
    seed: int = 0,
) -> Alignment:
    """Permute the units of network ``b`` to match the most similar units of ``a``.

    Args:
        model: the architecture; it supplies buffers that a state does not contain.
        a: weights of the network that stays: by name, a module, or a `ModelState`.
        b: weights of the network that is permuted.
        batches: (inputs, target): the network is traced on the first of them; all are used by ``method="activations"``
            and by a refinement with a ``loss``. A list, a loader, or one pair (a tuple).
        method: "weights" or "activations": what is matched.
        refine: refine the permutations by gradients (Sinkhorn); the result is never worse.
        loss: what a refinement minimises, halfway between the networks; None: the distance of what is matched.
        steps: of the refinement.
        partial: align the other units even if some feed an operation without a known rule; those stay in place.
        seed: of the order in which groups are matched.

    Returns:
        the permuted network. That its function is unchanged is always checked on the first batch.

    Raises:
        InputError: naming the layer whose units cannot be permuted by a known rule; on weights of another architecture;
            without batches; on an unknown method.
        WorkError: if the permuted network computes another function.

    Source: Ainsworth et al. 2022, arXiv 2209.04836 (weights); Li et al. 2016, arXiv 1511.07543 (activations); Pena et
    al. 2023, arXiv 2212.12042 (refinement).
    """
    setting = Setting.of(model, batches, loss or "cross_entropy")
    one, two = separate(model, a, "a"), separate(model, b, "b")
    found = symmetry(setting.module, two, _few(setting.first), partial)
    generator = rng.stream(seed, "alignment")
    pairs = _pairs(setting, found, one, two, method)
    permutations = match(found, pairs, generator)
    if refine:
        permutations = _refined(setting, found, pairs, permutations, (one, two), loss is not None, steps)
    return _finished(setting, found, permutations, one, two)


def align_many(
    model: nn.Module,
    states: Sequence[State],
    batches: Any = None,
    *,
    partial: bool = False,
    seed: int = 0,
    rounds: int = 20,
) -> list[Alignment]:
    """Align all networks with the first, so that their weights can be averaged.

    Each in turn is matched by weights to the mean of all others, until no permutation changes.

    Args:
        model: the architecture.
        states: weights of two networks or more.
        batches: as for `align`.
        partial: as for `align`.
        seed: of the order of networks and groups.
        rounds: most rounds over all networks.

    Returns:
        an alignment for each network; ``before`` and ``after`` are cosines to the mean of the others. The weights may
        be averaged by name (batch-norm statistics should be recomputed at the average).

    Raises:
        InputError: with fewer than two networks, and as `align`.

    Source: "merge many", algorithm 3 of Ainsworth et al. 2022, arXiv 2209.04836.
    """
    if len(states) < 2:
        raise InputError(f"there is {len(states)} network; expected two or more")
    setting = Setting.of(model, batches)
    own = [separate(model, state, f"network {number}") for number, state in enumerate(states)]
    found = symmetry(setting.module, own[0], _few(setting.first), partial)
    generator = rng.stream(seed, "alignment")
    orders = [found.identity() for _ in own]
    moved = [state.params for state in own]
    for turn in range(rounds):
        changed = False
        for number in torch.randperm(len(own), generator=generator).tolist():
            if number == 0:
                continue
            # the first round uses only networks that are already aligned with the first
            others = [
                p for other, p in enumerate(moved) if other != number and (turn or other == 0 or _moved(orders[other]))
            ]
            mean = {name: torch.stack([other[name] for other in others]).mean(0) for name in moved[0]}
            pairs = pairs_of(found, mean, own[number].params)
            new = match(found, pairs, generator)
            if total(pairs, new, found.hosts) > total(pairs, orders[number], found.hosts) * (1 + 1e-9):
                orders[number], moved[number], changed = new, found.permute(own[number].params, new), True
        if not changed:
            break
    results = []
    for number, state in enumerate(own):
        rest = [params for other, params in enumerate(moved) if other != number]
        mean = ModelState({name: torch.stack([one[name] for one in rest]).mean(0) for name in moved[0]}, {})
        results.append(_finished(setting, found, orders[number], mean, state))
    return results


def _moved(orders: Permutations) -> bool:
    return any(not bool((order == torch.arange(order.shape[-1])).all()) for order in orders.values())


def _few(batch: Batch) -> Any:
    return taken(batch.inputs, slice(2))


def _pairs(setting: Setting, found: Symmetry, one: ModelState, two: ModelState, method: str) -> list[Pair]:
    if method == "weights":
        return pairs_of(found, one.params, two.params)
    if method == "activations":
        return activation_pairs(setting.module, found, one, two, setting.data)
    raise InputError(f"method is {method!r}; expected one of {', '.join(METHODS)}")


def _refined(
    setting: Setting,
    found: Symmetry,
    pairs: Sequence[Pair],
    start: Permutations,
    states: tuple[ModelState, ModelState],
    by_loss: bool,
    steps: int,
) -> Permutations:
    if not by_loss:

        def unlike(orders: Permutations) -> float:
            return -total(pairs, orders, found.hosts)

        return refine(found, start, likeness(pairs, found.hosts), unlike, steps=steps)
    one, two = states
    given = list(setting.data)

    def between(params: Params, batch: Batch, t: float = 0.5) -> Tensor:
        half = {name: torch.lerp(one.params[name], params[name], t) for name in params}
        return setting.mean({**half, **two.buffers}, batch)

    def objective(soft: Soft, step: int) -> Tensor:
        t = float(rng.uniform(torch.tensor([rng.key(0, "alignment", step)]), 1))
        return between(mixed(found, two.params, soft), given[step % len(given)], t)

    @torch.no_grad()
    def judge(orders: Permutations) -> float:
        params = found.permute(two.params, orders)
        return sum(float(between(params, batch)) for batch in given) / len(given)

    with setting.mode("batch"):
        return refine(found, start, objective, judge, steps=steps)


def _finished(setting: Setting, found: Symmetry, orders: Permutations, one: ModelState, two: ModelState) -> Alignment:
    before = {**two.params, **two.buffers}
    after = found.permute(before, orders)
    pairs = pairs_of(found, one.params, two.params)
    size = sum(float(pair.a.double().square().sum()) for pair in pairs) ** 0.5
    size *= sum(float(pair.b.double().square().sum()) for pair in pairs) ** 0.5
    cosines = [total(pairs, own, found.hosts) / size if size else 0.0 for own in (found.identity(), orders)]
    aliases = Layout.of(setting.module).aliases  # a tensor that layers share has several names in a state_dict
    return Alignment(
        state={**after, **{alias: after[name] for alias, name in aliases.items()}},
        permutations=found.by_name(orders),
        before=cosines[0],
        after=cosines[1],
        difference=checked(setting.module, before, after, setting.first),
        held=found.unknown,
    )


@torch.no_grad()
def checked(model: nn.Module, before: Params, after: Params, batch: Batch) -> float:
    """Largest difference of two networks' outputs on a batch in evaluation mode, relative to the largest output.

    Raises:
        InputError: if outputs are NaN.
        WorkError: if it exceeds rounding.
    """
    allowed = EXACT
    try:
        one, two = (_outputs(model, state, batch, torch.double) for state in (before, after))
    except RuntimeError:  # a network that creates tensors of one fixed dtype
        allowed = SINGLE
        one, two = (_outputs(model, state, batch, None) for state in (before, after))
    if any(bool(out.isnan().any()) for out in one):
        raise InputError("the network's outputs on the first batch hold NaN; expected a network that did not diverge")
    size = max([float(out[out.isfinite()].abs().max()) for out in one if out.isfinite().any()], default=0.0)
    far = max([_farthest(x, y) for x, y in zip(one, two, strict=True)], default=0.0)
    share = far / size if size else far
    if not share <= allowed:
        raise WorkError(
            f"the permuted network gives outputs that differ by {share:.1e} of the largest (allowed: {allowed:.0e}); "
            "the network does something in evaluation that cannot be traced, such as branching on its data"
        )
    return share


def _farthest(one: Tensor, two: Tensor) -> float:
    """Largest difference of two outputs, 0 where both are the same infinity (masked classes)."""
    apart = (one - two).abs()[one != two]
    return float(apart.nan_to_num(nan=float("inf")).max()) if apart.numel() else 0.0


def _outputs(model: nn.Module, state: Params, batch: Batch, dtype: torch.dtype | None) -> list[Tensor]:
    def cast(tensor: Tensor) -> Tensor:
        return tensor.to(dtype) if dtype is not None and tensor.is_floating_point() else tensor

    tensors = {name: cast(tensor) for name, tensor in state.items()}
    output = call_with(model, tensors, mapped(cast, batch.inputs))
    return [leaf for leaf in _flat(output) if leaf.is_floating_point()]


def _flat(output: Any) -> list[Tensor]:
    if isinstance(output, Mapping):
        return [leaf for value in output.values() for leaf in _flat(value)]
    if isinstance(output, list | tuple):
        return [leaf for value in output for leaf in _flat(value)]
    return [output] if isinstance(output, Tensor) else []
