"""Surfaces against `loss-landscapes`: one ResNet20, the same 500 images, their directions, in turns in one run.

    python -m venv peers && peers/bin/pip install -c constraints.txt -e . loss-landscapes==3.0.6
    peers/bin/python bench/landscape_peers.py --data FOLDER_OF_CIFAR10 [--publish]

(torch as the package pins it, 2.13.0 for the CPU; the peer also needs NumPy.) Their `random_plane` traverses its grid
with a metric of ours: at some points, spread over the grid, it evaluates their own `Loss`, then evaluates `Landscape`
at the same coordinates in the same directions, and compares. Then our grid is refined, and between its passes points of
theirs are timed. Networks are evaluated as deployed (batch norm "eval"): they know no other policy.

Peculiarities of their release of 2019: no 1-dimensional parameter may be all zero (their filter normalisation divides
by its norm), so the network is trained for some steps. Their odd rows are offset from the even ones by one step: the
grid is traversed back and forth, but in both directions the step is taken before the point. Times do not depend on it;
pictures are compared in even rows. With their default distance of 1, losses reach 1e17, because their directions have
no negative entries and batch norm uses running statistics; 16 keeps losses below some hundreds. Their `Loss` takes a
single batch in memory.

Clock and processor seconds are both given: on a machine that does other work, only --threads 1 and processor seconds
are meaningful, since threads that spin while they wait are counted, too.
"""

from __future__ import annotations

import argparse
import copy
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

import modescape as ms
from modescape import rng
from modescape.bench.harness import Result, Row, publish, write
from modescape.bench.workload import images as image_source
from modescape.bench.workload import load, resident
from modescape.landscape.cuts import Cut
from modescape.landscape.spline import floor_of
from modescape.models.resnet import resnet20

HERE = Path(__file__).parent
SAME = 1e-4  # largest relative difference between their values and ours
SEED = 0


@dataclass
class Seconds:
    """Wall-clock and processor seconds by variant, in the order of turns."""

    clock: dict[str, list[float]] = field(default_factory=dict)
    processor: dict[str, list[float]] = field(default_factory=dict)

    def of(self, name: str, work: Callable[[], Any]) -> Any:
        """Run the work, record its time, and return its result."""
        started = time.perf_counter(), time.process_time()
        found = work()
        ended = time.perf_counter(), time.process_time()
        for kept, one, other in zip((self.clock, self.processor), started, ended, strict=True):
            kept.setdefault(name, []).append(other - one)
        return found


def trained(images: Tensor, label: Tensor, steps: int) -> nn.Module:
    """A ResNet20 after some steps of Adam."""
    with rng.seeded(SEED):
        network = resnet20((3, 32, 32), 10)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
    network.train()
    for step in range(steps):
        index = torch.arange(100 * step, 100 * step + 100) % len(label)
        optimizer.zero_grad()
        nn.functional.cross_entropy(network(images[index]), label[index]).backward()
        optimizer.step()
    return network.eval()


def their_cut(network: nn.Module, landscape: ms.Landscape, steps: int, distance: float) -> Cut:
    """The directions that `random_plane` draws next from torch's global generator, one step of its grid long."""
    from loss_landscapes.model_interface.model_parameters import orthogonal_to, rand_u_like
    from loss_landscapes.model_interface.model_wrapper import wrap_model

    start = wrap_model(copy.deepcopy(network)).get_module_parameters()
    one = rand_u_like(start)
    two = orthogonal_to(one)
    for direction in (one, two):
        direction.filter_normalize_(start)
        direction.mul_(((start.model_norm() / distance) / steps) / direction.model_norm())
    names = [name for name, _ in network.named_parameters()]
    # their first axis is the rows'
    return landscape.cut_along(*(dict(zip(names, own.parameters, strict=True)) for own in (two, one)))


def place(number: int, steps: int) -> tuple[float, float]:
    """Where `random_plane` is when it calls its metric for the nth time, in steps along (second, first) direction."""
    row, visit = divmod(number, steps)
    column = visit + 1 if row % 2 == 0 else steps - 1 - visit
    return column - steps / 2, row - steps / 2


def compared(network: nn.Module, images: Tensor, label: Tensor, options: argparse.Namespace) -> dict[str, Any]:
    """Points in turns as they traverse the grid, then the refined grid with points of theirs between its passes."""
    import loss_landscapes
    from loss_landscapes.metrics import Loss, Metric

    steps, seconds = options.steps, Seconds()
    landscape = ms.Landscape(network, batches=(images, label), batch_norm="eval")
    torch.manual_seed(SEED)
    cut = their_cut(network, landscape, steps, options.distance)
    loss = Loss(nn.CrossEntropyLoss(), images, label)
    every = 1 if options.whole else max(1, steps**2 // options.points)
    pairs: dict[int, tuple[float, float]] = {}

    class InTurns(Metric):
        """Their loss, then ours at the same place."""

        calls = 0

        def __call__(self, wrapper: Any) -> float:
            number, self.calls = self.calls, self.calls + 1
            if (number - every // 2) % every:
                return float("nan")
            own = np.array([place(number, steps)])
            theirs = seconds.of("loss-landscapes", lambda: loss(wrapper))
            ours = seconds.of("modescape", lambda: landscape.evaluate(cut.points(own)).loss[0])
            pairs[number] = (theirs, float(ours))
            return theirs

    for _ in range(2):  # warm up: the first calls select algorithms
        landscape.value()
        nn.functional.cross_entropy(network(images), label)
    torch.manual_seed(SEED)
    loss_landscapes.random_plane(copy.deepcopy(network), InTurns(), options.distance, steps, deepcopy_model=False)
    print(f"{len(pairs)} points in turns: {seconds.processor}", flush=True)
    return {"seconds": seconds, "pairs": pairs, **refined(landscape, cut, network, loss, pairs, options)}


def refined(
    landscape: ms.Landscape, cut: Cut, network: nn.Module, loss: Any, pairs: Any, options: argparse.Namespace
) -> dict[str, Any]:
    """Our grid of their plane by refinement; a point of theirs is timed after each pass."""
    from loss_landscapes.model_interface.model_wrapper import wrap_model

    steps, wrapped = options.steps, wrap_model(copy.deepcopy(network))
    own, theirs, since = [], Seconds(), [time.perf_counter(), time.process_time()]

    def turn(done: int, total: int) -> None:
        own.append([time.perf_counter() - since[0], time.process_time() - since[1]])
        theirs.of("a point", lambda: loss(wrapped))
        since[:] = [time.perf_counter(), time.process_time()]

    x, y = np.arange(1, steps + 1) - steps / 2, np.arange(steps) - steps / 2
    surface = landscape.surface(cut, x, y, tolerance=options.tolerance, progress=turn)
    own.append([time.perf_counter() - since[0], time.process_time() - since[1]])
    floor = floor_of(surface.loss)
    errors = [
        abs(surface.loss[number // steps, number % steps] - value) / max(value, floor)
        for number, (value, _) in pairs.items()
        if number // steps % 2 == 0 and not surface.measured[number // steps, number % steps]
    ]
    return {"surface": surface, "own": np.array(own), "between": theirs, "errors": errors}


def interval(values: np.ndarray, statistic: Callable[[np.ndarray], Any]) -> tuple[float, float, float]:
    """A statistic of turns [turn, ...] and its 95 % bootstrap interval over turns."""
    stream = np.random.default_rng(SEED)
    draws = [float(statistic(values[stream.integers(len(values), size=len(values))])) for _ in range(2000)]
    low, high = np.quantile(draws, [0.025, 0.975])
    return float(statistic(values)), float(low), float(high)


def sentences(found: dict[str, Any], options: argparse.Namespace) -> dict[str, str]:
    """Sentences: ratios of wall-clock and processor time, and how accurate the refined picture is."""
    seconds, surface, grid = found["seconds"], found["surface"], options.steps**2
    notes = {}
    for clock, kept, column in (("clock", seconds.clock, 0), ("processor", seconds.processor, 1)):
        turns = np.array([kept["loss-landscapes"], kept["modescape"]]).T
        point = interval(turns, lambda own: np.median(own[:, 0] / own[:, 1]))
        between = np.array(getattr(found["between"], clock)["a point"])
        own = found["own"][:, column]
        whole = interval(between, lambda one, own=own: grid * np.median(one) / own.sum())
        notes[f"a point, {clock} seconds"] = (
            f"theirs / ours {point[0]:.2f} [{point[1]:.2f}, {point[2]:.2f}], n = {len(turns)} points in turns"
        )
        notes[f"the same picture, {clock} seconds"] = (
            f"theirs ({grid} points of {np.median(between):.3f} s) / ours ({own.sum():.1f} s) "
            f"{whole[0]:.2f} [{whole[1]:.2f}, {whole[2]:.2f}], n = {len(between)} points of theirs between our passes"
        )
    errors = found["errors"]
    against = (
        f"; against theirs at {len(errors)} points that were filled in, at most {max(errors):.1%}" if errors else ""
    )
    notes["refinement"] = (
        f"{int(surface.measured.sum())} of {grid} points measured for {options.tolerance:.0%}, stated error "
        f"{surface.error:.1%}{against}"
    )
    return notes


def result(found: dict[str, Any], options: argparse.Namespace) -> Result:
    """Rows of wall-clock time, of processor time where one thread ran, and sentences."""
    theirs, ours = np.array(list(found["pairs"].values())).T
    difference = np.abs(theirs - ours) / np.abs(theirs)
    notes = {
        "answers": (
            f"largest relative difference {difference.max():.1e} over losses {ours.min():.3g} to {ours.max():.3g}"
        )
    }
    if not difference.max() <= SAME:
        raise SystemExit(f"the answers differ by {difference.max():.1e}, more than {SAME}; times mean nothing")
    kind = "processor" if options.threads == 1 else "clock"
    kept = getattr(found["seconds"], kind)
    ratios = [one / other for one, other in zip(kept["loss-landscapes"], kept["modescape"], strict=True)]
    return Result(
        name="landscape-peers",
        question="How long does a point of a surface take?",
        unit=f"{kind} seconds a point",
        setting=f"ResNet20, {options.images} images ({'CIFAR-10, JPEG copy' if options.data else 'random'}) in one "
        f"batch, {options.steps} x {options.steps} points, loss-landscapes 3.0.6, threads of each: {options.threads}",
        command="python bench/landscape_peers.py --data path/to/cifar10" + " --threads 1" * (options.threads == 1),
        rows=[
            Row(name="loss-landscapes", values=kept["loss-landscapes"]),
            Row(name="modescape", values=kept["modescape"], ratios=ratios),
        ],
        reference="loss-landscapes",
        notes=notes | sentences(found, options),
        digits=3,
    )


def main() -> None:
    """Measure, print, keep JSON, and with --publish renew the table in BENCHMARKS.md."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    folder = os.environ.get("MODESCAPE_DATA")
    default = f"{folder}/cifar10" if folder else None
    parser.add_argument("--data", default=default, help="folder of the hub's CIFAR-10 layout; default: random images")
    parser.add_argument("--images", type=int, default=500)
    parser.add_argument("--steps", type=int, default=25, help="points along each axis")
    parser.add_argument(
        "--distance", type=float, default=16.0, help="their argument: the width is |weights| / distance"
    )
    parser.add_argument("--points", type=int, default=25, help="compared and timed, spread over the grid")
    parser.add_argument("--whole", action="store_true", help="compare and time every point: ten minutes")
    parser.add_argument("--tolerance", type=float, default=0.02)
    parser.add_argument("--training", type=int, default=30, help="steps of 100 images before")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--publish", action="store_true", help="renew the table in BENCHMARKS.md")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    with image_source(options.data, 6600) as source:
        recipe = load(
            "cifar10-resnet20", [f"data.source={source}", "data.train=6000", "data.validation=500", "data.scaling=unit"]
        )
        images, label = resident(recipe)
    network = trained(images, label, options.training)
    found = compared(network, images[: options.images], label[: options.images], options)
    made = result(found, options)
    print(f"\n{made.table()}\n\n{made.about()}\n{write(made, HERE / 'results')}")
    if options.publish:
        publish(made, HERE.parent / "BENCHMARKS.md")


if __name__ == "__main__":
    main()
