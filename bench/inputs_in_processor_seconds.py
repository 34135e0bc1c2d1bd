"""`modescape bench inputs` in processor seconds, in turns, for busy machines.

    python bench/inputs_in_processor_seconds.py table 5 train.members=10
    python bench/inputs_in_processor_seconds.py text 3 train.members=1 train.epochs=2

The plain loop runs on one thread, our whole training stage (validation and files included) in one process. Ours is
divided by two, as two cores share it evenly; time spent waiting for the disk is not included.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path

from modescape.bench.inputs import plain_loop
from modescape.bench.workload import load, warm_up
from modescape.pipeline.begin import begin
from modescape.pipeline.training import train_missing
from modescape.progress import Progress


def stage(name: str, settings: list[str]) -> float:
    """Processor seconds of our training stage."""
    here = ["compute.device=cpu", "compute.engine=here", *settings]
    with tempfile.TemporaryDirectory() as folder, begin(name, Path(folder) / "s", here, Progress()) as (study, own, _):
        warm_up(study, own)
        started = time.process_time()
        train_missing(study, own, Progress())
        return time.process_time() - started


def main(name: str, turns: str, *settings: str) -> None:
    """Print each turn, and the median ratio."""
    loaded, ratios = load(name, list(settings)), []
    for _ in range(int(turns)):
        started = time.process_time()
        plain_loop(loaded, 1)
        plain, ours = time.process_time() - started, stage(name, list(settings))
        ratios.append(2 * plain / ours)
        print(f"plain {plain:.2f} s, ours {ours:.2f} s, ratio on two cores {ratios[-1]:.2f}", flush=True)
    print(f"median {statistics.median(ratios):.2f}")


if __name__ == "__main__":
    main(*sys.argv[1:])
