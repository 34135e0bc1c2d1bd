"""Analyses on a GPU: the parts of `modescape.bench.gpu` on surfaces, curvature, alignment and sampling.

ResNet20 and 500 images. The surface of 25 x 25 points is compared with what `loss-landscapes` does at a point, on the
CPU of the same machine with all its threads: their `Loss` is the network called with all images at once, which is what
runs here, so that the package need not be installed. Goals: 20 times as fast a point, an alignment in ten seconds.
Then a study of SmallCNN: the seconds of its predictions, of the networks that analyses draw, and of each analysis.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

import modescape as ms
from modescape import rng, runtime
from modescape.analyses import ANALYSES
from modescape.bench.gpu_run import Run, timed
from modescape.bench.workload import load, resident
from modescape.models.resnet import resnet20
from modescape.pipeline.analysing import analyse_missing
from modescape.pipeline.begin import begin
from modescape.pipeline.predicting import predict_missing
from modescape.pipeline.sampling import sample_missing
from modescape.pipeline.training import train_missing
from modescape.progress import Progress

GOAL, ALIGNING = 20.0, 10.0  # times as fast a point; seconds
LOOKING = [  # analyses that send images through networks and train none
    name for name, one in ANALYSES.items() if "cost" in one.also and "auxiliary" not in one.also and not one.only_for
]
SIZES = ("train.members=3", "train.epochs=3", "train.trajectories=3", "data.test=2000", "subspace.samples=10")
SMALL = ("train.members=2", "train.epochs=2", "train.trajectories=2", "data.test=20", "subspace.samples=2")


def analyses(run: Run) -> None:
    """All of it, each part as time is left."""
    count, size = (16, 3) if run.small else (500, 25)
    settings = [f"data.source={run.source}", f"data.train={count}", "data.validation=50", "data.scaling=unit"]
    images, label = resident(load("cifar10-resnet20", settings))
    few, threads = (2, 1) if run.small else (10, runtime.cores())
    run.part("a point as loss-landscapes takes it, CPU", lambda: plain_point(images, label, few, threads))
    for policy in ("eval", "recompute"):
        name = f"surface, batch norm {policy}"
        run.part(name, lambda policy=policy: surface(run, images, label, policy, size), needs=30)
    run.part("products and eigenvalues", lambda: curvature(run, images, label), needs=30)
    run.part("alignment", lambda: alignment(run, images, label), needs=30)
    run.part("sampling and analyses of a study", lambda: study(run), needs=60)


def made(images: Tensor, seed: int) -> nn.Module:
    """A network of a seed with running statistics of the images."""
    with rng.seeded(seed):
        network = resnet20((3, 32, 32), 10)
    with torch.no_grad():
        network.train()(images)
    return network.eval()


def plain_point(images: Tensor, label: Tensor, repeats: int, threads: int) -> dict[str, Any]:
    """Seconds of a point as `loss-landscapes` takes it on the CPU, the median of some."""
    network = made(images, 0).requires_grad_(False)
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    call = timed(lambda: nn.functional.cross_entropy(network(images), label).item(), torch.device("cpu"), repeats)
    torch.set_num_threads(before)
    return {"seconds_a_point": call, "threads": threads}


def surface(run: Run, images: Tensor, label: Tensor, policy: Any, size: int) -> dict[str, Any]:
    """Seconds of a grid of random directions, the second time: the first finds algorithms and memory."""
    network = made(images, 0).to(run.device)
    field = ms.Landscape(network, batches=(images, label), batch_norm=policy)
    cut, x = field.random_cut(), np.linspace(-1, 1, size)
    field.surface(cut, x)
    seconds = clock(run, lambda: field.surface(cut, x))
    few = field.surface(cut, x, tolerance=0.02)
    theirs = run.found["a point as loss-landscapes takes it, CPU"]["seconds_a_point"]
    ratio = theirs * size**2 / seconds
    return {
        "seconds": seconds,
        "seconds_a_point": seconds / size**2,
        "points_per_pass": field.points_per_pass,
        "stacked": field.stack,
        "times_as_fast": ratio,
        "holds": ratio >= GOAL if policy == "eval" and not run.small else None,
        "points_refined": int(few.measured.sum()),
        "peak_gpu_bytes": torch.cuda.max_memory_allocated() if run.device == "cuda" else None,
    }


def curvature(run: Run, images: Tensor, label: Tensor) -> dict[str, Any]:
    """Seconds of a gradient, of one vector and of eight at once, and of eigenvalues."""
    field = ms.Landscape(made(images, 0).to(run.device), batches=(images, label))
    device, count = torch.device(run.device), 2 if run.small else 10
    found: dict[str, Any] = {"gradient": timed(lambda: field.gradient(), device, count)}
    for name, matrix in (("hessian", ms.hessian(field)), ("ggn", ms.ggn(field))):
        vectors = torch.randn(matrix.shape[1], 8, device=device)
        found[f"{name}, one vector"] = timed(lambda m=matrix, v=vectors: m @ v[:, 0], device, count)
        found[f"{name}, eight vectors"] = timed(lambda m=matrix, v=vectors: m @ v, device, count)
    wanted = 2 if run.small else 10
    found[f"{wanted} eigenvalues"] = clock(run, lambda: ms.eigenvalues(ms.hessian(field), wanted))
    return found


def alignment(run: Run, images: Tensor, label: Tensor) -> dict[str, Any]:
    """Seconds of an alignment of two networks by weights and by activations."""
    a, b = (made(images, seed).to(run.device) for seed in (0, 1))
    batches = [(images.to(run.device), label.to(run.device))]
    found: dict[str, Any] = {}
    for method in ("weights", "activations"):
        ms.align(a, a, b, batches, method)
        found[method] = clock(run, lambda method=method: ms.align(a, a, b, batches, method))
    return {**found, "holds": None if run.small else max(found.values()) <= ALIGNING}


def clock(run: Run, work: Callable[[], Any]) -> float:
    """Seconds of one call, waiting for the device."""
    started = time.perf_counter()
    work()
    if run.device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - started


def study(run: Run) -> dict[str, Any]:
    """Seconds of the stages behind training, and of each analysis alone."""
    sizes = [*(SMALL if run.small else SIZES), f"analyses=[{', '.join(LOOKING)}]"]
    heard = _Counting()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "study"
        with begin("cifar10-smallcnn", path, run.settings(*sizes), heard) as (made, engine, dataset):
            train_missing(made, engine, heard)
            found: dict[str, Any] = {"members": len(made.trained)}
            for stage, work in {
                "predicting": lambda: predict_missing(made, engine, heard, dataset),
                "predicting samples": lambda: sample_missing(made, engine, heard, LOOKING),
            }.items():
                seconds = clock(run, work)
                images = heard.totals.get(stage, 0.0)
                found[stage] = {"seconds": seconds, "images": images, "images_per_second": images / seconds}
            for name in LOOKING:
                if run.left < 20:
                    found[name] = "left out: no time was left"
                    continue
                found[name] = clock(run, lambda name=name: analyse_missing(made, engine, heard, names=[name]))
            found["said"] = heard.said
    return found


class _Counting(Progress):
    """Keeps how much each stage was, and what was said."""

    def __init__(self) -> None:
        self.totals: dict[str, float] = {}
        self.said: list[str] = []

    def stage(self, name: str, total: float, unit: str) -> None:
        self.totals[name] = total

    def line(self, text: str) -> None:
        self.said.append(text)
