"""The peak performance of the GPU, and a profile of a step: the parts of `modescape.bench.gpu` on kernels."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch

from modescape import data, runtime
from modescape.bench.gpu_run import Run, timed
from modescape.bench.workload import load
from modescape.context import StudyContext
from modescape.pipeline.begin import begin
from modescape.progress import Progress
from modescape.train.measuring import measured
from modescape.train.optimizer import Optimizer
from modescape.train.planning import try_step


def ceilings(run: Run) -> dict[str, float]:
    """Bytes a second of a large copy and operations a second of large products, measured here."""
    device, size = torch.device(run.device), 256 if run.small else 8192
    found = {}
    source = torch.empty(size * size * 8 // 4, device=device)
    target = torch.empty_like(source)
    seconds = timed(lambda: target.copy_(source), device)
    found["copy_bytes_per_second"] = 2 * source.numel() * 4 / seconds
    for name, dtype, tf32 in (
        ("float32", torch.float32, False),
        ("tf32", torch.float32, True),
        ("bf16", torch.bfloat16, False),
    ):
        a, b = (torch.randn(size, size, device=device, dtype=dtype) for _ in range(2))
        with runtime.gpu_arithmetic(tf32):
            found[f"{name}_operations_per_second"] = 2 * size**3 / timed(lambda: a @ b, device)  # noqa: B023
    return found


def forms(run: Run, recipe: str, arithmetic: str) -> dict[str, Any]:
    """Milliseconds of every form of every convolution of a recipe's network, ten members."""
    members = 2 if run.small else 10
    loaded = load(recipe, run.settings(f"train.arithmetic={arithmetic}"))
    layers, bytes_each = try_step(loaded, data.load(loaded.data, loaded.seed), run.device)
    times = measured(layers, members, loaded.train.arithmetic, torch.device(run.device))
    rounded = {
        layer: {which: {form: round(1000 * s, 4) for form, s in found.items()} for which, found in passes.items()}
        for layer, passes in times.items()
    }
    return {"milliseconds": rounded, "bytes_of_a_member": bytes_each, "members": members}


def profile(run: Run, recipe: str, arithmetic: str) -> dict[str, Any]:
    """Where a step's time goes: kernels by their time over ten steps, and the step as it is replayed."""
    from torch.profiler import ProfilerActivity
    from torch.profiler import profile as watch

    members = 2 if run.small else 10
    settings = run.settings(f"train.members={members}", f"train.arithmetic={arithmetic}")
    with tempfile.TemporaryDirectory() as folder, begin(recipe, Path(folder) / "study", settings, Progress()) as opened:
        study = opened[0]
        context = StudyContext(study)
        with context.at_work():
            trainer = context.trainer(lambda line: None)
            places = list(range(context.plan.group_size))
            state = trainer.stacked([trainer.initial(member).state for member in places])
            steps = trainer.make_steps(places, state, Optimizer(study.recipe.train, state.params))
            seconds = timed(steps.first, torch.device(run.device))
            activities = [ProfilerActivity.CUDA if run.device == "cuda" else ProfilerActivity.CPU]
            with watch(activities=activities) as watched:
                for _ in range(10):
                    steps.first()
                if run.device == "cuda":
                    torch.cuda.synchronize()
            key = "self_device_time_total" if run.device == "cuda" else "self_cpu_time_total"
            events = sorted(watched.key_averages(), key=lambda event: -getattr(event, key))
            kernels = [
                {
                    "name": event.key[:90],
                    "microseconds_a_step": round(getattr(event, key) / 10, 2),
                    "calls": event.count,
                }
                for event in events[:25]
            ]
            total = sum(getattr(event, key) for event in events) / 10
    counted = count_work(recipe, places, run)
    return {
        "seconds_a_step": seconds,
        "replayed": steps.replayed,
        "kernel_microseconds_a_step": total,
        "kernels": kernels,
        **counted,
        "operations_per_second": counted["operations"] / seconds,
    }


def count_work(recipe: str, places: list[int], run: Run) -> dict[str, float]:
    """Operations of a step's convolutions, and the bytes that they and what follows them must move at the least."""
    loaded = load(recipe, run.settings())
    layers, _ = try_step(loaded, data.load(loaded.data, loaded.seed), run.device)
    operations = moved = 0
    for layer in layers:
        height, width = layer.geometry.output_size(layer.image[1:], layer.kernel[2:])
        filters, channels, *taps = layer.kernel
        passes = 3 if layer.needs_input else 2
        operations += passes * 2 * layer.examples * height * width * filters * channels * taps[0] * taps[1]
        moved += 4 * layer.examples * (passes * height * width * filters + passes * int(np.prod(layer.image)))
    return {"operations": operations * len(places), "bytes_of_convolutions": moved * len(places)}
