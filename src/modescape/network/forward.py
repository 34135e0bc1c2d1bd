"""Networks in evaluation mode: the one place that calls them, one by one or stacked.

A network may change its buffers in a call (a counter, a running mean): it changes copies, so that no batch depends on
the one before it, and the evaluated state is not modified.
"""

from __future__ import annotations

import contextlib
import hashlib
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from modescape import batches, rng, tree
from modescape.kernels.under_vmap import vmapped
from modescape.models import call_with
from modescape.models.state import Slots, copies
from modescape.network.capture import Capture
from modescape.network.chain import Chain
from modescape.network.intercept import Intercept
from modescape.network.member_ops import ComputePolicy, MemberOps
from modescape.types import Inputs, ModelState, Params


@dataclass(frozen=True)
class Output:
    """The outputs of stacked networks."""

    logits: Tensor  # [model, example, class]
    captured: dict[str, Tensor] = field(default_factory=dict)  # name of a layer -> its output [model, ...]


def weight_keys(params: Params) -> Tensor:
    """One key per network, derived from its weights alone: int64 [model] on the CPU.

    Networks that draw random numbers in evaluation use it, so that equal weights give equal predictions whatever else
    is evaluated, in any process.

    Args:
        params: stacked, [model, ...].
    """
    host = [tensor.detach().cpu().contiguous() for tensor in params.values()]
    digests = []
    for model in range(len(host[0])):
        digest = hashlib.blake2b(digest_size=8)
        for tensor in host:
            digest.update(tensor[model].reshape(-1).view(torch.uint8).numpy().tobytes())
        digests.append(int.from_bytes(digest.digest(), "little", signed=True))
    return torch.tensor(digests, dtype=torch.int64)


def forward_each(
    module: nn.Module,
    state: ModelState,
    inputs: Inputs,
    keys: Tensor,
    policy: ComputePolicy,
    seeded: bool,
    capture: Capture | None = None,
) -> Output:
    """Run networks one after another, each on its own copy of the examples.

    Args:
        module: the architecture, on the networks' device; its mode is set by the caller.
        state: params and buffers [model, ...].
        inputs: prepared, leaves [example, ...]; may be changed.
        keys: of this batch, int64 [model].
        policy: how products are computed.
        seeded: seed the global generators by the keys.
        capture: an open `Capture`, which is read after each network.
    """
    chain = Chain.of(module) if capture is None else None
    if chain is not None and chain.takes(inputs, policy.arithmetic, policy.memory_format):
        assert isinstance(inputs, Tensor)
        weights = chain.weights(state.params | state.buffers)
        if weights is not None:
            each = zip(weights, keys.tolist(), strict=True)
            return Output(torch.stack([chain.forward(inputs, own, key)[0] for own, key in each]))
    logits, captured = [], []
    drops, slots = any(layer.training for layer in module.modules()), Slots(module)
    params = {name: tensor.unbind() for name, tensor in state.params.items()}
    for model, key in enumerate(keys):
        own_buffers = copies(tree.unstack(state.buffers, model))
        slots.install({name: tensors[model] for name, tensors in params.items()} | own_buffers)
        own = policy.laid(
            inputs if model == len(keys) - 1 else batches.copied(inputs)
        )  # a network may change its input
        ops = MemberOps(key, policy=policy)
        generators = rng.seeded(int(key)) if seeded else contextlib.nullcontext()
        with Intercept(ops) if ops.convolves(own) or drops else ops, generators:
            logits.append(batches.called(module, own))
        if capture is not None:
            captured.append(capture.taken())
    return Output(torch.stack(logits), tree.stack(captured) if captured else {})


def forward_stacked(
    module: nn.Module,
    state: ModelState,
    inputs: Inputs,
    keys: Tensor,
    policy: ComputePolicy,
    capture: Capture | None = None,
) -> Output:
    """Run all networks at once, by `vmap`; arguments and result as `forward_each`."""

    def single(params: Params, buffers: Params, key: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        with Intercept(MemberOps(key, stacked=True, policy=policy)):
            logits = call_with(module, {**params, **buffers}, own)
        return logits, {} if capture is None else capture.taken()

    own = policy.laid(inputs)
    return Output(*vmapped(single, state.params, copies(state.buffers), keys))
