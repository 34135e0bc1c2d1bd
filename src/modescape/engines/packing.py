"""Messages between a process and its own workers: items with their function, and outcomes."""

from __future__ import annotations

import pickle  # messages between a process and its own workers; never a file
from collections.abc import Callable
from typing import Any

from modescape.engines.base import Function, Opened, Opener, describe
from modescape.errors import WorkError


def pack(function: Function, item: Any, context: Opener | None) -> bytes:
    """Pickle a job; `multiprocessing`'s own pickling would send tensors as shared memory, which dies with its worker.

    Raises:
        WorkError: if it cannot be pickled.
    """
    try:
        return pickle.dumps((function, item, context), protocol=pickle.HIGHEST_PROTOCOL)
    except Exception as error:
        raise WorkError(
            f"{function} of {item} cannot be sent to a worker process ({describe(error)}); "
            "map a function from the top level of a module over plain data"
        ) from error


def packed(content: Any) -> bytes:
    """A message."""
    return pickle.dumps(content, protocol=pickle.HIGHEST_PROTOCOL)


def unpacked(message: bytes) -> Any:
    """Unpickle a message; only for messages from this process's own workers."""
    return pickle.loads(message)


def unpack_and_run(opened: Opened, message: bytes, report: Callable[[Any], None]) -> Any:
    """Run the job of a message and return the function's result."""
    function, item, opener = pickle.loads(message)
    return opened.run(function, item, report, opener)
