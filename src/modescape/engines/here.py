"""Work in this process, one item after another."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from modescape.engines.base import Engine, Function, Listener, Outcome, attempt
from modescape.runtime import one_thread


class _ListenerFailed(BaseException):
    """Carries a listener's exception through the function, which may catch every ``Exception``."""

    def __init__(self, error: Exception) -> None:
        self.error = error


@dataclass(frozen=True)
class Here(Engine):
    """This process: no start-up, one item at a time.

    CPU work has one thread, as in a worker process: sums are grouped by thread, so another number of threads gives
    other bits. The caller's thread counts are back whenever an outcome is yielded.
    """

    def map(self, function: Function, items: Iterable[Any], on_event: Listener | None = None) -> Iterator[Outcome]:
        """Run the items in order; see `Engine.map`."""
        for item in items:

            def report(event: Any, item: Any = item) -> None:
                if on_event is not None:
                    try:
                        on_event(item, event)
                    except Exception as error:
                        raise _ListenerFailed(error) from error

            try:
                with one_thread():
                    outcome = attempt(function, item, report)
            except _ListenerFailed as failed:
                raise failed.error from None
            yield outcome
