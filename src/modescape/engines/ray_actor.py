"""The actor on the machines of a Ray cluster, which takes items one by one."""

from __future__ import annotations

import concurrent.futures
import functools
import gc
import os
import queue
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

from modescape.engines.base import Opened, attempt, describe
from modescape.engines.packing import packed, unpack_and_run
from modescape.engines.ray_cluster import BETWEEN, Head

MOMENT = 0.1  # seconds for which events are collected into one message

Message: TypeAlias = tuple[list[bytes], bytes | None]
"""Events, and the outcome once the item is done."""


class Life:
    """An actor: takes an item, sends its reports and its outcome."""

    def __init__(self, head: str) -> None:
        """Start; ``head`` is the address of the cluster's head, without which the actor ends."""
        gc.freeze()
        self._opened = Opened()
        self._thread = concurrent.futures.ThreadPoolExecutor(1)  # all items in one thread, as in other workers
        threading.Thread(target=_die_with, args=(Head(head), os.getppid()), daemon=True).start()

    def ready(self) -> None:
        """Returns once the actor has started."""

    def work(self, message: bytes) -> Iterator[Message]:
        """Messages of one item: events as they are reported, in batches, then the outcome."""
        said: queue.SimpleQueue[bytes | _End] = queue.SimpleQueue()

        def report(event: Any) -> None:
            said.put(packed(event))

        def done() -> None:
            outcome = attempt(None, functools.partial(unpack_and_run, self._opened, message, report))
            content = {"value": outcome.value, "error": outcome.error, "traceback": outcome.traceback}
            try:
                said.put(_End(packed(content)))
            except Exception as error:
                lost = f"the value cannot be sent back ({describe(error)})"
                said.put(_End(packed({"value": None, "error": lost, "traceback": None})))

        self._thread.submit(done)
        yield from _gathered(said)


@dataclass(frozen=True)
class _End:
    """The outcome of an item, as it is sent."""

    content: bytes


def _gathered(said: queue.SimpleQueue[bytes | _End]) -> Iterator[Message]:
    """Batches of events, as each message costs Ray a millisecond; the last message has the outcome."""
    while True:
        events, end = [said.get()], time.monotonic() + MOMENT
        while not isinstance(events[-1], _End):
            try:
                events.append(said.get(timeout=max(0.0, end - time.monotonic())))
            except queue.Empty:
                break
        sent = [event for event in events if not isinstance(event, _End)]
        if isinstance(events[-1], _End):
            yield sent, events[-1].content
            return
        yield sent, None


def _die_with(head: Head, parent: int) -> None:
    """End at once when the head, or this machine's part of the cluster, is gone.

    A live head ends the actors of a command that has died; without one they would go on writing.
    """
    while os.getppid() == parent and not head.is_gone:
        time.sleep(BETWEEN / 4)
    os._exit(1)
