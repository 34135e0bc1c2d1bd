"""One call of `modescape.bench.gpu`: settings, the time left, what each part found."""

from __future__ import annotations

import json
import statistics
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch


@dataclass
class Run:
    """One call: settings, time left, what was found."""

    source: str  # of images in CIFAR-10's shape
    real: bool  # whether there is something to learn from them
    device: str
    small: bool
    end: float  # time.monotonic() at which no further part begins
    found: dict[str, Any] = field(default_factory=dict)

    @property
    def left(self) -> float:
        """Seconds."""
        return self.end - time.monotonic()

    def settings(self, *more: str) -> list[str]:
        """Overrides of a recipe of CIFAR-10."""
        few = ["data.validation=20", "train.batch_size=8"] if self.small else []
        return [f"data.source={self.source}", f"compute.device={self.device}", "compute.engine=here", *few, *more]

    def arithmetic(self, wanted: str) -> str:
        """The arithmetic of a part; small runs leave bf16 to `arithmetic`: a CPU without it takes minutes a network."""
        return "tf32" if self.small else wanted

    def part(self, name: str, work: Callable[[], Any], needs: float = 0.0) -> None:
        """Carry out one part, if ``needs`` seconds are left."""
        if self.left < needs:
            self.found[name] = {"left out": f"{self.left:.0f} s were left, it needs about {needs:.0f}"}
            return
        started = time.monotonic()
        try:
            value = work()
        except Exception as error:
            value = {"failed": f"{type(error).__name__}: {error}", "traceback": traceback.format_exc()[-3000:]}
        self.found[name] = value
        print(f"{name} ({time.monotonic() - started:.1f} s): {json.dumps(value)[:600]}", flush=True)


def timed(work: Callable[[], Any], device: torch.device, repeats: int = 10) -> float:
    """Median seconds of a call, waiting for the device."""
    times = []
    for turn in range(repeats + 2):
        if device.type == "cuda":
            torch.cuda.synchronize()
        started = time.perf_counter()
        work()
        if device.type == "cuda":
            torch.cuda.synchronize()
        if turn > 1:
            times.append(time.perf_counter() - started)
    return statistics.median(times)
