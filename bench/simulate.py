"""Our scheduling (`modescape.engines.dealing`) on simulated machines, in simulated time.

    python bench/plan.py       two large studies with failures and slow machines, for docs/scale.md
    python bench/simulate.py   the same code against eight items on two worker processes here, one of them killed

Machines fail and come back, some are slow, all read data and write checkpoints to one shared disk. Which worker takes
which item, how many workers are started, and what happens to the item of a worker that died are decided by the engines'
own code; only time is simulated. A network in training resumes from its last epoch on the disk.
"""

from __future__ import annotations

import argparse
import heapq
import itertools
import math
import os
import signal
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from modescape.engines import Processes
from modescape.engines.dealing import Dealer, Work
from modescape.engines.ray import ATTEMPTS

HOUR = 3600.0
SEEDS = 20


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """Machines with one worker per GPU."""

    machines: int
    gpus: int = 8  # of each machine
    between_failures: float = math.inf  # mean time between failures of a machine, seconds
    repair: float = HOUR  # seconds until a failed machine is back
    heard: float = 30.0  # seconds until the engine notices a failure
    slow: int = 0  # number of slow machines
    slowness: float = 2.0  # factor by which steps take longer on these
    start: float = 20.0  # seconds until a new worker is ready
    disk: float = 5e9  # bandwidth of the shared disk, bytes per second
    network: float = 2.5e9  # bandwidth of one machine, bytes per second

    @property
    def slots(self) -> int:
        """Largest number of workers."""
        return self.machines * self.gpus

    @property
    def share(self) -> float:
        """Bandwidth of a worker when all read or write at once, bytes per second."""
        return min(self.disk / self.slots, self.network / self.gpus)


@dataclass(frozen=True, kw_only=True)
class Job:
    """The items of a job; each has some steps (epochs), whose result is on the disk after each step."""

    seconds: Sequence[float]  # per step, for each item, on a fast machine
    steps: int = 1
    written: float = 0.0  # bytes at the end of a step
    data: float = 0.0  # bytes that a machine reads once, before its first item
    attempts: int = ATTEMPTS  # at an item whose workers die

    @property
    def work(self) -> float:
        """GPU seconds of the whole job on one fast GPU."""
        return self.steps * sum(self.seconds)


@dataclass
class Ran:
    """The outcome of a simulation."""

    seconds: float = 0.0  # until the last item is done
    lost: float = 0.0  # GPU seconds of interrupted steps, which are repeated
    failures: int = 0  # of machines
    died: int = 0  # workers that died with an item
    failed: list[int] = field(default_factory=list[int])  # indices of items given up
    written: float = 0.0  # bytes
    read: float = 0.0
    starts: int = 0  # of workers


@dataclass(eq=False)
class Machine:
    """A simulated machine."""

    slowness: float
    up: bool = True
    has_data: float = math.inf  # time from which its data are there


@dataclass(eq=False)
class Worker:
    """A simulated worker, as `modescape.engines.dealing.Worker`."""

    machine: Machine
    run: Simulation
    ready: bool = False
    work: Work | None = None
    alive: bool = True  # set at once; the engine may not know yet
    began: float = 0.0  # time at which its first step began

    @property
    def busy(self) -> bool:
        """Whether it has an item."""
        return self.work is not None

    def begin(self, work: Work, /) -> None:
        """Take an item: it ends when its remaining steps are done."""
        self.work = work
        self.run.begun(self)


class Simulation:
    """One run of a job on a cluster."""

    def __init__(self, cluster: Cluster, job: Job, seed: int = 0, fails: Sequence[tuple[float, int]] = ()) -> None:
        self.cluster, self.job, self.stream = cluster, job, np.random.default_rng(seed)
        slow = self.stream.permutation(cluster.machines) < cluster.slow
        self.machines = [Machine(cluster.slowness if one else 1.0) for one in slow]
        self.pool: list[Worker] = []
        self.done = [0] * len(job.seconds)  # steps on the disk
        self.now, self.ran = 0.0, Ran()
        self.events: list[tuple[float, int, str, Any]] = []
        self.numbers = itertools.count()
        for machine in self.machines if math.isfinite(cluster.between_failures) else ():
            self.later(self.stream.exponential(cluster.between_failures), "fails", machine)
        for when, number in fails:
            self.later(when, "fails", self.machines[number])

    def later(self, seconds: float, what: str, whom: Any) -> None:
        """Schedule an event after these seconds."""
        heapq.heappush(self.events, (self.now + seconds, next(self.numbers), what, whom))

    def step(self, worker: Worker) -> float:
        """Seconds of one step of a worker's item, writing included."""
        assert worker.work is not None
        return self.job.seconds[worker.work.item] * worker.machine.slowness + self.job.written / self.cluster.share

    def begun(self, worker: Worker) -> None:
        """A worker has taken an item: the first one on a machine waits for its data."""
        assert worker.work is not None
        if not worker.alive:
            return
        machine = worker.machine
        if machine.has_data == math.inf:
            machine.has_data = self.now + self.job.data / (self.cluster.share * self.cluster.gpus)
            self.ran.read += self.job.data
        worker.began = max(self.now, machine.has_data)
        left = self.job.steps - self.done[worker.work.item]
        self.later(worker.began - self.now + left * self.step(worker), "ends", (worker, worker.work))

    def run(self) -> Ran:
        """Supervise as engines do: deal, start workers, wait for the next event, until no item is left."""
        dealer = Dealer.of((Work(number) for number in range(len(self.job.seconds))), self.job.attempts)
        while dealer.unfinished(self.pool):
            dealer.deal(self.pool)
            room = self.cluster.gpus * sum(machine.up for machine in self.machines)
            for _ in range(dealer.missing(self.pool, room)):
                self.start()
            self.now, _, what, whom = heapq.heappop(self.events)
            getattr(self, what)(dealer, whom)
        return self.ran

    def start(self) -> None:
        """Start a worker on the machine that has the fewest."""
        held = {id(machine): 0 for machine in self.machines if machine.up}
        for worker in self.pool:
            if worker.machine.up:
                held[id(worker.machine)] += 1
        machine = min((one for one in self.machines if one.up), key=lambda one: held[id(one)])
        self.pool.append(Worker(machine, self))
        self.ran.starts += 1
        self.later(self.cluster.start, "starts", self.pool[-1])

    def starts(self, dealer: Dealer, worker: Worker) -> None:
        """The worker is ready, if its machine is still up."""
        worker.ready = worker.alive

    def ends(self, dealer: Dealer, what: tuple[Worker, Work]) -> None:
        """Finish the worker's item, if it still has it."""
        worker, work = what
        if worker.alive and worker.work is work:
            self.ran.written += self.job.written * (self.job.steps - self.done[work.item])
            self.done[work.item], worker.work, self.ran.seconds = self.job.steps, None, self.now

    def fails(self, dealer: Dealer, machine: Machine) -> None:
        """A machine fails and its workers stop; the engine notices later."""
        machine.up, machine.has_data = False, math.inf
        self.ran.failures += 1
        lost = [worker for worker in self.pool if worker.machine is machine]
        for worker in lost:
            worker.alive = False
            if worker.work is not None:
                item, step = worker.work.item, self.step(worker)
                spent = max(self.now - worker.began, 0.0)
                finished = min(int(spent // step), self.job.steps - self.done[item] - 1)
                self.done[item] += finished
                self.ran.written += self.job.written * finished
                self.ran.lost += spent - finished * step
        self.later(self.cluster.heard, "hears", lost)
        self.later(self.cluster.repair, "returns", machine)

    def hears(self, dealer: Dealer, workers: list[Worker]) -> None:
        """The engine forgets dead workers and deals their items again, or gives them up."""
        for worker in workers:
            self.pool.remove(worker)
            if worker.work is None:
                continue
            self.ran.died += 1
            if not dealer.takes_back(worker.work):
                self.ran.failed.append(worker.work.item)
                self.ran.seconds = self.now

    def returns(self, dealer: Dealer, machine: Machine) -> None:
        """The machine is back, and will fail again."""
        machine.up = True
        if math.isfinite(self.cluster.between_failures):
            self.later(self.stream.exponential(self.cluster.between_failures), "fails", machine)


def simulated(cluster: Cluster, job: Job, seeds: int = SEEDS) -> list[Ran]:
    """Repeat the simulation with different failures and slow machines."""
    return [Simulation(cluster, job, seed).run() for seed in range(seeds)]


# the real run


def sleeps(item: tuple[float, bool], report: Any) -> float:
    """Sleep; the marked item kills its worker half-way."""
    seconds, dies = item
    report(None)
    time.sleep(seconds / 2 if dies else seconds)
    if dies:
        os.kill(os.getpid(), signal.SIGKILL)
    return seconds


SLEEPS = (1.0, 0.6, 1.4, 0.8, 1.2, 0.5, 0.9, 0.7)
KILLED = 2  # index of the item whose worker is killed


def real_seconds() -> tuple[float, float, int]:
    """Seconds for the eight items on two running workers, seconds to start a worker, and failed items."""
    with Processes(workers=2) as engine:
        began, first = time.monotonic(), []
        list(
            engine.map(sleeps, [(0.2, False)] * 2, on_event=lambda item, event: first.append(time.monotonic() - began))
        )
        items = [(seconds, place == KILLED) for place, seconds in enumerate(SLEEPS)]
        began = time.monotonic()
        failed = sum(outcome.error is not None for outcome in engine.map(sleeps, items))
        return time.monotonic() - began, statistics.mean(first), failed


def simulated_seconds(start: float) -> tuple[float, int]:
    """The same in the simulation: the third item's worker dies half-way, and another is started at once."""
    cluster = Cluster(machines=2, gpus=1, start=start, heard=0.0, repair=0.0, disk=math.inf, network=math.inf)
    job = Job(seconds=SLEEPS, attempts=1)
    # as in the real run, start with both workers ready; the third item goes to whichever is idle first
    dies = start + min(SLEEPS[0], SLEEPS[1]) + SLEEPS[KILLED] / 2
    place = 0 if SLEEPS[0] < SLEEPS[1] else 1
    ran = Simulation(cluster, job, fails=[(dies, place)]).run()
    return ran.seconds - start, len(ran.failed)


def check() -> None:
    """Run both and print their seconds."""
    real, start, failed = real_seconds()
    made_up, given_up = simulated_seconds(start)
    what = f"{real:.2f} s, {failed} failed; a worker starts in {start:.2f} s"
    print(f"eight items on two worker processes, one killed: {what}")
    print(f"simulated: {made_up:.2f} s, {given_up} failed; ratio {made_up / real:.2f}")


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    check()
