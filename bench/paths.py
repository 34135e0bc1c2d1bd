"""Seconds of an alignment of two ResNet20, and of a step of a fitted path beside a training step of plain torch.

    python bench/paths.py [--repeats 5]

Networks of two seeds, untrained: apart from the number of sweeps, the times do not depend on the weights. Reported is
the minimum of the repeats in processor seconds, since other work on the machine lengthens wall-clock time; variants run
in turns.
"""

from __future__ import annotations

import argparse
import itertools
import time
from collections.abc import Callable

import torch
from torch import nn

import modescape as ms
from modescape import rng
from modescape.models.cnn import small_cnn
from modescape.models.resnet import resnet20


def seconds(function: Callable[[], object]) -> tuple[float, float]:
    """Processor and wall-clock seconds."""
    start = time.process_time(), time.perf_counter()
    function()
    return time.process_time() - start[0], time.perf_counter() - start[1]


def made(make: Callable[[], nn.Module], seed: int) -> nn.Module:
    with rng.seeded(seed):
        return make()


def align_two(repeats: int) -> None:
    a, b = (made(lambda: resnet20((3, 32, 32), 10), seed) for seed in (0, 1))
    images = torch.randn(512, 3, 32, 32, generator=rng.stream(0, "images"))
    batches = [(part, torch.zeros(len(part), dtype=torch.long)) for part in images.split(128)]
    for method in ("weights", "activations"):
        found = [seconds(lambda method=method: ms.align(a, a, b, batches, method)) for _ in range(repeats)]
        aligned = ms.align(a, a, b, batches, method)
        cpu, wall = min(found)
        print(
            f"align two ResNet20 by {method}: {cpu:.2f} processor seconds, {wall:.2f} on the clock; cosine "
            f"{aligned.before:.3f} -> {aligned.after:.3f}, outputs within {aligned.difference:.0e}"
        )


def fit_steps(name: str, factory: Callable[..., nn.Module], repeats: int, steps: int = 20) -> None:
    a, b, plain = (made(lambda: factory((3, 32, 32), 10), seed) for seed in range(3))
    images = torch.randn(128, 3, 32, 32, generator=rng.stream(0, "images"))
    target = torch.arange(128) % 10
    optimizer = torch.optim.Adam(plain.parameters(), lr=1e-3)

    def train() -> None:
        plain.train()
        for _ in range(steps):
            optimizer.zero_grad()
            nn.functional.cross_entropy(plain(images), target).backward()
            optimizer.step()

    def fit() -> None:
        ms.fit_path(a, a, b, [(images, target)], steps=steps)

    variants = {"train": train, "fit": fit}
    found: dict[str, list[float]] = {one: [] for one in variants}
    for _, one in itertools.product(range(repeats + 1), variants):
        found[one].append(seconds(variants[one])[0] / steps)
    best = {one: min(values[1:]) for one, values in found.items()}
    print(
        f"{name}: training step {best['train'] * 1e3:.1f} ms, step of a Bezier {best['fit'] * 1e3:.1f} ms "
        f"(processor, 128 images): {best['fit'] / best['train']:.2f} times"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    torch.set_num_threads(1)
    align_two(options.repeats)
    fit_steps("SmallCNN", small_cnn, options.repeats)
    fit_steps("ResNet20", resnet20, options.repeats)
