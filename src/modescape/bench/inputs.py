"""How fast do members of rows and of sentences train on a CPU, against the plain loop that most people write?"""

from __future__ import annotations

import time
from dataclasses import replace

import torch
from torch import nn

from modescape import batches, data, runtime
from modescape.bench.harness import Options, Result, Row, in_turns
from modescape.bench.workload import load, training_stage
from modescape.data.dataset import Split
from modescape.models import build
from modescape.recipe import Recipe
from modescape.types import Inputs

WORK = {  # recipe -> (settings, the same where the code is only seen to run)
    "table": (["train.members=10"], ["train.members=2", "train.epochs=1"]),
    "text": (["train.members=6", "train.epochs=3"], ["train.members=2", "train.epochs=1", "data.test=0.9"]),
}
ALL, ONE, OURS = "plain loop, all threads", "plain loop, one thread", "modescape"


def measure(options: Options) -> Result:
    """Examples a second of the members of the recipes `table` and `text`, validation after each epoch included."""
    rows: list[Row] = []
    for name, sizes in WORK.items():
        overrides = [*sizes[options.small], "compute.engine=processes", "compute.device=cpu"]
        loaded = load(name, overrides)
        total = len(_splits(loaded)[0].label) * loaded.train.epochs * loaded.train.members
        found = in_turns(
            {
                ALL: lambda loaded=loaded, total=total: total / plain_loop(loaded, runtime.cores()),
                ONE: lambda loaded=loaded, total=total: total / plain_loop(loaded, 1),
                OURS: lambda name=name, overrides=overrides, total=total: total / training_stage(name, overrides),
            },
            options.repeats,
            reference=ALL,
            say=lambda line, name=name: options.say(f"{name}: {line}"),
        )
        rows += [replace(row, name=f"{name}: {row.name}") for row in found]
    return Result(
        name="inputs",
        question="How many rows and sentences a second are trained, validation and files included?",
        unit="examples/s",
        setting="the recipe table (10 members of an MLP, 300 rows, batch 32, 40 epochs) and the recipe text (6 members "
        "of a small transformer with attention dropout, batch 64, 3 epochs); the plain loop trains one member after "
        "another, validates after each epoch and writes nothing",
        rows=rows,
        reference=ALL,
    )


def _splits(loaded: Recipe) -> tuple[Split, Split]:
    found = data.load(loaded.data, loaded.seed, task=loaded.task)
    return found.train, found.validation


def plain_loop(loaded: Recipe, threads: int) -> float:
    """Seconds of the loop in any tutorial: networks one after another, all examples prepared and in memory."""
    train, validation = _splits(loaded)
    prepare = train.preparation(loaded.data)
    examples, held_out = prepare(train.inputs), prepare(validation.inputs)
    classes = int(train.label.max()) + 1
    torch.set_num_threads(threads)
    try:
        started = time.perf_counter()
        for member in range(loaded.train.members):
            module = build(loaded.model, train.shape, classes, member)
            optimizer = torch.optim.Adam(module.parameters(), lr=loaded.train.learning_rate)
            for _ in range(loaded.train.epochs):
                _epoch(module.train(), optimizer, examples, train.label, loaded.train.batch_size)
                with torch.no_grad():
                    output = batches.called(module.eval(), held_out)
                    nn.functional.cross_entropy(output, validation.label).item()
                    (output.argmax(-1) == validation.label).float().mean().item()
        return time.perf_counter() - started
    finally:
        torch.set_num_threads(1)


def _epoch(
    module: nn.Module, optimizer: torch.optim.Optimizer, examples: Inputs, label: torch.Tensor, size: int
) -> None:
    for index in torch.randperm(len(label)).split(size):
        optimizer.zero_grad()
        nn.functional.cross_entropy(batches.called(module, batches.taken(examples, index)), label[index]).backward()
        optimizer.step()
