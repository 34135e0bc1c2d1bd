"""How fast do members train? Images a second against the plain loop that most people write, in one run.

Both train the same network (the paper's SmallCNN, dropout 0.1) on the same resident images at the same batch size:

* plain: one process, all cores, `nn.Module`, `loss.backward()`, `optimizer.step()`, images resident as float tensors;
* modescape: the `processes` engine, one thread a worker, from the start of training to the end, files written included.

Usage: python bench/train.py [--data FOLDER] [--images 20000] [--members 4] [--epochs 2] [--repeats 5]
Without --data, random images of CIFAR-10's shape are used: the arithmetic is the same.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

import modescape
from modescape import data, runtime
from modescape import recipe as recipes
from modescape.models import build
from modescape.pipeline.begin import begin
from modescape.pipeline.training import train_missing
from modescape.pipeline.workplace import workplace
from modescape.progress import Progress


def plain_loop(images: torch.Tensor, label: torch.Tensor, members: int, epochs: int, batch: int) -> float:
    """Seconds for ``members`` networks one after another, as in any tutorial."""
    torch.set_num_threads(runtime.cores())
    started = time.perf_counter()
    for member in range(members):
        module = build(recipes.Model(factory="small_cnn"), tuple(images.shape[1:]), 10, member).train()
        optimizer = torch.optim.Adam(module.parameters(), lr=1.6e-3)
        for _ in range(epochs):
            for index in torch.randperm(len(label)).split(batch):
                optimizer.zero_grad()
                torch.nn.functional.cross_entropy(module(images[index]), label[index]).backward()
                optimizer.step()
    return time.perf_counter() - started


def ours(source: str, settings: list[str]) -> float:
    """Seconds of the training stage; workers are started and hold the data before, as the plain loop's process does."""
    with tempfile.TemporaryDirectory() as folder:
        overrides = [f"data.source={source}", *settings]
        with begin("cifar10-smallcnn", Path(folder) / "study", overrides, Progress()) as (study, engine, _):
            tasks = [(str(study.path), study.recipe.to_yaml())] * runtime.cores()
            for outcome in engine.map(warm_up, tasks):
                assert outcome.error is None, outcome.error
            started = time.perf_counter()
            train_missing(study, engine, Progress())
            return time.perf_counter() - started


def warm_up(task: tuple[str, str], report: object) -> None:
    """Load the study's data in this worker."""
    workplace(*task)
    time.sleep(0.5)  # so that every worker takes one


def main() -> None:
    """Measure, print a table and JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", help="folder of the hub's CIFAR-10 layout")
    parser.add_argument("--images", type=int, default=20_000)
    parser.add_argument("--members", type=int, default=4)
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", type=Path, help="write the result here")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        source = options.data or random_images(Path(folder) / "random.npz", options.images + 600)
        settings = [
            f"data.train={options.images}",
            "data.scaling=unit",
            *(f"train.{name}={getattr(options, name)}" for name in ("members", "epochs")),
            "train.batches=permutation",
            "compute.engine=processes",
        ]
        resolved = recipes.load("cifar10-smallcnn", [f"data.source={source}", *settings])
        split = data.load(resolved.data, resolved.seed).train
        images, label = split.image.float() / 255, split.label
        total = options.images * options.members * options.epochs
        seconds: dict[str, list[float]] = {"plain": [], "modescape": []}
        for _ in range(options.repeats):
            seconds["plain"].append(plain_loop(images, label, options.members, options.epochs, 128))
            seconds["modescape"].append(ours(source, settings))
    rates = {name: [total / value for value in values] for name, values in seconds.items()}
    ratios = [ours / plain for ours, plain in zip(rates["modescape"], rates["plain"], strict=True)]
    result = {
        "question": "images a second, paper's SmallCNN, dropout 0.1, batch 128",
        "options": {name: str(value) for name, value in vars(options).items() if name != "json"},
        "version": modescape.__version__,
        "platform": runtime.platform_info(),
        "images_per_second": rates,
        "ratio": ratios,
    }
    for name, values in rates.items():
        print(f"{name:<10} {statistics.median(values):>9,.0f} images/s  ({min(values):,.0f} to {max(values):,.0f})")
    spread = f"({min(ratios):.2f} to {max(ratios):.2f}), n = {len(ratios)}"
    print(f"{'ratio':<10} {statistics.median(ratios):>9.2f}           {spread}")
    if options.json:
        options.json.write_text(json.dumps(result, indent=1, sort_keys=True) + "\n")


def random_images(path: Path, count: int) -> str:
    """An .npz of random images in CIFAR-10's shape."""
    generator = np.random.default_rng(0)
    np.savez(
        path,
        image=generator.integers(0, 256, (count, 32, 32, 3), dtype=np.uint8),
        label=generator.integers(0, 10, count),
        test_image=generator.integers(0, 256, (100, 32, 32, 3), dtype=np.uint8),
        test_label=np.arange(100) % 10,
    )
    return str(path)


if __name__ == "__main__":
    main()
