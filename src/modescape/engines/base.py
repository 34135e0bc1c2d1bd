"""What every engine promises: functions over items, outcomes as they come, errors as plain text."""

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
"""(item, report) -> value, or (context, item, report) -> value where `Engine.map` is given something to open.

A top-level function, a ``functools.partial`` of one, or a picklable object.
"""

Listener: TypeAlias = Callable[[Any, Any], None]
"""(item, event) -> None; called in the process that called ``map``."""


class Opener(Protocol):
    """A small frozen value that opens what items are worked on with; equal ones open the same."""

    def open(self) -> Any:
        """What the function gets as its first argument."""
        ...


Openers: TypeAlias = "Opener | Callable[[Any], Opener]"
"""What opens the first argument of a function: the same for all items, or for each item its own."""


@dataclass(frozen=True)
class Needs:
    """What a worker takes of the machine that it is on, beside a CPU."""

    memory: int = 0  # bytes that it holds at most, about; 0 where nobody has reckoned them
    gpu: bool = False  # a GPU of its own


NOTHING = Needs()


LONGEST_ERROR = 500  # characters of a foreign exception's message that are kept


@dataclass(frozen=True)
class Outcome:
    """What became of one item."""

    item: Any
    value: Any = None  # what the function returned; None when it failed
    error: str | None = None  # one plain line; None when it succeeded
    traceback: str | None = None  # the text of the traceback; None when there is none (success, a dead worker)


@dataclass(frozen=True)
class Job:
    """What is done with every item of a map; see `Engine.map`."""

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
    """Whether items are worked on in other processes, which must be able to import what they are given."""

    clustered: ClassVar[bool] = False
    """Whether it works on a cluster, which has an address."""

    @classmethod
    def of(cls, workers: int | None, address: str | None = None, needs: Needs = NOTHING) -> Self:
        """An engine that works on this many items at once, None for one per core; one that cannot has no use for it.

        Args:
            workers: items at once.
            address: of a cluster, for an engine that is `clustered`.
            needs: of each worker.
        """
        return cls()

    @classmethod  # noqa: B027 - an engine may have nothing to start
    def prepare(cls, modules: Sequence[str] = ()) -> None:
        """Have ``modules`` imported where items will be worked on, while this process does something else."""

    def meanwhile(self, modules: Sequence[str]) -> None:  # noqa: B027 - an engine may have nobody who waits
        """Have ``modules`` imported where items will be worked on, one by one, whenever there is none to work on."""

    @property
    def at_once(self) -> int:
        """How many items are worked on at once."""
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
            function: importable and picklable, whichever the engine; what it returns is picklable too.
            items: picklable things whose ``str`` names them in messages.
            context: opened where the items are worked on, and kept there from item to item and from map to map until
                another one is given or the engine is closed; the function is then called as
                ``function(context.open(), item, report)``. Picklable; where it cannot be opened, its item fails. Or a
                function from an item to what is opened for it, called here.
            on_event: called here with (item, event) for each ``report(event)``, in the order of each item's reports
                and before the item's outcome; an exception of its own ends the map.

        An exception in the function ends its item alone and is in `Outcome.error`. Leaving the loop early stops the
        items in work.
        """
        return self.run(Job(function, context, on_event), items)

    @abstractmethod
    def run(self, job: Job, items: Iterable[Any]) -> Iterator[Outcome]:
        """Do what `map` promises."""

    def close(self) -> None:  # noqa: B027 - an engine may hold nothing
        """Let go of everything the engine holds; called on leaving the ``with`` block."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Opened:
    """What one process has opened last: kept while the same is asked for, let go before another is opened."""

    def __init__(self) -> None:
        self._opener: Opener | None = None
        self._value: Any = None

    def run(self, function: Function, item: Any, report: Report, opener: Opener | None) -> Any:
        """Call the function, with what the opener opens as its first argument where there is one."""
        if opener is None:
            return function(item, report)
        if opener != self._opener:
            self.let_go()
            self._value = opener.open()
            self._opener = opener
        return function(self._value, item, report)

    def let_go(self) -> None:
        """Hold nothing."""
        self._opener = self._value = None


def attempt(item: Any, run: Callable[[], Any]) -> Outcome:
    """Run one item in this process; an exception, ``sys.exit`` included, becomes the outcome's error."""
    try:
        return Outcome(item, value=run())
    except (Exception, SystemExit) as error:
        return Outcome(item, error=describe(error), traceback="".join(traceback.format_exception(error)))


def describe(error: BaseException) -> str:
    """``"ExceptionType: message"`` on one line of bounded length; our own errors' messages as they are."""
    if isinstance(error, ModescapeError):
        return str(error)
    message = " ".join(str(error).split())
    if len(message) > LONGEST_ERROR:
        message = message[:LONGEST_ERROR] + " ..."
    return f"{type(error).__name__}: {message}" if message else type(error).__name__
