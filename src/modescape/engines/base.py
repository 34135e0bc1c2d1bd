"""The interface of every engine: functions over items, outcomes in order of completion, errors as plain text."""

from __future__ import annotations

import traceback
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, ClassVar, Protocol, Self, TypeAlias

from modescape.errors import ModescapeError

Report: TypeAlias = Callable[[Any], None]
"""Sends a small picklable event to the process that called ``map``."""

Function: TypeAlias = Callable[..., Any]
"""(item, report) -> value, or (context, item, report) -> value if `Engine.map` has a ``context``.

A top-level function, a ``functools.partial`` of one, or a picklable object.
"""

Listener: TypeAlias = Callable[[Any, Any], None]
"""(item, event) -> None; called in the process that called ``map``."""


class Opener(Protocol):
    """A small frozen value that opens the context of items in a worker; equal ones open the same."""

    def open(self) -> Any:
        """The first argument of the function."""
        ...


Openers: TypeAlias = "Opener | Callable[[Any], Opener]"
"""The opener of the context: one for all items, or a function from an item to its opener."""


@dataclass(frozen=True)
class Needs:
    """The resources that a worker needs besides a CPU."""

    memory: int = 0  # estimated peak memory, bytes; 0: unknown
    gpu: bool = False  # a GPU of its own


NOTHING = Needs()


LONGEST_ERROR = 500  # characters kept of an exception's message


@dataclass(frozen=True)
class Outcome:
    """The outcome of one item."""

    item: Any
    value: Any = None  # what the function returned; None if it failed
    error: str | None = None  # one plain line; None if it succeeded
    traceback: str | None = None  # the text of the traceback; None if there is none (success, a dead worker)


@dataclass(frozen=True)
class Job:
    """The work of a map on every item; see `Engine.map`."""

    function: Function
    context: Openers | None = None
    on_event: Listener | None = None

    def opener(self, item: Any) -> Opener | None:
        """What is opened for an item."""
        return self.context(item) if callable(self.context) else self.context

    def tell(self, item: Any, event: Any) -> None:
        """Hand an event to the listener, if there is one."""
        if self.on_event is not None:
            self.on_event(item, event)


class Engine(ABC):
    """Where work runs: a context manager whose `map` runs a function over items.

    The same function and item give the same bits on every engine of one machine: each item runs on one thread.

    ```
    with make_engine("auto", device="cpu") as engine:
        for outcome in engine.map(function, items, context=opener, on_event=listener):
            ...
    ```
    """

    elsewhere: ClassVar[bool] = False
    """Whether items run in other processes, which must be able to import the function and items."""

    clustered: ClassVar[bool] = False
    """Whether it works on a cluster, which has an address."""

    @classmethod
    def of(cls, workers: int | None, address: str | None = None, needs: Needs = NOTHING) -> Self:
        """An engine that works on this many items at once, None: one per core; ignored by engines that cannot.

        Args:
            workers: items at once.
            address: of a cluster, for a `clustered` engine.
            needs: of each worker.
        """
        return cls()

    @classmethod  # noqa: B027 - an engine may have nothing to start
    def prepare(cls, modules: Sequence[str] = ()) -> None:
        """Start importing ``modules`` in the workers, while this process does something else."""

    def meanwhile(self, modules: Sequence[str]) -> None:  # noqa: B027 - an engine may have nobody who waits
        """Have idle workers import ``modules``, one by one."""

    @property
    def at_once(self) -> int:
        """Number of items worked on at once."""
        return 1

    def map(
        self,
        function: Function,
        items: Iterable[Any],
        *,
        context: Openers | None = None,
        on_event: Listener | None = None,
    ) -> Iterator[Outcome]:
        """Run ``function(item, report)`` for every item and yield outcomes in the order of completion.

        Args:
            function: importable and picklable, for every engine; so must be its result.
            items: picklable; their ``str`` names them in messages.
            context: opened in each worker, and kept from item to item and from map to map until another one is given or
                the engine is closed; the function is then called as ``function(context.open(), item, report)``.
                Picklable; if it cannot be opened, its item fails. Or a function, called here, from an item to its
                opener.
            on_event: called here with (item, event) for each ``report(event)``, in the order of each item's reports
                and before the item's outcome; an exception of its own ends the map.

        An exception in the function fails only its item and is in `Outcome.error`. Leaving the loop early stops the
        running items.
        """
        return self.run(Job(function, context, on_event), items)

    @abstractmethod
    def run(self, job: Job, items: Iterable[Any]) -> Iterator[Outcome]:
        """Implement `map`."""

    def close(self) -> None:  # noqa: B027 - an engine may hold nothing
        """Release everything the engine holds; called on leaving the ``with`` block."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Opened:
    """The context that a process opened last: kept while the same is asked for, released before another is opened."""

    def __init__(self) -> None:
        self._opener: Opener | None = None
        self._value: Any = None

    def run(self, function: Function, item: Any, report: Report, opener: Opener | None) -> Any:
        """Call the function, with the opened context as its first argument if there is an opener."""
        if opener is None:
            return function(item, report)
        if opener != self._opener:
            self.let_go()
            self._value = opener.open()
            self._opener = opener
        return function(self._value, item, report)

    def let_go(self) -> None:
        """Release the context."""
        self._opener = self._value = None


def attempt(item: Any, run: Callable[[], Any]) -> Outcome:
    """Run one item in this process; an exception, ``sys.exit`` included, becomes the outcome's error."""
    try:
        return Outcome(item, value=run())
    except (Exception, SystemExit) as error:
        return Outcome(item, error=describe(error), traceback="".join(traceback.format_exception(error)))


def describe(error: BaseException) -> str:
    """``"ExceptionType: message"`` on one line of bounded length; modescape's own errors by their message alone."""
    if isinstance(error, ModescapeError):
        return str(error)
    message = " ".join(str(error).split())
    if len(message) > LONGEST_ERROR:
        message = message[:LONGEST_ERROR] + " ..."
    return f"{type(error).__name__}: {message}" if message else type(error).__name__
