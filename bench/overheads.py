"""Overhead of the engine `processes`: python bench/overheads.py [--repeats 3] [--epochs 20].

Measured per item and per byte in both directions, in wall-clock time and in processor time of all processes; and for
training on one and on two workers in turns. Processor time is what a busy machine changes least: w workers are at most
w times as fast as one, less the growth of their processor time.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from modescape import pipeline
from modescape.bench.memory import PROC, tree
from modescape.engines import Processes

ITEMS = 2000
MEGABYTES, LARGE = 16, 12  # size of a large item, and how many are sent
MEMBERS = 8


def nothing(item: Any, report: Any) -> int:
    """No work."""
    return 0


def grown(item: int, report: Any) -> bytes:
    """Return this many bytes."""
    return bytes(item)


def spent() -> float:
    """Processor seconds of this process and of all its descendants, including those that have ended."""
    total = 0
    for pid in tree(os.getpid()):
        fields = (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
        total += sum(map(int, fields[11:15]))  # user and system time, its own and of its children that have ended
    return total / os.sysconf("SC_CLK_TCK")


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Wall-clock and processor seconds of some work."""
    began, before = time.perf_counter(), spent()
    work()
    return time.perf_counter() - began, spent() - before


def overheads() -> dict[str, tuple[float, float]]:
    """Wall-clock and processor milliseconds per item, and per MiB sent and returned, with one running worker."""
    megabyte = 1 << 20
    found = {}
    with Processes(workers=1) as engine:

        def mapped(function: Any, items: Sequence[Any]) -> tuple[float, float]:
            def run() -> None:
                assert all(outcome.error is None for outcome in engine.map(function, items))

            return timed(run)

        mapped(nothing, [0])
        wall, processor = mapped(nothing, list(range(ITEMS)))
        found["ms an item"] = 1e3 * wall / ITEMS, 1e3 * processor / ITEMS
        large = {
            "sent": (nothing, [bytes(MEGABYTES * megabyte)] * LARGE),
            "returned": (grown, [MEGABYTES * megabyte] * LARGE),
        }
        for words, (function, items) in large.items():
            wall, processor = mapped(function, items)
            found[f"ms a MiB {words}"] = 1e3 * wall / LARGE / MEGABYTES, 1e3 * processor / LARGE / MEGABYTES
    return found


def training(workers: int, epochs: int) -> tuple[float, float]:
    """Wall-clock and processor seconds of the training stage of the recipe digits."""
    settings = [f"train.members={MEMBERS}", f"train.epochs={epochs}", "compute.device=cpu"]
    settings += ["compute.engine=processes", f"compute.workers={workers}"]
    with tempfile.TemporaryDirectory() as folder:
        return timed(lambda: pipeline.train("digits", Path(folder) / "study", overrides=settings))


def spread(values: Sequence[float]) -> str:
    """Median and range."""
    return f"{statistics.median(values):.3g} ({min(values):.3g} to {max(values):.3g})"


def main() -> None:
    """Measure everything, training in turns, and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=20)
    said = parser.parse_args()
    repeats = said.repeats
    rows: dict[str, list[tuple[float, float]]] = {}
    for _ in range(repeats):
        for name, pair in overheads().items():
            rows.setdefault(name, []).append(pair)
        for workers in (1, 2):
            rows.setdefault(f"training, {workers} worker(s): s", []).append(training(workers, said.epochs))
    for name, pairs in rows.items():
        wall, processor = zip(*pairs, strict=True)
        print(f"{name}: {spread(wall)}, processor time {spread(processor)}")
    one, two = (rows[f"training, {workers} worker(s): s"] for workers in (1, 2))
    print("1 -> 2 workers, wall-clock:", spread([a[0] / b[0] for a, b in zip(one, two, strict=True)]))
    print("1 -> 2 workers, 2 x processor time of one / of two:", end=" ")
    print(spread([2 * a[1] / b[1] for a, b in zip(one, two, strict=True)]), f"n = {repeats}")


if __name__ == "__main__":
    main()
