"""Work in this process, one item after another."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from modescape.engines.base import Engine, Job, Opened, Outcome, attempt
from modescape.runtime import one_thread


class _ListenerFailed(BaseException):
    """Carries a listener's exception through the function, which may catch every ``Exception``."""

    def __init__(self, error: Exception) -> None:
        self.error = error


@dataclass(frozen=True)
class Here(Engine):
    """This process: no start-up, one item at a time.

    Work has one CPU thread, as in a worker process: sums are grouped by thread, so that another number of threads would
    give other bits. The caller's thread counts are restored whenever an outcome is yielded.
    """

    _opened: Opened = field(default_factory=Opened, init=False, repr=False, compare=False)

    def run(self, job: Job, items: Iterable[Any]) -> Iterator[Outcome]:
        """Work on the items in order."""
        for item in items:

            def report(event: Any, item: Any = item) -> None:
                try:
                    job.tell(item, event)
                except Exception as error:
                    raise _ListenerFailed(error) from error

            try:
                with one_thread():
                    call = functools.partial(self._opened.run, job.function, item, report, job.opener(item))
                    outcome = attempt(item, call)
            except _ListenerFailed as failed:
                raise failed.error from None
            yield outcome

    def close(self) -> None:
        """Release the context; a later `map` reopens it."""
        self._opened.let_go()
