"""What the engine `processes` costs beside the work: python bench/overheads.py [--repeats 3].

Per item and per byte, in both directions, in wall-clock and in processor time of all processes; and training on one and
on two workers in turns. The processor time is what a busy machine changes least: w workers are at most w times as fast
as one, less by what their processor time has grown.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from modescape import pipeline
from modescape.engines import Here, Processes
from modescape.engines.base import Engine

ITEMS = 400
MEGABYTES, LARGE = 16, 12  # of a large item, and how many there are
MEMBERS, EPOCHS = 8, 2


def nothing(item: Any, report: Any) -> int:
    """No work."""
    return 0


def grown(item: int, report: Any) -> bytes:
    """So many bytes."""
    return bytes(item)


def spent() -> float:
    """Processor seconds of this process and of its children that have ended."""
    return sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Wall-clock and processor seconds, of workers that have ended too."""
    began, before = time.perf_counter(), spent()
    work()
    return time.perf_counter() - began, spent() - before


def mapped(engine: Callable[[], Engine], function: Any, items: Sequence[Any]) -> tuple[float, float]:
    """Of an engine that is opened, maps and is closed, less the same without items but one."""

    def run(own: Sequence[Any]) -> None:
        with engine() as opened:
            assert all(outcome.error is None for outcome in opened.map(function, own))

    few, many = timed(lambda: run(items[:1])), timed(lambda: run(items))
    return many[0] - few[0], many[1] - few[1]


def overheads() -> dict[str, tuple[float, float]]:
    """Wall-clock and processor seconds: of an item (milliseconds), of a megabyte sent and returned (milliseconds)."""
    megabyte = 1 << 20
    found = {}
    for name, engine in (("here", Here), ("processes", lambda: Processes(workers=1))):
        item = [1e3 * one / (ITEMS - 1) for one in mapped(engine, nothing, list(range(ITEMS)))]
        sent = mapped(engine, nothing, [bytes(MEGABYTES * megabyte)] * LARGE)
        back = mapped(engine, grown, [MEGABYTES * megabyte] * LARGE)
        found[f"{name}: ms an item"] = item[0], item[1]
        for words, pair in (("sent", sent), ("returned", back)):
            each = [1e3 * one / (LARGE - 1) / MEGABYTES for one in pair]
            found[f"{name}: ms a MiB {words}"] = each[0], each[1]
    return found


def training(workers: int) -> tuple[float, float]:
    """Of the training stage of the recipe digits."""
    settings = [f"train.members={MEMBERS}", f"train.epochs={EPOCHS}", "compute.device=cpu"]
    settings += ["compute.engine=processes", f"compute.workers={workers}"]
    with tempfile.TemporaryDirectory() as folder:
        return timed(lambda: pipeline.train("digits", Path(folder) / "study", overrides=settings))


def spread(values: Sequence[float]) -> str:
    """Median and range."""
    return f"{statistics.median(values):.3g} ({min(values):.3g} to {max(values):.3g})"


def main() -> None:
    """Measure all in turns."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=3)
    repeats = parser.parse_args().repeats
    rows: dict[str, list[tuple[float, float]]] = {}
    for _ in range(repeats):
        for name, pair in overheads().items():
            rows.setdefault(name, []).append(pair)
        for workers in (1, 2):
            rows.setdefault(f"training, {workers} worker(s): s", []).append(training(workers))
    for name, pairs in rows.items():
        wall, processor = zip(*pairs, strict=True)
        print(f"{name}: {spread(wall)}, processor time {spread(processor)}")
    one, two = (rows[f"training, {workers} worker(s): s"] for workers in (1, 2))
    print("1 -> 2 workers, wall-clock:", spread([a[0] / b[0] for a, b in zip(one, two, strict=True)]))
    print("1 -> 2 workers, 2 x processor time of one / of two:", end=" ")
    print(spread([2 * a[1] / b[1] for a, b in zip(one, two, strict=True)]), f"n = {repeats}")


if __name__ == "__main__":
    main()
