"""How does time grow with members, checkpoints and image size? A fitted exponent of 1 is work done and no more."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch

from modescape import pipeline, recipe, runtime
from modescape.bench.harness import Options, Result, Row, median_seconds, seconds
from modescape.bench.workload import training_stage
from modescape.data.dataset import as_split
from modescape.engines import make_engine
from modescape.functionspace import disagreement
from modescape.pipeline.predicting import predict_missing
from modescape.progress import Progress
from modescape.train.loop import Trainer
from modescape.train.optimizer import Optimizer

BATCH = 128


def measure(options: Options) -> Result:
    """Seconds against size, and the exponent of a power law fitted to them."""
    members = [1, 2, 4] if options.small else [1, 2, 4, 8, 16, 32, 64]
    epochs = [1, 2] if options.small else [5, 10, 20, 40, 80]
    sizes = [8, 16] if options.small else [16, 32, 64, 96]
    models = [10, 20] if options.small else [250, 500, 1000, 2000]
    curves: dict[str, tuple[list[int], Callable[[int], float]]] = {
        "training against members": (members, _members),
        "predicting against checkpoints": (epochs, _checkpoints),
        "a training step against pixels": ([size**2 for size in sizes], _step),
        "disagreement against checkpoints": (models, _disagreement),
    }
    rows = []
    for name, (amounts, work) in curves.items():
        times: list[list[float]] = [[] for _ in amounts]
        for turn in range(options.repeats):
            options.say(f"turn {turn + 1} of {options.repeats}: {name}")
            for amount, own in zip(amounts, times, strict=True):
                own.append(work(amount))
        rows += [Row(name=f"{name}: {amount:,}", values=own) for amount, own in zip(amounts, times, strict=True)]
        exponents = [exponent(amounts, turn) for turn in zip(*times, strict=True)]
        rows.append(Row(name=f"{name}: exponent of the larger half", values=exponents))
    return Result(
        name="growth",
        question="How does time grow with the work?",
        unit="seconds",
        setting="training: digits, 2 epochs each, 2 workers; predicting: digits, one member, all checkpoints, one "
        "process; step: SmallCNN, batch 128, one thread; disagreement: 10,000 examples of 10 classes, all pairs",
        rows=rows,
        digits=3,
    )


def exponent(amounts: Sequence[float], times: Sequence[float]) -> float:
    """Slope of log time against log amount by least squares, over the larger half of the amounts.

    The smaller half is start-up: it would make the growth look slower than it is.
    """
    half = len(amounts) // 2 if len(amounts) > 3 else 0
    x, y = (np.log(np.asarray(values, float)[half:]) for values in (amounts, times))
    return float(np.polyfit(x, y, 1)[0])


def _members(count: int) -> float:
    workers = min(runtime.cores(), count)
    engine = ["compute.engine=processes", f"compute.workers={workers}"] if workers > 1 else ["compute.engine=here"]
    return training_stage("digits", [*engine, "train.epochs=2", f"train.members={count}", "compute.device=cpu"])


def _checkpoints(epochs: int) -> float:
    settings = [f"train.epochs={epochs}", "train.members=1", "compute.engine=here", "compute.device=cpu"]
    with tempfile.TemporaryDirectory() as folder:
        study = pipeline.train("digits", Path(folder) / "study", overrides=settings)
        with make_engine("here", "cpu") as engine:
            return seconds(lambda: predict_missing(study, engine, Progress()))


def _step(pixels: int) -> float:
    size = math.isqrt(pixels)
    made = recipe.Recipe(train=recipe.Train(batch_size=BATCH))
    stream = np.random.default_rng(0)
    images = stream.integers(0, 256, (BATCH, 3, size, size), dtype=np.uint8)
    data = as_split(images, stream.integers(10, size=BATCH))
    with runtime.one_thread(), runtime.kept_memory():
        trainer = Trainer(made, data, 10, data.preparation(made.data))
        state = trainer.stacked([trainer.initial(0).state])
        steps = trainer.make_steps([0], state, Optimizer(made.train, state.params))
        return median_seconds(steps.first, 10)


def _disagreement(models: int) -> float:
    predicted = torch.randint(0, 10, (models, 10_000), dtype=torch.uint8).numpy()
    return median_seconds(lambda: disagreement(predicted), 3, 1)
