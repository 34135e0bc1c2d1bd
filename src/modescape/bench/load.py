"""Do large studies stay at hand: how long does one take to open, and what do its predictions take to be analysed?"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from modescape import data, recipe
from modescape.analyses import ANALYSES, GIVEN, PREDICTIONS
from modescape.bench.harness import Options, Result, Row, in_turns, seconds
from modescape.bench.memory import watched
from modescape.pipeline.begin import make_manifest
from modescape.recipe import Recipe
from modescape.study import PredictionWriter, Study, write_checkpoint, write_history, write_member_state
from modescape.study.layout import SPLITS, checkpoint_name
from modescape.study.members import HISTORY_COLUMNS
from modescape.types import ModelState

FROM_PREDICTIONS = [  # of studies, and sending no images through networks
    name for name, one in ANALYSES.items() if not one.uses and one.only_for != GIVEN
]
OPEN = "import modescape as ms; study = ms.Study.open({path!r}); study.members"
WEIGHTS = OPEN + "; study.params({member}, {epoch})"
SPARE = 1.2  # times the size that is asked of the disk
CLASSES = 10


def tiny_net(num_classes: int) -> nn.Module:
    """A linear classifier of 16 mean pixels: 170 parameters with 10 classes."""
    return nn.Sequential(nn.AdaptiveAvgPool2d(4), nn.Flatten(), nn.Linear(16, num_classes))


def measure(options: Options) -> Result:
    """Seconds of whole processes, and the memory that they and theirs hold at most."""
    members, checkpoints = (3, 3) if options.small else (1000, 50)
    models, examples = ((2, 3), 500) if options.small else ((20, 50), 100_000)
    rows: list[Row] = []
    notes: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "members"
        options.say(f"writing {members:,} members of {checkpoints} checkpoints")
        large_study(path, members, checkpoints)
        rows += _opening(path, members, checkpoints, options)
        shutil.rmtree(path)
        path = Path(folder) / "predictions"
        values = models[0] * models[1] * examples * CLASSES
        needed, free = int(SPARE * 4 * values), shutil.disk_usage(folder).free
        if free < needed:
            text = f"not measured: they need {needed / 1e9:.1f} GB of disk, '{folder}' has {free / 1e9:.1f} GB free"
            options.say(text)
            notes["analyses of predictions"] = text
        else:
            options.say(f"writing {values:,} predictions")
            large_study(path, *models)
            write_predictions(path, examples)
            rows += _analysing(path, options)
    return Result(
        name="load",
        question="Do large studies open at once, and are many predictions analysed in little memory?",
        unit="seconds (memory: GB)",
        setting=f"whole processes, files in the system's cache; {members:,} members of {checkpoints} checkpoints of a "
        f"network of 170 parameters; predictions of {models[0]} members x {models[1]} checkpoints x {examples:,} "
        f"examples x {CLASSES} classes ({4 * values / 1e9:.1f} GB), each analysed once, figures too, by one process",
        rows=rows,
        notes=notes,
        digits=2,
    )


def _opening(path: Path, members: int, checkpoints: int, options: Options) -> list[Row]:
    """Times of commands that look at a study."""

    def run(*arguments: str) -> float:
        return seconds(lambda: subprocess.run([sys.executable, *arguments], stdout=subprocess.DEVNULL, check=True))

    last = {"path": str(path), "member": members - 1, "epoch": checkpoints - 1}
    variants = {
        "Python that imports torch": lambda: run("-c", "import torch"),
        "open, all members": lambda: run("-c", OPEN.format(**last)),
        "open, all members, one checkpoint's weights": lambda: run("-c", WEIGHTS.format(**last)),
        "status": lambda: run("-m", "modescape", "status", str(path)),
        "status --verify": lambda: run("-m", "modescape", "status", "--verify", str(path)),
    }
    for call in variants.values():
        call()  # files come into the system's cache
    return in_turns(variants, max(options.repeats, 3), say=options.say)


def _analysing(path: Path, options: Options) -> list[Row]:
    """Times of the analyses of predictions, taken once, and the memory that each holds at most."""
    peaks: dict[str, float] = {}

    def analyse(name: str) -> float:
        started = time.perf_counter()
        command = [sys.executable, "-m", "modescape", "analyse", str(path), name, "--engine", "here", "--quiet"]
        peaks[name] = watched(command) / 1e9
        return time.perf_counter() - started

    few = [name for name in FROM_PREDICTIONS if ANALYSES[name].needs == (PREDICTIONS,)][:2]
    names = few if options.small else FROM_PREDICTIONS
    rows = in_turns({f"analyse {name}": lambda name=name: analyse(name) for name in names}, 1, say=options.say)
    held = [Row(name=f"analyse {name}, most memory held (GB)", values=[peak]) for name, peak in peaks.items() if peak]
    return [*rows, *held]


def large_study(path: Path, members: int, checkpoints: int) -> Study:
    """A trained study of the tiny network, of which every epoch is kept; weights are made up."""
    epochs = checkpoints - 1
    settings = [f"train.members={members}", f"train.epochs={epochs}", f"train.trajectories={members}"]
    settings += ["model={factory: 'modescape.bench.load:tiny_net'}", "compute.engine=here"]
    loaded: Recipe = recipe.load("digits", [*settings, f"analyses=[{', '.join(FROM_PREDICTIONS)}]"])
    study = Study.create(path, loaded, make_manifest(loaded, data.load(loaded.data, loaded.seed), "cpu"))
    stream = np.random.default_rng(0)
    sizes = {name: tuple(shape) for name, shape in study.manifest["model"]["parameters"].items()}
    for member in range(members):
        checksums, state = {}, {name: stream.standard_normal(size, np.float32) for name, size in sizes.items()}
        for epoch in range(checkpoints):
            state = {
                name: value + 0.1 * stream.standard_normal(value.shape, np.float32) for name, value in state.items()
            }
            params = {name: torch.from_numpy(value) for name, value in state.items()}
            checksums[checkpoint_name(epoch)] = write_checkpoint(study, member, epoch, ModelState(params, {}))
        rows = [dict.fromkeys(HISTORY_COLUMNS, 1 / (1 + epoch)) | {"epoch": epoch} for epoch in range(1, epochs + 1)]
        write_history(study, member, rows)
        write_member_state(study, member, status="trained", epochs_done=epochs, checksums=checksums, timings={})
    return study


def write_predictions(path: Path, examples: int) -> None:
    """Predictions of every checkpoint that get better from epoch to epoch; few on the validation split."""
    study, stream = Study.open(path), np.random.default_rng(1)
    wanted = [(member, epoch) for member in study.trained for epoch in study.kept(member)]
    for split, count in zip(SPLITS, (min(examples, 100), examples), strict=True):
        label = stream.integers(CLASSES, size=count)
        writer = PredictionWriter(study, split)
        noise = stream.standard_normal((count + len(wanted), CLASSES), np.float32)
        for row, _, epoch in writer.create_or_extend(wanted, label, CLASSES):
            logits = noise[row : row + count].copy()  # a window of its own
            logits[np.arange(count), label] += 2 * epoch / study.recipe.train.epochs
            logits -= np.log(np.exp(logits).sum(1, keepdims=True))
            writer.write(row, logits)
