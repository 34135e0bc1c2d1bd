"""The work that training is measured on, and the loop that most people write."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from modescape import data, recipe, runtime
from modescape.context import StudyContext, StudyRef
from modescape.engines import Engine
from modescape.models import build
from modescape.pipeline.begin import begin
from modescape.pipeline.training import train_missing
from modescape.progress import Progress
from modescape.recipe import Recipe
from modescape.study import Study


@contextmanager
def images(source: str | None, count: int, test: int = 100) -> Iterator[str]:
    """A data source: the given one, or an .npz of random images in CIFAR-10's shape, which are the same arithmetic."""
    if source is not None:
        yield source
        return
    stream = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "random.npz"
        np.savez(
            path,
            image=stream.integers(0, 256, (count, 32, 32, 3), dtype=np.uint8),
            label=stream.integers(0, 10, count),
            test_image=stream.integers(0, 256, (test, 32, 32, 3), dtype=np.uint8),
            test_label=np.arange(test) % 10,
        )
        yield str(path)


def resident(loaded: Recipe) -> tuple[Tensor, Tensor]:
    """Images as floats 0..1 and labels of the training split, as the loops of other people want them."""
    split = data.load(loaded.data, loaded.seed).train
    return split.images.float().contiguous() / 255, split.label


def plain_loop(loaded: Recipe, images: Tensor, label: Tensor, device: str = "cpu", members: int | None = None) -> float:
    """Seconds of the loop in any tutorial: networks one after another, all threads, resident images, no validation."""
    torch.set_num_threads(runtime.cores())
    train, classes = loaded.train, int(label.max()) + 1
    images, label = images.to(device), label.to(device)
    started = time.perf_counter()
    for member in range(train.members if members is None else members):
        module = build(loaded.model, tuple(images.shape[1:]), classes, member).train().to(device)
        optimizer = torch.optim.Adam(module.parameters(), lr=train.learning_rate)
        for _ in range(train.epochs):
            for index in torch.randperm(len(label), device=device).split(train.batch_size):
                optimizer.zero_grad()
                torch.nn.functional.cross_entropy(module(images[index]), label[index]).backward()
                optimizer.step()
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - started


def training_stage(name: str, overrides: Sequence[str], say: Progress | None = None) -> float:
    """Seconds of our training stage, files and validation included; workers are started and hold the data before."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "study"
        with begin(name, path, list(overrides), say or Progress()) as (study, engine, _):
            warm_up(study, engine)
            started = time.perf_counter()
            train_missing(study, engine, say or Progress())
            return time.perf_counter() - started


def warm_up(study: Study, engine: Engine) -> None:
    """Have every worker load the study's data, as another loop's one process has."""
    workers = engine.at_once
    for outcome in engine.map(_load, [workers] * workers, context=StudyRef.of(study)):
        if outcome.error is not None:
            raise RuntimeError(outcome.error)


def _load(context: StudyContext, workers: int, report: object) -> None:
    context.trainer(lambda line: None)
    if workers > 1:
        time.sleep(0.5)  # so that every worker takes one


def load(name: str, overrides: Sequence[str]) -> Recipe:
    """A recipe with overrides."""
    return recipe.load(name, list(overrides))
