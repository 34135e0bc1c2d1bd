"""Functions for engines to run: importable by worker processes, most without torch."""

import os
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from modescape.errors import InputError


@dataclass(frozen=True)
class Tool:
    """A tool whose opening gives (name, where, when)."""

    name: str

    def open(self):
        if self.name == "lost":
            raise InputError("the tool is lost; bring another one")
        return self.name, os.getpid(), time.monotonic_ns()


def with_tool(tool, item, report):
    return *tool, item


def square(item, report):
    return item * item


def shifted(item, report, shift):
    return item + shift


def process_number(item, report):
    return os.getpid()


def imported(item, report):
    return item in sys.modules


def device(item, report):
    """Which GPU this process sees; slow enough for every worker to have an item."""
    if item == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(0.3)
    return os.getpid(), os.environ.get("CUDA_VISIBLE_DEVICES")


def environment(item, report):
    return os.environ.get(item)


def three_events(item, report):
    for step in range(3):
        report((item, step))
    return item


def fail_on_odd(item, report):
    if item % 2:
        raise KeyError(f"odd {item}")
    return item


def bad_input(item, report):
    raise InputError("the value 3 came; give 4")


def leave(item, report):
    raise SystemExit(7)


def catch_everything(item, report):
    try:
        report(item)
    except Exception:
        return "swallowed"
    return "reported"


def die_on(item, report):
    if item == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if item == "exit":
        os._exit(3)
    return process_number(item, report)


def unpicklable(item, report):
    return lambda: item


def slow_first(item, report):
    time.sleep(0.6 if item == 0 else 0.0)
    return os.getpid()


def sleep_long(item, report):
    report(os.getpid())
    time.sleep(60)


def stubborn(item, report):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sleep_long(item, report)


def threads(item, report):
    import torch
    from threadpoolctl import threadpool_info

    torch.ones(8, 8) @ torch.ones(8, 8)
    return torch.get_num_threads(), sorted({library["num_threads"] for library in threadpool_info()})


def train_a_little(item, report):
    """A convolution and a matrix product large enough that two threads would split them."""
    import torch
    from torch import nn

    stream = torch.Generator().manual_seed(item)
    images = torch.randn(64, 3, 16, 16, generator=stream)
    label = torch.randint(0, 10, (64,), generator=stream)
    network = nn.Sequential(nn.Conv2d(3, 16, 3), nn.ReLU(), nn.Flatten(), nn.Linear(16 * 14 * 14, 10))
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(0.05 * torch.randn(parameter.shape, generator=stream))
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
    for _ in range(5):
        optimizer.zero_grad()
        nn.functional.cross_entropy(network(images), label).backward()
        optimizer.step()
    return {name: value.clone() for name, value in network.state_dict().items()}


def at_the_gate(item, report):
    """Report the node of the cluster, and wait until the gate file exists."""
    import ray

    number, folder = item
    report(ray.get_runtime_context().get_node_id())
    while not (Path(folder) / f"gate-{number}").exists():
        time.sleep(0.01)
    return number * 10


def slow_process_number(item, report):
    """Slow enough for every worker to have an item."""
    time.sleep(1.0)
    return os.getpid()
