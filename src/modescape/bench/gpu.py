"""Everything that is to be known about a GPU, in one call of under nine minutes: ``python -m modescape.bench.gpu``.

The paper's studies on CIFAR-10 against their goals and the eager plain loop, every form of every convolution, what the
card could do at most, where the time goes, and whether arithmetic of fewer bits moves accuracy or disagreement. Each
part stands alone: one that fails is written down with its reason, and one for which no time is left is left out.

Usage: python -m modescape.bench.gpu [--data SOURCE] [--out gpu.json] [--minutes 9] [--small] [--device cuda]

SOURCE is CIFAR-10 as ``data.source`` takes it: a folder, or an .npz. Without it, random images of its size are trained
on, which is the same work, and the comparison of arithmetic is made on the embedded digits.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from modescape import data, runtime
from modescape.bench import precision
from modescape.bench.workload import images, load, plain_loop, resident, warm_up
from modescape.context import StudyContext
from modescape.data.dataset import Split, as_split
from modescape.data.prepare import Preparation
from modescape.kernels.convolution import Choices
from modescape.kernels.forms import FORMS
from modescape.kernels.geometry import Geometry
from modescape.network.member_ops import Manner
from modescape.pipeline.begin import begin
from modescape.pipeline.training import train_missing
from modescape.progress import Progress
from modescape.recipe import Recipe
from modescape.train.loop import Trainer
from modescape.train.measuring import measured
from modescape.train.optimizer import Optimizer
from modescape.train.planning import try_step
from modescape.version import __version__

CIFAR10 = 50_000  # images


@dataclass(frozen=True)
class Goal:
    """A study of the paper and what it may take."""

    recipe: str
    members: int
    epochs: int
    arithmetic: str
    seconds: float | None = None  # None: compared with another study
    part: int | None = None  # epochs that are run and multiplied; None: all


GOALS = {
    "10 SmallCNN x 40 epochs": Goal("cifar10-smallcnn", 10, 40, "tf32", 10.0),
    "64 SmallCNN x 40 epochs": Goal("cifar10-smallcnn", 64, 40, "tf32"),
    "10 MediumCNN x 40 epochs": Goal("cifar10-mediumcnn", 10, 40, "bf16", 60.0),
    "10 ResNet20 x 200 epochs": Goal("cifar10-resnet20", 10, 200, "bf16", 600.0, part=6),
}


@dataclass
class Run:
    """One call: settings, time left, what was found."""

    source: str  # of images in CIFAR-10's shape
    real: bool  # whether there is something to learn from them
    device: str
    small: bool
    end: float  # time.monotonic() at which no further part begins
    found: dict[str, Any] = field(default_factory=dict)

    @property
    def left(self) -> float:
        """Seconds."""
        return self.end - time.monotonic()

    def settings(self, *more: str) -> list[str]:
        """Overrides of a recipe of CIFAR-10."""
        few = ["data.validation=20", "train.batch_size=8"] if self.small else []
        return [f"data.source={self.source}", f"compute.device={self.device}", "compute.engine=here", *few, *more]

    def arithmetic(self, wanted: str) -> str:
        """The arithmetic of a part; small runs leave bf16 to `arithmetic`: a CPU without it takes minutes a network."""
        return "tf32" if self.small else wanted

    def part(self, name: str, work: Callable[[], Any], needs: float = 0.0) -> None:
        """Carry out one part, if ``needs`` seconds are left."""
        if self.left < needs:
            self.found[name] = {"left out": f"{self.left:.0f} s were left, it needs about {needs:.0f}"}
            return
        started = time.monotonic()
        try:
            value = work()
        except Exception as error:
            value = {"failed": f"{type(error).__name__}: {error}", "traceback": traceback.format_exc()[-3000:]}
        self.found[name] = value
        print(f"{name} ({time.monotonic() - started:.1f} s): {json.dumps(value)[:600]}", flush=True)


def train(run: Run, recipe: str, members: int, epochs: int, arithmetic: str, *more: str) -> dict[str, Any]:
    """Train a study; seconds of the plan, of training with all files, and of a second time with all kernels known."""
    work = (f"train.members={members}", f"train.epochs={epochs}", f"train.arithmetic={arithmetic}")
    settings = run.settings(*work, *more)
    said: list[str] = []

    class Listening(Progress):
        def line(self, text: str) -> None:
            said.append(text)

    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        with begin(recipe, Path(folder) / "study", settings, Listening()) as (study, engine, _):
            warm_up(study, engine)  # the data is on the device, as a loop's is
            planned = time.perf_counter() - started
            seconds = time.perf_counter()
            train_missing(study, engine, Listening())
            seconds = time.perf_counter() - seconds
            last = [
                member.history()["validation_accuracy"][-1] for member in study.members if member.status == "trained"
            ]
            return {
                "seconds": seconds,
                "seconds_per_member": seconds / members,
                "seconds_before_training": planned,
                "trained": len(study.trained),
                "validation_accuracy": statistics.mean(last) if last else None,
                "plan": study.manifest["plan"],
                "said": said,
                "peak_gpu_bytes": torch.cuda.max_memory_allocated() if run.device == "cuda" else None,
            }


def goals(run: Run) -> None:
    """The four studies, whole where time allows, else the first epochs, multiplied."""
    for name, goal in GOALS.items():
        run.part(name, lambda goal=goal: reach(run, goal), needs=100.0 if goal.part else 60.0)
    small, large = (run.found.get(f"{count} SmallCNN x 40 epochs", {}) for count in (10, 64))
    if "seconds" in small and "seconds" in large:
        ratio = large["seconds_per_member"] / small["seconds_per_member"]
        holds = ratio <= 0.5 or large["seconds_per_member"] <= 0.3
        run.found["64 against 10"] = {"time_per_member_ratio": ratio, "holds": holds}


def reach(run: Run, goal: Goal) -> dict[str, Any]:
    """Train one of the studies and compare it with its goal."""
    members, epochs = (2, 1) if run.small else (goal.members, goal.part or goal.epochs)
    schedule = ["train.schedule={kind: constant}"] if epochs < goal.epochs else []
    got = train(run, goal.recipe, members, epochs, run.arithmetic(goal.arithmetic), *schedule)
    whole = got["seconds"] * goal.epochs / epochs
    holds = None if goal.seconds is None else whole <= goal.seconds
    return {**got, "epochs_run": epochs, "seconds_whole": whole, "goal_seconds": goal.seconds, "holds": holds}


def plain(run: Run) -> dict[str, Any]:
    """The eager loop: one member, one epoch, multiplied to ten members and forty epochs."""
    loaded = load("cifar10-smallcnn", run.settings("train.epochs=1", "train.members=1"))
    x, label = resident(loaded)
    plain_loop(loaded, x[:2000], label[:2000], run.device)
    seconds = plain_loop(loaded, x, label, run.device)
    ours = run.found.get("10 SmallCNN x 40 epochs", {}).get("seconds_whole")
    whole = seconds * 10 * 40
    return {
        "seconds_one_epoch": seconds,
        "seconds_whole": whole,
        "ratio": whole / ours if ours else None,
    }


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


def timed(work: Callable[[], Any], device: torch.device, repeats: int = 10) -> float:
    """Median seconds of a call, waiting for the device."""
    times = []
    for turn in range(repeats + 2):
        if device.type == "cuda":
            torch.cuda.synchronize()
        started = time.perf_counter()
        work()
        if device.type == "cuda":
            torch.cuda.synchronize()
        if turn > 1:
            times.append(time.perf_counter() - started)
    return statistics.median(times)


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


def arithmetic(run: Run) -> dict[str, Any]:
    """Accuracy and disagreement of members trained with the same streams in float32, tf32 and bf16."""
    members, epochs = (3, 2) if run.small else (10, 10)
    name, settings = "cifar10-smallcnn", run.settings()
    if not run.real:  # nothing to learn from
        epochs = 2 if run.small else 40
        name, settings = "digits", [f"compute.device={run.device}", "compute.engine=here"]
    settings += [*precision.SOLUTIONS, f"train.members={members}", f"train.epochs={epochs}"]
    kinds = ("float32", "tf32", "bf16")
    found = {kind: precision.scores(name, [*settings, f"train.arithmetic={kind}"]) for kind in kinds}
    return {
        "recipe": name,
        "members": members,
        "epochs": epochs,
        "accuracy": {kind: one.accuracy.tolist() for kind, one in found.items()},
        "disagreement": {kind: one.pairs.tolist() for kind, one in found.items()},
        "against float32": {kind: precision.compare(found["float32"], found[kind]) for kind in kinds[1:]},
    }


def equality(run: Run) -> dict[str, float | str]:
    """Largest difference of stacked gradients from a lone member's, relative to the largest gradient, by dtype."""
    stream = np.random.default_rng(0)
    images = stream.integers(0, 256, (64, 3, 32, 32), dtype=np.uint8)
    data = as_split(images, stream.integers(10, size=64)).to(run.device)
    found: dict[str, float | str] = {}
    for factory in ("small_cnn", "resnet20"):
        made = load("cifar10-smallcnn", [f"model.factory={factory}", "train.batch_size=32"])
        for dtype in (torch.float64, torch.float32):
            for form in (name for name in FORMS if FORMS[name].fits(Geometry(), torch.device(run.device))):
                name = f"{factory}, {str(dtype).removeprefix('torch.')}, {form}"
                try:
                    found[name] = stacked_against_alone(made, data, dtype, form, run.device)
                except Exception as error:
                    found[name] = f"{type(error).__name__}: {error}"[:500]
    return found


def stacked_against_alone(made: Recipe, data: Split, dtype: torch.dtype, form: str, device: str) -> float:
    """Three members in one step against the second of them alone."""
    manner = Manner("float32", Choices(default=form))
    preparation = Preparation.of(made.data, data)
    trainer = Trainer(made, data, 10, preparation, device=device, dtype=dtype, manner=manner)
    starts = [trainer.initial(member).state for member in range(3)]
    image = torch.rand(3, 32, 3, 32, 32, device=device, dtype=dtype)
    label = data.label[:32].expand(3, -1)
    keys = torch.tensor([1, 2, 3], device=device)
    with runtime.gpu_arithmetic(False):
        together, *_ = trainer.step([0, 1, 2])(trainer.stacked(starts), image, label, keys)
        alone, *_ = trainer.step([1])(trainer.stacked(starts[1:2]), image[1:2], label[1:2], keys[1:2])
    largest = max(float(gradient.abs().max()) for gradient in alone.values())
    return max(float((together[name][1] - gradient[0]).abs().max()) for name, gradient in alone.items()) / largest


def main(arguments: list[str] | None = None) -> dict[str, Any]:
    """Run everything and write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", help="a folder or .npz of CIFAR-10; default: random images")
    parser.add_argument("--out", type=Path, default=Path("gpu.json"))
    parser.add_argument("--minutes", type=float, default=8.5)
    parser.add_argument("--device", default="cuda", choices=["cuda", "cpu"])
    parser.add_argument("--small", action="store_true", help="see that everything runs, at sizes that measure nothing")
    options = parser.parse_args(arguments)
    runtime.choose_device(options.device)
    end = time.monotonic() + 60 * options.minutes
    with images(options.data, 120 if options.small else CIFAR10) as source:
        run = Run(source, options.data is not None, options.device, options.small, end)
        run.found = {"version": __version__, "platform": runtime.platform_info(), "real_images": run.real}
        run.part("ceilings", lambda: ceilings(run))
        run.part("stacked against alone", lambda: equality(run))
        goals(run)
        run.part("plain loop", lambda: plain(run), needs=20)
        for recipe in ("cifar10-smallcnn", "cifar10-mediumcnn", "cifar10-resnet20"):
            kind = run.arithmetic("tf32" if recipe == "cifar10-smallcnn" else "bf16")
            run.part(f"forms of {recipe}, {kind}", lambda recipe=recipe, kind=kind: forms(run, recipe, kind), needs=20)
            run.part(
                f"profile of {recipe}, {kind}", lambda recipe=recipe, kind=kind: profile(run, recipe, kind), needs=30
            )
        run.part("arithmetic", lambda: arithmetic(run), needs=60)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(run.found, indent=1) + "\n", encoding="utf-8")
    print(f"\n{options.out}")
    for name, value in run.found.items():
        if isinstance(value, dict) and "seconds_whole" in value:
            goal = f", goal {value['goal_seconds']:.0f} s" if value.get("goal_seconds") else ""
            print(f"{name:<28} {value['seconds_whole']:9.1f} s{goal}")
    return run.found


if __name__ == "__main__":
    main()
