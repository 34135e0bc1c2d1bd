"""Making the plan of a study: how many members share a step, and with which kernels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch

from modescape import rng, runtime
from modescape.data.dataset import Dataset
from modescape.kernels import native
from modescape.kernels.convolution import Choices
from modescape.kernels.implementation import usual
from modescape.network.dense import dense_of
from modescape.network.habits import Habits
from modescape.network.initial import initial_module
from modescape.network.member_ops import ComputePolicy
from modescape.recipe import Recipe
from modescape.train.loop import Trainer
from modescape.train.measuring import fastest, measured, remembered, seconds_of
from modescape.train.optimizer import Optimizer
from modescape.train.plan import Plan

DENSE = "mlp"  # the built-in network that `modescape.network.dense` may take
DENSE_GROUP = 5  # its members per step on a CPU: ten members make two groups, for two cores
MOST_PRODUCTS = 1_000_000  # of a member's forward pass; with more, arithmetic dominates, and unused positions cost time
STRICT_GROUP = 16  # members per step if nothing is measured
SAMPLE = 2  # members in the trial step that measures memory
MEMORY_SHARE = 0.6  # of the free memory; trials, validation and fragmentation need some


def make_plan(
    recipe: Recipe,
    dataset: Dataset,
    device: str,
    habits: Habits,
    say: Callable[[str], None] = lambda line: None,
) -> Plan:
    """The plan for a device.

    CPU: one member at a time on one thread, as vmapped and grouped convolutions are slower there; in small MLPs
    `DENSE_GROUP` members share a step, however many there are, since bits depend on the position in a group. GPU:
    stacked, as many as fit in memory (with several GPUs, each has its share of members), each convolution in the form
    measured to be the fastest; with ``determinism: strict`` nothing is measured.

    Args:
        recipe: settings.
        dataset: its data, on the CPU.
        device: "cpu" or "cuda".
        habits: behaviour of the network.
        say: called with a line before long measurements.
    """
    members = recipe.train.members
    kernels = usual(device)
    if device == "cpu":
        group_size = DENSE_GROUP if _is_small_and_dense(recipe, dataset, habits) else 1
        build = native.build() if kernels == "native" else None
        return Plan(
            device=device, group_size=group_size, kernels=kernels, build=build, memory_format=habits.memory_format
        )
    shared: dict[str, Any] = {"device": device, "kernels": kernels, "replayed": habits.can_replay}
    shared["memory_format"] = habits.memory_format
    if not habits.can_stack:
        return Plan(group_size=1, convolution="each", **shared)
    safe = "triton" if kernels == "triton" else "grouped"
    if recipe.compute.determinism == "strict":
        return Plan(group_size=_even(members, STRICT_GROUP), convolution=safe, **shared)
    layers, each = try_step(recipe, dataset, device, habits)
    free, _ = torch.cuda.mem_get_info()
    most = max(1, int(MEMORY_SHARE * free / each))
    group_size = group_of(members, most, _workers(recipe))
    times = measured(layers, group_size, recipe.train.arithmetic, torch.device(device), say)
    return Plan(group_size=group_size, convolution=safe, convolutions=fastest(times), measured=True, **shared)


def _is_small_and_dense(recipe: Recipe, dataset: Dataset, habits: Habits) -> bool:
    """Whether a step is mostly the overhead of calling operations, which members of a group share."""
    if recipe.model.factory != DENSE or not habits.can_stack or recipe.train.arithmetic == "bf16":
        return False
    streams = rng.MemberStreams(seed=recipe.seed, shared=recipe.shared_streams())
    module = initial_module(recipe, streams, 0, dataset.train, dataset.task.width)
    products = recipe.train.batch_size * sum(tensor.numel() for tensor in module.parameters())
    return dense_of(module) is not None and products <= MOST_PRODUCTS


def _workers(recipe: Recipe) -> int:
    """Number of workers that share the members on GPUs."""
    engine, workers, here = recipe.compute.engine, recipe.compute.workers, len(runtime.gpus())
    if engine == "here":
        return 1
    return min(workers or here, here) if engine == "auto" else workers or here


def group_of(members: int, most: int, workers: int) -> int:
    """Members that share a step on a GPU.

    Args:
        members: of the study.
        most: largest group that fits in a GPU's memory.
        workers: GPUs that work at once; there are at least as many groups, if there are enough members.

    >>> group_of(10, 64, 1), group_of(10, 64, 4), group_of(10, 2, 4), group_of(3, 64, 8)
    (10, 3, 2, 1)
    """
    return _even(members, min(most, -(-members // max(1, workers))))


def _even(members: int, most: int) -> int:
    """The size of the groups if there are as few as possible, as equal as possible."""
    groups = -(-members // most)
    return -(-members // groups)


def try_step(recipe: Recipe, dataset: Dataset, device: str, habits: Habits | None = None) -> tuple[list, int]:
    """Run one step of a few members: the convolutions in it, and the bytes per member on a GPU."""
    data = dataset.to(device).train
    seen: list = []
    policy = ComputePolicy(recipe.train.arithmetic, Choices(default="each", seen=seen))
    if habits is not None:
        policy = replace(policy, memory_format=habits.memory_format)
    preparation = data.preparation(recipe.data)
    settings: dict[str, Any] = {"device": device, "policy": policy, "habits": habits, "task": dataset.task}
    trainer = Trainer(recipe, data, dataset.task.width, preparation, **settings)
    gpu = device == "cuda"
    before = torch.cuda.memory_allocated() if gpu else 0
    if gpu:
        torch.cuda.reset_peak_memory_stats()
    places = list(range(SAMPLE))
    state = trainer.stacked([trainer.initial(member).state for member in places])
    trainer.make_steps(places, state, Optimizer(recipe.train, state.params)).first()
    taken = torch.cuda.max_memory_allocated() - before if gpu else 0
    return seen, max(1, taken // SAMPLE)


def seconds_per_step(recipe: Recipe, dataset: Dataset, plan: Plan, habits: Habits) -> float:
    """Time of a step of a whole group under the plan; cached."""
    device = torch.device(plan.device)
    about = [recipe.model.model_dump(), recipe.train.model_dump(exclude={"members"}), plan.as_dict()]

    def make() -> float:
        data = dataset.to(plan.device).train
        settings: dict[str, Any] = {"policy": plan.policy(recipe.train.arithmetic), "replayed": plan.replayed}
        settings |= {"habits": habits, "task": dataset.task}
        preparation = data.preparation(recipe.data)
        trainer = Trainer(recipe, data, dataset.task.width, preparation, device=plan.device, **settings)
        places = list(range(plan.group_size))
        state = trainer.stacked([trainer.initial(member).state for member in places])
        steps = trainer.make_steps(places, state, Optimizer(recipe.train, state.params))
        return seconds_of(steps.first, device)

    return remembered("step", [*about, dataset.shape.as_manifest(), dataset.num_classes], device, make)
