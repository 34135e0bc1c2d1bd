"""Estimate of a worker's memory before it starts, so that a cluster is not overcommitted."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import nn

from modescape import batches, data, rng
from modescape.data.dataset import Dataset
from modescape.network.initial import initial_module
from modescape.pipeline.writing import AHEAD_BYTES
from modescape.recipe import Recipe
from modescape.train.plan import Plan

PROCESS = 500_000_000  # bytes of one that has imported everything (250 MB), with room for an analysis of a small study
ON_A_GPU = 3_000_000_000  # of one that has a GPU, beside it
DATA_COPIES = 2  # of the data: as it is read, and as it is split
WEIGHT_COPIES = 8  # weights, gradients, two of the optimiser, the best epoch, what is being written
ACTIVATION_COPIES = 2  # of what layers give: it, and its gradient
LEAST_BATCH = 128  # analyses take gradients, too, and not by the recipe's batch
EXAMPLES = 2  # with which the layers are asked
FLOAT = 4  # bytes


def worker_memory(
    recipe: Recipe, manifest: Mapping[str, Any], say: Callable[[str], None], dataset: Dataset | None = None
) -> int:
    """Bytes that a worker of a study holds at most, about.

    Args:
        recipe: of the study.
        manifest: of the study.
        say: told in a line where it could not be reckoned in full.
        dataset: its data; loaded where it is not given, and left out where it cannot be.
    """
    plan, model = Plan.of(manifest.get("plan")), manifest["model"]
    weights = sum(math.prod(shape) for kind in ("parameters", "buffers") for shape in model[kind].values())
    held = activations = 0
    try:
        dataset = dataset or data.load(recipe.data, recipe.seed, task=recipe.task)
        held, activations = data_bytes(dataset), numbers_given(recipe, dataset)
    except Exception as error:  # the data is gone, or what a network raises, which may be anything
        say(
            f"The memory of a worker was estimated without data and layers ({type(error).__name__}); if workers run "
            "out of memory, set it: --set compute.worker_memory=MB"
        )
    if plan.device == "cuda":
        return PROCESS + ON_A_GPU + DATA_COPIES * held
    examples = max(LEAST_BATCH, recipe.train.batch_size * plan.group_size)
    numbers = examples * activations * ACTIVATION_COPIES + plan.group_size * weights * WEIGHT_COPIES
    return PROCESS + DATA_COPIES * held + AHEAD_BYTES + FLOAT * numbers


def data_bytes(dataset: Dataset) -> int:
    """Bytes of the examples of all splits."""
    splits = (dataset.train, dataset.validation, dataset.test)
    return sum(leaf.nbytes for split in splits for leaf in batches.leaves(split.inputs))


def numbers_given(recipe: Recipe, dataset: Dataset) -> int:
    """Numbers that the layers of a recipe's network give for one example, all together."""
    streams = rng.MemberStreams(seed=recipe.seed, shared=recipe.shared_streams())
    module = initial_module(recipe, streams, 0, dataset.train, dataset.task.width).eval()
    some = dataset.train.first(EXAMPLES)
    prepared = dataset.train.preparation(recipe.data).pick(some.inputs, torch.arange(len(some.label))[None])
    counted: list[int] = []

    def count(layer: nn.Module, given: Any, out: Any) -> None:
        counted.extend(leaf.numel() for leaf in batches.leaves(out))

    for layer in module.modules():
        if next(layer.children(), None) is None:
            layer.register_forward_hook(count)
    with torch.no_grad(), rng.seeded(0):
        batches.called(module, batches.taken(prepared, 0))
    return sum(counted) // len(some.label)
