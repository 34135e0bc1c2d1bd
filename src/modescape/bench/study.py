"""Where does each second of a whole study go?"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from modescape.bench.harness import Options, Result, seconds, turns
from modescape.progress import Progress

RECIPE = "digits"
SMALL = ("train.members=2", "train.epochs=2", "variants.epochs=1", "variants.long_runs=0", "subspace.runs=2")


def measure(options: Options) -> Result:
    """Seconds of every stage of `modescape run digits`, and processor seconds of every analysis."""
    overrides = [*SMALL, "analyses=[training, ensemble_size]"] if options.small else []
    overrides += [] if options.data is None else [f"data.source={options.data}"]

    def once() -> list[tuple[str, float]]:
        with tempfile.TemporaryDirectory() as folder:
            return [*_stages(Path(folder, "study"), overrides), *_analyses(Path(folder, "study"))]

    return Result(
        name="study",
        question="Where does each second of a whole study go?",
        unit="seconds",
        setting=f"`modescape run {RECIPE}` on {os.cpu_count()} cores; analyses: processor time of one process, which "
        "reads samples and scales as they are stored; drawing: in three formats",
        rows=turns(options, once),
        digits=2,
    )


class Clock(Progress):
    """Notes when each stage begins and ends."""

    def __init__(self) -> None:
        self.stages: list[tuple[str, float]] = []  # name, seconds
        self._name, self._since = "", 0.0

    def stage(self, name: str, total: float, unit: str) -> None:
        """The stage before is over."""
        self.finish()
        self._name, self._since = name, time.perf_counter()

    def finish(self) -> None:
        """Note how long the stage took."""
        if self._name:
            self.stages.append((self._name, time.perf_counter() - self._since))
        self._name = ""


def _stages(path: Path, overrides: list[str]) -> Iterator[tuple[str, float]]:
    """Stage -> seconds of one run in this process and its workers, and of the whole command."""
    from modescape import pipeline

    yield "start of Python and torch", seconds(_start)
    clock = Clock()
    whole = seconds(lambda: pipeline.run(RECIPE, path, overrides=overrides, progress=clock))
    found: dict[str, float] = {}
    for name, spent in clock.stages:
        # checkpoints are predicted in the first stage of that name, auxiliary networks in the second
        key = f"{name}, auxiliary" if name in found else name
        found[key] = found.get(key, 0.0) + spent
    yield from found.items()
    page = seconds(lambda: pipeline.report(path))
    yield "page", page
    yield "between stages", whole - sum(found.values()) - page
    yield "whole run", whole


def _start() -> None:
    subprocess.run([sys.executable, "-c", "import torch, modescape.pipeline.training"], check=True)


def _analyses(path: Path) -> Iterator[tuple[str, float]]:
    """Processor seconds of measuring and of drawing each analysis."""
    from modescape import analyses
    from modescape.analyses import figures
    from modescape.context import StudyContext
    from modescape.study import Study, layout

    context = StudyContext(Study.open(path))
    recipe = context.study.recipe
    drawing = 0.0
    for name in recipe.analyses or []:
        before = time.process_time()
        result = analyses.measure(name, context, **recipe.settings.get(name, {}))
        yield f"analysis {name}", time.process_time() - before
        before = time.process_time()
        figures.save(name, result, path / layout.FIGURES)
        drawing += time.process_time() - before
    yield "drawing of all", drawing
