"""Who works on what: what engines with workers decide, apart from processes, clusters and clocks.

`bench/simulate.py` runs the same decisions against machines that are made up.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol


@dataclass(eq=False)
class Work:
    """An item that is to be worked on."""

    item: Any
    message: bytes = b""  # what its worker is sent
    deaths: int = 0  # of workers that had it


class Worker(Protocol):
    """One worker as its engine sees it."""

    @property
    def ready(self) -> bool:
        """Whether it has started."""
        ...

    @property
    def busy(self) -> bool:
        """Whether it works on something."""
        ...

    def begin(self, work: Work, /) -> None:
        """Have it work on an item."""
        ...


@dataclass
class Dealer:
    """Items that wait for workers, dealt to whichever is idle, in order."""

    waiting: deque[Work] = field(default_factory=deque[Work])
    attempts: int = 1  # of an item whose workers die

    @classmethod
    def of(cls, work: Iterable[Work], attempts: int = 1) -> Dealer:
        """With these to be done."""
        return cls(deque(work), attempts)

    def unfinished(self, pool: Sequence[Worker]) -> bool:
        """Whether anything waits or is in work."""
        return bool(self.waiting) or any(worker.busy for worker in pool)

    def deal(self, pool: Sequence[Worker]) -> None:
        """Give every idle worker an item."""
        for worker in pool:
            if self.waiting and worker.ready and not worker.busy:
                worker.begin(self.waiting.popleft())

    def missing(self, pool: Sequence[Worker], room: int) -> int:
        """How many more workers are to be started: as many as have something to do, where there is room."""
        starting = sum(not worker.ready for worker in pool)
        return max(0, min(room - len(pool), len(self.waiting) - starting))

    def takes_back(self, work: Work) -> bool:
        """Whether an item whose worker has died is dealt again, as the next one; not if too many have died of it."""
        work.deaths += 1
        if work.deaths >= self.attempts:
            return False
        self.waiting.appendleft(work)
        return True
