"""Work in supervised worker processes: items are dealt out one by one, and a worker's death costs one item.

A script that uses this engine needs ``if __name__ == "__main__":`` around its code: a worker is not a copy of this
process (forking one that has used torch's threads or CUDA hangs) and imports the main script again.
"""

from __future__ import annotations

import contextlib
import functools
import gc
import importlib
import multiprocessing
import os
import pickle  # messages between a process and its own workers; never a file
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing import connection
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any, ClassVar, Self

from modescape.engines.base import NOTHING, Engine, Job, Needs, Opened, Outcome, attempt, describe
from modescape.engines.dealing import Dealer, Work
from modescape.engines.devices import least_used, seeing
from modescape.engines.packing import pack, unpack_and_run
from modescape.errors import InputError, WorkError
from modescape.runtime import ONE_THREAD, cores, gpus, one_thread_environment

IDLE_SECONDS = 0.02  # without an item, after which a worker imports modules in advance
GRACE_SECONDS = 1.0  # between asking a worker to end and killing it
FAILED_STARTS = 3  # workers in a row killed before they were ready, then the engine gives up (out of memory, ...)
FORKING = sys.platform == "linux" and hasattr(os, "fork")  # from a server without threads; macOS breaks even that
GUARD = 'in a script, put what it runs under: if __name__ == "__main__":'


@dataclass(eq=False)
class _Worker:
    """One worker process, seen from its parent."""

    process: BaseProcess
    pipe: Connection
    device: str | None = None  # the GPU that it sees
    ready: bool = False  # it has started and waits for items
    busy: bool = False
    item: Any = None  # in work, if busy

    def begin(self, work: Work) -> None:
        self.busy, self.item = True, work.item
        with contextlib.suppress(OSError):  # it has just died, which `receive` will report for the item
            self.pipe.send_bytes(work.message)

    def receive(self) -> tuple[str, Any] | None:
        """The next message, or None if the worker is dead and there are no more."""
        try:
            if not self.pipe.poll():
                return None
            message = self.pipe.recv_bytes()
        except (EOFError, OSError):
            return None
        try:
            return pickle.loads(message)
        except Exception as error:
            raise WorkError(f"what a worker sent about {self.item} cannot be read ({describe(error)})") from error


@dataclass(frozen=True)
class Processes(Engine):
    """Worker processes on this machine, one thread each, kept from map to map; with GPUs each sees one.

    A worker that dies (killed, out of memory, crashed) fails its item and is replaced. All ignore Ctrl-C, which the
    parent handles, and end at once when the parent does.

    Raises:
        InputError: if fewer than one worker is asked for.
        WorkError: from `map`, if workers cannot be started, or the function or an item cannot be pickled.
    """

    elsewhere: ClassVar[bool] = True
    workers: int | None = None  # most processes; None: one per assigned GPU, else one per core
    devices: tuple[str, ...] = ()  # GPUs to assign, as named in CUDA_VISIBLE_DEVICES
    _pool: list[_Worker] = field(default_factory=list, init=False, repr=False, compare=False)
    _meanwhile: list[str] = field(default_factory=list, init=False, repr=False, compare=False)  # modules

    def __post_init__(self) -> None:
        if self.workers is not None and self.workers < 1:
            raise InputError(f"an engine needs 1 worker or more, not {self.workers}; leave it out for one per core")

    @classmethod
    def of(cls, workers: int | None, address: str | None = None, needs: Needs = NOTHING) -> Self:
        """That many workers; None: one per core or, if each needs a GPU, one per GPU."""
        return cls(workers=workers, devices=tuple(gpus()) if needs.gpu else ())

    @classmethod
    def prepare(cls, modules: Sequence[str] = ()) -> None:
        """Start the process that workers are forked from; on Linux a server that imports ``modules``."""
        if FORKING:
            from multiprocessing import forkserver

            multiprocessing.set_forkserver_preload(list(modules) or [__name__])
            with _starting():
                forkserver.ensure_running()

    def meanwhile(self, modules: Sequence[str]) -> None:
        """Workers started from now on import them when idle; failures are left to the code that needs the module."""
        self._meanwhile[:] = modules

    @property
    def at_once(self) -> int:
        """Most worker processes."""
        return self.workers or len(self.devices) or cores()

    def run(self, job: Job, items: Iterable[Any]) -> Iterator[Outcome]:
        """Have the workers work on the items."""
        _refuse_in_bootstrap()
        if any(worker.busy for worker in self._pool):
            raise WorkError("an engine maps one function at a time; finish the first loop or make a second engine")
        self._stop([worker for worker in self._pool if not worker.process.is_alive()])  # died between two maps
        dealer = Dealer.of(Work(item, pack(job.function, item, job.opener(item))) for item in items)
        try:
            yield from self._supervise(dealer, job)
        finally:  # an interrupt, an error, a loop left early: running items are no longer wanted
            self._stop([worker for worker in self._pool if worker.busy])

    def _supervise(self, dealer: Dealer, job: Job) -> Iterator[Outcome]:
        failed_starts = 0
        while dealer.unfinished(self._pool):
            self._deal(dealer)
            for worker in self._wait():
                message = worker.receive()
                if message is None:
                    exit_code = self._bury(worker)
                    if worker.busy:
                        yield Outcome(
                            worker.item, error=f"the worker process died ({exit_code}) while working on {worker.item}"
                        )
                    elif not worker.ready:
                        failed_starts += 1
                        _refuse_to_start(exit_code, failed_starts)
                elif message[0] == "ready":
                    worker.ready, failed_starts = True, 0
                elif message[0] == "event":
                    job.tell(worker.item, message[1])
                else:
                    item, worker.busy = worker.item, False
                    self._deal(dealer)  # before the caller handles the outcome, so that no worker waits for it
                    yield Outcome(item, **message[1])

    def _deal(self, dealer: Dealer) -> None:
        """Deal items to idle workers, and start as many more workers as have something to do."""
        dealer.deal(self._pool)
        for _ in range(dealer.missing(self._pool, self.at_once)):
            device = least_used(self.devices, [worker.device for worker in self._pool])
            self._pool.append(_start(self._meanwhile, device))

    def _wait(self) -> list[_Worker]:
        """Wait for workers that have sent a message or died, and return them."""
        ready = set(connection.wait([end for worker in self._pool for end in (worker.pipe, worker.process.sentinel)]))
        return [worker for worker in self._pool if worker.pipe in ready or worker.process.sentinel in ready]

    def _bury(self, worker: _Worker) -> str:
        """Remove a dead worker; returns how it died, in words."""
        self._stop([worker])
        code = worker.process.exitcode
        return f"killed by signal {-code}" if code is not None and code < 0 else f"exit code {code}"

    def _stop(self, workers: list[_Worker]) -> None:
        for worker in workers:
            self._pool.remove(worker)
            worker.process.terminate()
        for worker in workers:
            worker.process.join(GRACE_SECONDS)
            if worker.process.exitcode is None:
                worker.process.kill()
                worker.process.join()
            worker.pipe.close()

    def close(self) -> None:
        """End all workers; a later `map` starts new ones."""
        self._stop(list(self._pool))


def _refuse_in_bootstrap() -> None:
    if getattr(multiprocessing.current_process(), "_inheriting", False):  # the standard library's own check
        raise WorkError(f"a worker process that is importing the main script cannot start workers of its own; {GUARD}")


def _refuse_to_start(exit_code: str, failed_starts: int) -> None:
    """Raise if starting more workers is pointless: one that exited by itself while starting would do so again."""
    if failed_starts >= FAILED_STARTS or not exit_code.startswith("killed"):
        raise WorkError(f"a worker process could not start ({exit_code}, see its message above); {GUARD}")


def _start(meanwhile: Sequence[str], device: str | None) -> _Worker:
    context: Any = multiprocessing.get_context("forkserver" if FORKING else "spawn")
    ours, theirs = context.Pipe()
    told = (theirs, {**os.environ, **seeing(device)}, tuple(meanwhile))
    process = context.Process(target=_work, args=told, daemon=True)
    try:
        with _starting():
            process.start()
    finally:
        theirs.close()
    return _Worker(process, ours, device)


@contextlib.contextmanager
def _starting() -> Iterator[None]:
    """Context in which started processes inherit one thread and ignore Ctrl-C."""
    with one_thread_environment(), _importable_main(), _deaf():
        yield


@contextlib.contextmanager
def _deaf() -> Iterator[None]:
    """Context in which Ctrl-C is deferred; processes started within it never receive it."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows, where workers ignore it themselves
        yield
        return
    from multiprocessing import resource_tracker

    resource_tracker.ensure_running()  # it unblocks SIGINT when it starts, so start it first
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)  # a deferred interrupt arrives now


@contextlib.contextmanager
def _importable_main() -> Iterator[None]:
    """Hide the "file" of a program from standard input, which a worker could not import."""
    main = vars(sys.modules["__main__"])
    hidden = {"__file__": main.pop("__file__")} if main.get("__file__") == "<stdin>" else {}
    try:
        yield
    finally:
        main.update(hidden)


def _work(pipe: Connection, environment: dict[str, str], meanwhile: Sequence[str]) -> None:
    """A worker's main loop: take an item, run it, send the outcome."""
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    else:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ.update(environment | ONE_THREAD)  # the forkserver may predate a change
    threading.Thread(target=_die_with_parent, daemon=True).start()
    lock = threading.Lock()  # reports may come from the function's own threads

    def send(kind: str, content: Any) -> None:
        message = pickle.dumps((kind, content), protocol=pickle.HIGHEST_PROTOCOL)
        with lock:
            pipe.send_bytes(message)

    gc.freeze()  # imported objects stay: scanning them repeatedly takes 7 % of drawing a figure
    opened, waiting = Opened(), deque[str]()
    send("ready", None)
    while True:
        _import_while_idle(pipe, waiting)
        try:
            message = pipe.recv_bytes()
        except (EOFError, OSError):  # the parent has closed its end
            return
        outcome = attempt(
            message, functools.partial(unpack_and_run, opened, message, lambda event: send("event", event))
        )
        content = {"value": outcome.value, "error": outcome.error, "traceback": outcome.traceback}
        _send_or_say_why_not(send, content)
        waiting, meanwhile = waiting + deque(meanwhile), ()


def _import_while_idle(pipe: Connection, modules: deque[str]) -> None:
    """Import modules in order as long as no item arrives."""
    with contextlib.suppress(OSError):  # the parent is gone, which the next read of the pipe reports
        while modules and not pipe.poll(IDLE_SECONDS):
            with contextlib.suppress(Exception):  # the code that needs it will report the error
                importlib.import_module(modules.popleft())


def _send_or_say_why_not(send: Callable[[str, Any], None], content: dict[str, Any]) -> None:
    try:
        send("done", content)
    except OSError:
        os._exit(1)  # the parent is gone
    except Exception as error:
        send("done", {"value": None, "error": f"the value cannot be sent back ({describe(error)})", "traceback": None})


def _die_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)  # at once, whatever the main thread is doing
