"""Scheduling decisions of engines with workers, apart from processes, clusters and clocks.

`bench/simulate.py` runs the same decisions on simulated machines.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol


@dataclass(eq=False)
class Work:
    """An item to be worked on."""

    item: Any
    message: bytes = b""  # sent to its worker
    deaths: int = 0  # deaths of workers while they had it


class Worker(Protocol):
    """One worker as its engine sees it."""

    @property
    def ready(self) -> bool:
        """Whether it has started."""
        ...

    @property
    def busy(self) -> bool:
        """Whether it is working on an item."""
        ...

    def begin(self, work: Work, /) -> None:
        """Start work on an item."""
        ...


@dataclass
class Dealer:
    """A queue of items that are dealt to idle workers in order."""

    waiting: deque[Work] = field(default_factory=deque[Work])
    attempts: int = 1  # at an item whose workers die

    @classmethod
    def of(cls, work: Iterable[Work], attempts: int = 1) -> Dealer:
        """A dealer with these items waiting."""
        return cls(deque(work), attempts)

    def unfinished(self, pool: Sequence[Worker]) -> bool:
        """Whether any item is waiting or running."""
        return bool(self.waiting) or any(worker.busy for worker in pool)

    def deal(self, pool: Sequence[Worker]) -> None:
        """Give every idle worker an item."""
        for worker in pool:
            if self.waiting and worker.ready and not worker.busy:
                worker.begin(self.waiting.popleft())

    def missing(self, pool: Sequence[Worker], room: int) -> int:
        """How many more workers to start: as many as have something to do, if there is room."""
        starting = sum(not worker.ready for worker in pool)
        return max(0, min(room - len(pool), len(self.waiting) - starting))

    def takes_back(self, work: Work) -> bool:
        """Put an item whose worker died back at the front, unless too many died of it; whether it was put back."""
        work.deaths += 1
        if work.deaths >= self.attempts:
            return False
        self.waiting.appendleft(work)
        return True
