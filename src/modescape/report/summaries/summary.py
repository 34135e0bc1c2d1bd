"""A figure in a sentence and a small table."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Summary:
    """A sentence and a table."""

    text: str  # the text alternative of the figure
    header: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    left_out: int = 0  # rows that did not fit
