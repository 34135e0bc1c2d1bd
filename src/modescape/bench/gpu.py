"""Everything that is to be known about a GPU, in one call of under nine minutes: ``python -m modescape.bench.gpu``.

The paper's studies on CIFAR-10 against their goals and the eager plain loop, every form of every convolution, what the
card could do at most, where the time goes, whether arithmetic of fewer bits moves accuracy or disagreement, and the
analyses: surfaces, curvature, alignment, networks drawn around solutions. Each part stands alone: one that fails is
written down with its reason, and one for which no time is left is left out.

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
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from modescape import runtime
from modescape.bench import precision
from modescape.bench.gpu_analyses import analyses
from modescape.bench.gpu_kernels import ceilings, forms, profile
from modescape.bench.gpu_run import Run
from modescape.bench.workload import images, load, plain_loop, resident, warm_up
from modescape.data.dataset import Split, as_split
from modescape.kernels.convolution import Choices
from modescape.kernels.forms import FORMS
from modescape.kernels.geometry import Geometry
from modescape.network.member_ops import ComputePolicy
from modescape.pipeline.begin import begin
from modescape.pipeline.training import train_missing
from modescape.progress import Progress
from modescape.recipe import Recipe
from modescape.train.loop import Trainer
from modescape.version import __version__

CIFAR10, TEST = 50_000, 2000  # random images of each split


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
    policy = ComputePolicy("float32", Choices(default=form))
    preparation = data.preparation(made.data)
    trainer = Trainer(made, data, 10, preparation, device=device, dtype=dtype, policy=policy)
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
    with images(options.data, *((120, 100) if options.small else (CIFAR10, TEST))) as source:
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
        analyses(run)
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
