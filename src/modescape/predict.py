"""The one evaluator: predictions of many networks on many examples (log-probabilities for a classification).

A study's checkpoints, samples, grid points and points of paths are all evaluated here; their batch-norm
statistics are recomputed by `recompute_batch_norm` and nowhere else.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from modescape import batches, rng, tree
from modescape.data.dataset import Split
from modescape.data.inputs.base import Prepare
from modescape.models import call_with, working_dtype
from modescape.network.forward import weight_keys
from modescape.network.habits import Habits
from modescape.network.intercept import Intercept
from modescape.network.member_ops import ComputePolicy, MemberOps
from modescape.network.network import Network
from modescape.network.statistics import averaging, batch_norm_layers, statistics_of
from modescape.tasks import CLASSES, Task
from modescape.types import Inputs, ModelState

BATCH = 256  # examples at a time; on one CPU thread 128 to 512 are equally fast within 5 %
GPU_BATCH = 1024  # a GPU needs more at a time to be busy


@dataclass(frozen=True, kw_only=True)
class Evaluator:
    """Evaluates networks of one architecture in ``eval()`` mode.

    Args:
        module: the architecture; its own weights are not used.
        preparation: scaling of examples, the same as in training, without augmentation.
        batch_norm: "stored" uses the running statistics that come with each network; "recompute" replaces them by the
            mean over ``batch_norm_inputs``, the only fair way for weights that were averaged, sampled or interpolated.
        batch_norm_inputs: examples of the training split for "recompute", leaves [example, ...].
        policy: how matrix products are computed; as in training.
        habits: the network's behaviour. Without it nothing is assumed: networks are evaluated one by one, images
            have torch's default memory layout, and the global generators are seeded for each network.
        task: what an output means.
    """

    module: nn.Module
    preparation: Prepare
    batch_norm: Literal["stored", "recompute"] = "stored"
    batch_norm_inputs: Inputs | None = None
    policy: ComputePolicy = ComputePolicy()
    habits: Habits | None = None
    task: Task = CLASSES

    def __call__(
        self,
        state: ModelState,
        inputs: Inputs,
        progress: Callable[[int], None] = lambda examples: None,
        *,
        dropout: Tensor | None = None,
    ) -> Tensor:
        """Predictions of stacked networks: log-probabilities for a classification (`Task.predictive`).

        Args:
            state: params and buffers, [model, ...] each.
            inputs: of a split, leaves [example, ...].
            progress: called with the number of examples forwarded, after each batch.
            dropout: one key per network, int64 [model]: dropout layers are active (Monte-Carlo dropout);
                everything else stays in evaluation mode.

        Random numbers that the network draws in evaluation come from a stream named by its weights and the batch.

        Returns:
            float32 (float64 for float64 networks), [model, example, width], on the networks' device.
        """
        if self.batch_norm == "recompute":
            if self.batch_norm_inputs is None:
                raise ValueError('batch_norm="recompute" needs batch_norm_inputs, examples of the training split')
            state = self.recomputed(state, self.batch_norm_inputs)
        models, dtype = len(next(iter(state.params.values()))), working_dtype(state.params)
        network, seeded = self.network, self.habits is None or self.habits.draws_in_evaluation
        pieces: list[Tensor] = []
        device = batches.device_of(inputs)
        numbers = torch.arange(batches.count(inputs), device=device).split(BATCH if device.type == "cpu" else GPU_BATCH)
        if dropout is not None:
            keys = dropout
        else:
            keys = weight_keys(state.params) if seeded else torch.zeros(models, dtype=torch.int64)
        keys = rng.words(keys.to(device), len(numbers))  # [model, batch]
        with torch.no_grad(), network.mode(dropping=dropout is not None):
            for number, index in enumerate(numbers):
                picked = batches.taken(self.preparation.pick(inputs, index[None], dtype=dtype), 0)
                logits = network.forward(state, picked, keys[:, number]).logits
                pieces.append(self.task.predictive(logits.to(dtype)))
                progress(models * len(index))
        return torch.cat(pieces, dim=1)

    def recomputed(self, state: ModelState, inputs: Inputs) -> ModelState:
        """The networks with batch-norm statistics recomputed for their weights (`recompute_batch_norm`)."""
        seeded = self.habits is None or self.habits.draws
        return recompute_batch_norm(self.module, state, self.preparation, inputs, self.network.layout, seeded=seeded)

    @property
    def network(self) -> Network:
        """The network, to be called with a state and prepared examples."""
        return Network(module=self.module, policy=self.policy, habits=self.habits)


def evaluate(
    module: nn.Module,
    state: ModelState,
    inputs: Inputs,
    preparation: Prepare,
    *,
    batch_norm: Literal["stored", "recompute"] = "stored",
    batch_norm_inputs: Inputs | None = None,
) -> Tensor:
    """Log-probabilities [model, example, class] of stacked networks: one call of an `Evaluator`."""
    evaluator = Evaluator(
        module=module, preparation=preparation, batch_norm=batch_norm, batch_norm_inputs=batch_norm_inputs
    )
    return evaluator(state, inputs)


def recompute_batch_norm(
    module: nn.Module,
    state: ModelState,
    preparation: Prepare,
    inputs: Inputs,
    policy: ComputePolicy = ComputePolicy(),
    *,
    seeded: bool = True,
) -> ModelState:
    """Replace running statistics by the average over batches of ``inputs``, network by network.

    mean = average of the batches' means, variance = average of the batches' unbiased variances (as torch's own
    cumulative average, ``momentum=None``). Other buffers, and networks without batch norm, are returned as they are.

    Args:
        module: the architecture.
        state: params and buffers [model, ...].
        preparation: scaling.
        inputs: leaves [example, ...]; batches of `BATCH`, without an incomplete last one unless it is the only one.
        policy: memory layout of images; products are computed in float32.
        seeded: seed the global generators by the networks' weights, for networks that draw from them in training.
    """
    named = batch_norm_layers(module)
    if not named:
        return state
    fresh = {name: tensor.clone() for name, tensor in state.buffers.items()}
    total = batches.count(inputs)
    whole = min(BATCH, total)
    places = [slice(start, start + whole) for start in range(0, total - whole + 1, whole)]
    layout = ComputePolicy(memory_format=policy.memory_format)
    models = len(next(iter(state.params.values())))
    keys = weight_keys(state.params) if seeded else torch.zeros(models, dtype=torch.int64)
    seeds = rng.words(keys, len(places)).T.tolist()  # [batch][model]
    module.train()
    try:
        with averaging(named) as average:
            for place, own_seeds in zip(places, seeds, strict=True):
                prepared = preparation(batches.taken(inputs, place), dtype=working_dtype(state.params))
                average.next()
                for model, seed in enumerate(own_seeds):
                    key = torch.zeros((), dtype=torch.int64, device=batches.device_of(inputs))
                    one = {**tree.unstack(state.params, model), **tree.unstack(fresh, model)}
                    own = batches.copied(prepared) if policy.memory_format == "channels_last" else layout.laid(prepared)
                    generators = rng.seeded(seed) if seeded else contextlib.nullcontext()
                    with torch.no_grad(), Intercept(MemberOps(key, policy=layout)), generators:
                        call_with(module, one, own)
    finally:
        module.eval()
    renewed = fresh.keys() & set(statistics_of(named))
    return ModelState(state.params, state.buffers | {name: fresh[name] for name in renewed})


def validation_probe(evaluator: Evaluator, split: Split) -> Callable[[ModelState], tuple[Tensor, Tensor]]:
    """Mean loss and the history's column of the task, [member] each, on a split, for the training loop."""

    def probe(state: ModelState) -> tuple[Tensor, Tensor]:
        return evaluator.task.probe(evaluator(state, split.inputs), split.label)

    return probe
