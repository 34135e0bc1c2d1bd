"""What runs on the machines of a Ray cluster: an actor that takes items one by one."""

from __future__ import annotations

import concurrent.futures
import functools
import gc
import os
import queue
import threading
import time
from collections.abc import Iterator
from typing import Any

from modescape.engines.base import Opened, attempt, describe
from modescape.engines.packing import packed, unpack_and_run
from modescape.engines.ray_cluster import BETWEEN, Head


class Life:
    """An actor: takes an item, sends what it reports, and what became of it."""

    def __init__(self, head: str) -> None:
        """Begin; ``head`` is the address of the cluster's head, without which nobody is left to work for."""
        gc.freeze()
        self._opened = Opened()
        self._thread = concurrent.futures.ThreadPoolExecutor(1)  # all work in one thread, as in other workers
        threading.Thread(target=_die_with, args=(Head(head), os.getppid()), daemon=True).start()

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


def _die_with(head: Head, parent: int) -> None:
    """End at once when the head or this machine's part of the cluster is gone: others do the item again, or nobody.

    A head that is there ends the actors of a command that is gone; without one they would go on writing.
    """
    while os.getppid() == parent and not head.is_gone:
        time.sleep(BETWEEN / 4)
    os._exit(1)
