"""Work on the machines of a Ray cluster: actors of one CPU each, kept from item to item and from map to map.

Each actor reserves what it needs (memory, a GPU), so that Ray does not overload a machine. An item whose worker or
machine dies is given to another worker. All machines must see the study's folder and have the same packages; the
cluster is ``compute.address``, or Ray's own RAY_ADDRESS, else one is started on this machine and stopped with the
engine.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

from modescape.engines.base import NOTHING, Engine, Job, Needs, Outcome, describe
from modescape.engines.dealing import Dealer, Work
from modescape.engines.packing import pack, unpacked
from modescape.engines.ray_actor import Life
from modescape.engines.ray_cluster import BETWEEN, Head, connect, head_address, leave, no_room, package, room
from modescape.errors import InputError, WorkError
from modescape.runtime import ONE_THREAD

ATTEMPTS = 3  # at an item whose workers die, and at starting workers in a row


@dataclass(eq=False)
class _Worker:
    """One actor, seen from the driver."""

    actor: Any
    next: Any  # the pending result: its start, or a stream of messages
    ready: bool = False
    work: Work | None = None  # in work, if busy

    @property
    def busy(self) -> bool:
        return self.work is not None

    def begin(self, work: Work) -> None:
        self.work, self.next = work, self.actor.work.remote(work.message)


@dataclass(frozen=True)
class Ray(Engine):
    """Actors on a Ray cluster, one thread and one CPU each, kept from map to map.

    Raises:
        InputError: if fewer than one worker is asked for, Ray is not installed, or the cluster does not answer.
        WorkError: from `map`, if workers cannot be started, or the function or an item cannot be pickled.
    """

    elsewhere: ClassVar[bool] = True
    clustered: ClassVar[bool] = True
    workers: int | None = None  # actors at most; None for one per CPU of the cluster
    address: str | None = None  # of the cluster
    needs: Needs = NOTHING  # of each actor
    _pool: list[_Worker] = field(default_factory=list, init=False, repr=False, compare=False)
    _held: dict[str, Any] = field(default_factory=dict, init=False, repr=False, compare=False)
    # "begun": Ray was started here; "head": of the cluster; "actors": the actor class; "room": for how many, and
    # when that was looked up; "failed starts": in a row

    def __post_init__(self) -> None:
        if self.workers is not None and self.workers < 1:
            raise InputError(f"an engine needs 1 worker or more, not {self.workers}; leave it out for one per CPU")
        if importlib.util.find_spec("ray") is None:
            raise InputError("the engine 'ray' needs the package ray; install it with: pip install 'modescape[ray]'")

    @classmethod
    def of(cls, workers: int | None, address: str | None = None, needs: Needs = NOTHING) -> Self:
        """That many workers; None: as many as the cluster has room for."""
        return cls(workers=workers, address=address, needs=needs)

    @property
    def at_once(self) -> int:
        """Most actors: as many as the present machines have room for.

        Raises:
            InputError: if none has room for one.
            WorkError: if the cluster's head does not answer any more.
        """
        if not self._room():
            if self._head.is_gone_now():
                raise self._head.lost()
            raise InputError(no_room(self._ray().nodes(), self.needs))
        return self._room()

    def _room(self) -> int:
        """`at_once` without errors; looked up at most once a second."""
        seen, most = self._held.get("room", (-BETWEEN, 0))
        if time.monotonic() - seen >= BETWEEN:
            if self._head.answers():  # else Ray would retry for a minute; keep the last known value
                most = room(self._ray().nodes(), self.needs)
            self._held["room"] = time.monotonic(), most
        return min(self.workers or most, most)

    def run(self, job: Job, items: Iterable[Any]) -> Iterator[Outcome]:
        """Have the actors work on the items."""
        if any(worker.busy for worker in self._pool):
            raise WorkError("an engine maps one function at a time; finish the first loop or make a second engine")
        work = (Work(item, pack(job.function, item, job.opener(item))) for item in items)
        try:
            yield from self._supervise(Dealer.of(work, ATTEMPTS), job)
        finally:  # an interrupt, an error, a loop left early: running items are no longer wanted
            self._stop([worker for worker in self._pool if worker.busy])

    def _supervise(self, dealer: Dealer, job: Job) -> Iterator[Outcome]:
        ray = self._ray()
        while dealer.unfinished(self._pool):
            if self._head.is_gone:
                raise self._head.lost()
            self._deal(dealer)
            asked = [worker.next for worker in self._pool if worker.busy or not worker.ready]
            ready, _ = ray.wait(asked, timeout=BETWEEN)
            if not ready:
                continue
            worker = next(worker for worker in self._pool if worker.next is ready[0])
            try:
                said = ray.get(next(worker.next)) if worker.busy else ray.get(worker.next)
            except (ray.exceptions.RayError, StopIteration) as error:
                yield from self._bury(worker, dealer, error)
                continue
            if worker.work is None:
                worker.ready, self._held["failed starts"] = True, 0
                continue
            (events, content), item = said, worker.work.item
            for event in events:
                job.tell(item, unpacked(event))
            if content is not None:
                worker.work = None
                self._deal(dealer)  # before the caller handles the outcome, so that no worker waits for it
                yield Outcome(item, **unpacked(content))

    def _deal(self, dealer: Dealer) -> None:
        """Give every idle actor an item, and start as many more as have something to do."""
        dealer.deal(self._pool)
        for _ in range(dealer.missing(self._pool, self._room()) if dealer.waiting else 0):
            self._pool.append(self._start())
        if dealer.waiting and not self._pool:
            raise WorkError(no_room(self._ray().nodes(), self.needs))

    def _bury(self, worker: _Worker, dealer: Dealer, error: BaseException) -> Iterator[Outcome]:
        """Remove a dead actor; its item is dealt again, unless several actors died of it."""
        if self._head.is_gone_now():  # and with it the state of the cluster
            raise self._head.lost() from error
        self._stop([worker])
        self._held.pop("room", None)  # its machine may be gone, too
        work = worker.work
        if work is None:
            self._held["failed starts"] = self._held.get("failed starts", 0) + 1
            if self._held["failed starts"] == ATTEMPTS:
                raise WorkError(f"a worker of the Ray cluster could not start ({describe(error)})") from error
            return
        if not dealer.takes_back(work):
            yield Outcome(work.item, error=f"{ATTEMPTS} workers of the cluster died while working on {work.item}")

    def _ray(self) -> Any:
        """Ray, connected to the cluster."""
        if connect(self.address, self.workers):
            self._held["begun"] = True
        return package()

    @property
    def _head(self) -> Head:
        if "head" not in self._held:
            self._ray()
            self._held["head"] = Head(head_address())
        return self._held["head"]

    def _start(self) -> _Worker:
        if "actors" not in self._held:
            paths = os.pathsep.join(path for path in dict.fromkeys(sys.path) if path)
            surroundings = {"env_vars": {**ONE_THREAD, "PYTHONPATH": paths}}
            share: dict[str, Any] = {
                "num_cpus": 1,
                "num_gpus": int(self.needs.gpu),
                "memory": self.needs.memory or None,
            }
            self._held["actors"] = self._ray().remote(max_restarts=0, runtime_env=surroundings, **share)(Life)
        actor = self._held["actors"].remote(self._head.address)
        return _Worker(actor, actor.ready.remote())

    def _stop(self, workers: list[_Worker]) -> None:
        for worker in workers:
            self._pool.remove(worker)
            if not self._head.is_gone:  # else actors end by themselves
                with contextlib.suppress(Exception):  # it may be dead, and its cluster with it
                    self._ray().kill(worker.actor)

    def close(self) -> None:
        """End all actors, and the cluster if it was started here; a later `map` starts new ones."""
        if self._pool:
            self._stop(list(self._pool))
        if "head" in self._held and self._head.is_gone:
            leave()
        elif self._held.get("begun"):
            self._ray().shutdown()
        self._held.clear()
