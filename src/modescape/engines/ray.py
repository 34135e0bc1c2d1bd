"""Work on the machines of a Ray cluster: actors of one CPU each, which outlive items, maps and the deaths of others.

An item whose worker or machine dies is worked on again by another worker. All machines see the study's folder and can
import the same packages; a cluster is named by ``compute.address``, or by Ray's own RAY_ADDRESS, else one is started on
this machine and ended with the engine.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import functools
import gc
import importlib.util
import os
import queue
import socket
import sys
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

from modescape.engines.base import Engine, Job, Opened, Outcome, attempt, describe
from modescape.engines.packing import pack, packed, unpack_and_run, unpacked
from modescape.errors import InputError, WorkError
from modescape.runtime import ONE_THREAD

ATTEMPTS = 3  # of an item whose workers die
PATIENCE = 10.0  # seconds in which a cluster has to answer
QUIET = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0"}  # nothing is sent anywhere


@dataclass(eq=False)
class _Worker:
    """One actor as its driver sees it."""

    actor: Any
    next: Any  # what is waited for: that it has started, or a stream of messages
    ready: bool = False
    work: _Work | None = None  # in work, if busy

    @property
    def busy(self) -> bool:
        return self.work is not None

    def begin(self, work: _Work) -> None:
        self.work, self.next = work, self.actor.work.remote(work.message)


@dataclass(eq=False)
class _Work:
    """An item that is to be worked on."""

    item: Any
    message: bytes
    deaths: int = 0  # of workers that had it


@dataclass(frozen=True)
class Ray(Engine):
    """Actors on a Ray cluster, one thread and one CPU each, kept from map to map.

    Raises:
        InputError: if fewer than one worker is asked for, Ray is not installed, or the cluster does not answer.
        WorkError: from `map`, if workers cannot be started, or the function or an item cannot be pickled.
    """

    elsewhere: ClassVar[bool] = True
    clustered: ClassVar[bool] = True
    workers: int | None = None  # actors at most; None for one a CPU of the cluster
    address: str | None = None  # of the cluster
    _pool: list[_Worker] = field(default_factory=list, init=False, repr=False, compare=False)
    _held: dict[str, Any] = field(default_factory=dict, init=False, repr=False, compare=False)
    # "actors": what they are made by; "begun": Ray was begun here

    def __post_init__(self) -> None:
        if self.workers is not None and self.workers < 1:
            raise InputError(f"an engine needs 1 worker or more, not {self.workers}; leave it out for one a CPU")
        if importlib.util.find_spec("ray") is None:
            raise InputError("the engine 'ray' needs the package ray; install it with: pip install 'modescape[ray]'")

    @classmethod
    def of(cls, workers: int | None, address: str | None = None) -> Self:
        """As many workers, None for one a CPU of the cluster."""
        return cls(workers=workers, address=address)

    @property
    def at_once(self) -> int:
        """Actors, at most."""
        return self.workers or max(1, int(self._ray().cluster_resources().get("CPU", 1)))

    def run(self, job: Job, items: Iterable[Any]) -> Iterator[Outcome]:
        """Have the actors work on the items."""
        if any(worker.busy for worker in self._pool):
            raise WorkError("an engine maps one function at a time; finish the first loop or make a second engine")
        waiting = deque(_Work(item, pack(job.function, item, job.opener(item))) for item in items)
        try:
            yield from self._supervise(waiting, job)
        finally:  # an interrupt, an error, a loop left early: what is still in work is not wanted any more
            self._stop([worker for worker in self._pool if worker.busy])

    def _supervise(self, waiting: deque[_Work], job: Job) -> Iterator[Outcome]:
        ray = self._ray()
        while waiting or any(worker.busy for worker in self._pool):
            self._deal(waiting)
            ready, _ = ray.wait([worker.next for worker in self._pool if worker.busy or not worker.ready])
            worker = next(worker for worker in self._pool if worker.next is ready[0])
            try:
                kind, content = ray.get(next(worker.next)) if worker.busy else ray.get(worker.next)
            except (ray.exceptions.RayError, StopIteration) as error:
                yield from self._bury(worker, waiting, error)
                continue
            if kind == "ready":
                worker.ready = True
            elif kind == "event":
                assert worker.work is not None
                job.tell(worker.work.item, unpacked(content))
            else:
                assert worker.work is not None
                item, worker.work = worker.work.item, None
                self._deal(waiting)  # before the caller gets to look at the outcome: no worker waits for that
                yield Outcome(item, **unpacked(content))

    def _deal(self, waiting: deque[_Work]) -> None:
        """Give every idle actor an item, and start as many more as have something to do."""
        for worker in self._pool:
            if waiting and worker.ready and not worker.busy:
                worker.begin(waiting.popleft())
        starting = sum(not worker.ready for worker in self._pool)
        room = self.at_once - len(self._pool)
        for _ in range(min(room, len(waiting) - starting)):
            actor = self._actors().remote()
            self._pool.append(_Worker(actor, actor.ready.remote()))

    def _bury(self, worker: _Worker, waiting: deque[_Work], error: BaseException) -> Iterator[Outcome]:
        """Forget a dead actor; its item is dealt out again, unless several have died of it."""
        self._stop([worker])
        work = worker.work
        if work is None:
            raise WorkError(f"a worker of the Ray cluster could not start ({describe(error)})") from error
        work.deaths += 1
        if work.deaths < ATTEMPTS:
            waiting.appendleft(work)
        else:
            yield Outcome(work.item, error=f"{ATTEMPTS} workers of the cluster died while working on {work.item}")

    def _ray(self) -> Any:
        """Ray, connected to the cluster."""
        os.environ.update({name: os.environ.get(name, value) for name, value in QUIET.items()})
        import ray  # pyright: ignore[reportMissingImports] - an extra

        if not ray.is_initialized():
            address = self.address or os.environ.get("RAY_ADDRESS") or "local"
            own = {"num_cpus": self.workers, "include_dashboard": False} if address == "local" else {}
            try:
                _answers(address)
                ray.init(address=address, namespace="modescape", log_to_driver=False, logging_level="ERROR", **own)
            except (OSError, ValueError, RuntimeError) as error:
                raise InputError(f"no Ray cluster answers at {address!r} ({describe(error)})") from error
            self._held["begun"] = True
        return ray

    def _actors(self) -> Any:
        if "actors" not in self._held:
            paths = os.pathsep.join(path for path in dict.fromkeys(["", *sys.path]) if path)
            surroundings = {"env_vars": {**ONE_THREAD, "PYTHONPATH": paths}}
            made = self._ray().remote(num_cpus=1, max_restarts=0, runtime_env=surroundings)
            self._held["actors"] = made(_Life)
        return self._held["actors"]

    def _stop(self, workers: list[_Worker]) -> None:
        ray = self._ray()
        for worker in workers:
            self._pool.remove(worker)
            with contextlib.suppress(Exception):  # it may be dead, and its cluster with it
                ray.kill(worker.actor)

    def close(self) -> None:
        """End all actors, and the cluster where it was begun here; a later `map` starts new ones."""
        if self._pool:
            self._stop(list(self._pool))
        if self._held.pop("begun", False):
            self._ray().shutdown()
        self._held.clear()


class _Life:
    """An actor: takes an item, sends what it reports, and what became of it."""

    def __init__(self) -> None:
        gc.freeze()
        self._opened = Opened()
        self._thread = concurrent.futures.ThreadPoolExecutor(1)  # all work in one thread, as in other workers

    def ready(self) -> tuple[str, None]:
        """It has started."""
        return "ready", None

    def work(self, message: bytes) -> Iterator[tuple[str, bytes]]:
        """Messages of one item: events as they are reported, then what became of it."""
        said: queue.SimpleQueue[tuple[str, bytes]] = queue.SimpleQueue()

        def report(event: Any) -> None:
            said.put(("event", packed(event)))

        def done() -> None:
            outcome = attempt(None, functools.partial(unpack_and_run, self._opened, message, report))
            content = {"value": outcome.value, "error": outcome.error, "traceback": outcome.traceback}
            try:
                said.put(("done", packed(content)))
            except Exception as error:
                lost = f"the value cannot be sent back ({describe(error)})"
                said.put(("done", packed({"value": None, "error": lost, "traceback": None})))

        self._thread.submit(done)
        while True:
            kind, content = said.get()
            yield kind, content
            if kind == "done":
                return


def _answers(address: str) -> None:
    """Ask whether anybody listens, as Ray itself asks for minutes.

    Raises:
        OSError: if nobody does.
    """
    host, _, port = address.rpartition(":")
    if host and port.isdigit() and "/" not in host:
        socket.create_connection((host, int(port)), PATIENCE).close()
