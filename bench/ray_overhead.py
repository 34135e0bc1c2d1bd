"""The engine `ray` against `processes` with two workers on one machine, in turns: speed of a study, overhead per item.

Usage: python bench/ray_overhead.py [--repeats 3] [--small] [--out bench/results/ray_overhead.json]

* training, predicting and analysing a `--quick` study of digits, with workers started and data loaded beforehand;
* the same study as a whole command, start-up included;
* items that do nothing: seconds per item on two workers;
* items that return arrays: seconds per megabyte, from the difference between large and small ones.

Ratios are per turn, and every second turn starts with Ray; above 1, Ray is faster. On a busy machine the ratios are
reliable, the seconds are not.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from modescape import pipeline, runtime
from modescape.bench.workload import warm_up
from modescape.engines import Engine, make_engine
from modescape.pipeline.analysing import analyse_missing
from modescape.pipeline.begin import begin
from modescape.pipeline.predicting import predict_missing
from modescape.pipeline.quick import quick_recipe
from modescape.pipeline.training import train_missing
from modescape.progress import Progress
from modescape.version import __version__

ENGINES = ("processes", "ray")
WORKERS = 2
MEGABYTE = 1_000_000


def nothing(item: int, report: Callable[[Any], None]) -> int:
    """An item that does nothing: its cost is the overhead."""
    return item


def numbers(item: tuple[int, int], report: Callable[[Any], None]) -> np.ndarray:
    """An item that returns the given number of megabytes."""
    return np.full(item[1] * MEGABYTE // 8, float(item[0]))


def mapped(engine: Engine, function: Callable[..., Any], items: Iterable[Any]) -> float:
    """Seconds that an engine takes to map a function over items."""
    started = time.perf_counter()
    for outcome in engine.map(function, items):
        if outcome.error is not None:
            raise RuntimeError(outcome.error)
    return time.perf_counter() - started


def overheads(small: bool, order: Sequence[str]) -> dict[str, dict[str, float]]:
    """Engine -> seconds per item that does nothing, and per megabyte returned."""
    count, size, many = (20, 2, 4) if small else (300, 16, 12)
    found = {}
    for name in order:
        with make_engine(name, "cpu", WORKERS) as engine:
            mapped(engine, nothing, range(4 * WORKERS))
            each = mapped(engine, nothing, range(count)) / count
            mapped(engine, numbers, [(0, size)] * WORKERS)
            large = mapped(engine, numbers, [(number, size) for number in range(many)])
            found[name] = {"seconds_an_item": each, "seconds_a_megabyte": max(0.0, large - each * many) / (many * size)}
    return found


def settings(name: str, small: bool) -> list[str]:
    """Overrides of the recipe."""
    few = ["train.members=2", "train.epochs=1", "analyses=[ensemble_size]"] if small else ["train.epochs=20"]
    return [f"compute.engine={name}", f"compute.workers={WORKERS}", "compute.device=cpu", *few]


def stages(small: bool, order: Sequence[str]) -> dict[str, dict[str, float]]:
    """Engine -> seconds of each stage, with workers already started."""
    found, say = {}, Progress()
    for name in order:
        recipe = quick_recipe("digits", settings(name, small))
        with tempfile.TemporaryDirectory() as folder, begin(recipe, Path(folder, "study"), (), say) as begun:
            study, engine, dataset = begun
            warm_up(study, engine)
            times = [time.perf_counter()]
            train_missing(study, engine, say)
            times.append(time.perf_counter())
            predict_missing(study, engine, say, dataset)
            times.append(time.perf_counter())
            analyse_missing(study, engine, say)
            times.append(time.perf_counter())
        own = dict(zip(("training", "predicting", "analysing"), np.diff(times).tolist(), strict=True))
        found[name] = {**own, "together": times[-1] - times[0]}
    return found


def whole(small: bool, order: Sequence[str]) -> dict[str, dict[str, float]]:
    """Engine -> seconds of a run, from a started interpreter to the page."""
    found = {}
    for name in order:
        with tempfile.TemporaryDirectory() as folder:
            started = time.perf_counter()
            pipeline.run(quick_recipe("digits", settings(name, small)), Path(folder, "study"))
            found[name] = {"run": time.perf_counter() - started}
    return found


def table(turns: list[dict[str, dict[str, float]]]) -> str:
    """Markdown: medians with their ranges, and the ratio of the turns."""
    lines = ["| | processes | ray | processes / ray, median (range) |", "|---|---|---|---|"]
    for figure in turns[0]["ray"]:
        cells = []
        for name in ENGINES:
            values = [turn[name][figure] for turn in turns]
            cells.append(f"{statistics.median(values):.3g} ({min(values):.3g} to {max(values):.3g})")
        ratios = [turn["processes"][figure] / turn["ray"][figure] for turn in turns]
        middle = f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
        lines.append(f"| {figure.replace('_', ' ')} | {' | '.join(cells)} | {middle} |")
    return "\n".join(lines)


def main() -> None:
    """Measure in turns, print the table, and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--small", action="store_true", help="see that it runs, at sizes that measure nothing")
    parser.add_argument("--only", nargs="*", choices=["overheads", "stages", "whole"], default=[])
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    parts = {"overheads": overheads, "stages": stages, "whole": whole}
    found: list[dict[str, dict[str, float]]] = []
    for turn in range(options.repeats):
        own: dict[str, dict[str, float]] = {name: {} for name in ENGINES}
        for part, work in parts.items():
            if options.only and part not in options.only:
                continue
            for name, figures in work(options.small, ENGINES[:: 1 - 2 * (turn % 2)]).items():
                own[name] |= figures
            print(f"turn {turn + 1}, {part}: {json.dumps(own)}", flush=True)
        found.append(own)
    print(table(found))
    if options.out is not None:
        about = {"version": __version__, "platform": runtime.platform_info(), "workers": WORKERS, "turns": found}
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    import ray_overhead  # under a name that workers can import its functions by

    ray_overhead.main()
