"""A table of scores as rows, each with the line that it stands in."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from modescape.errors import InputError
from modescape.plain import shown


@dataclass(frozen=True)
class Row:
    """Cells of one row; None where nothing stands."""

    line: int
    cells: tuple[Any, ...]


@dataclass(frozen=True)
class Sheet:
    """A table: a name for each column, and rows."""

    source: str  # as messages name it: "'mine.csv'"
    header: tuple[str, ...]
    rows: tuple[Row, ...]
    place: str = "line"  # what `Row.line` counts: "row" of formats without lines
    notes: tuple[str, ...] = field(default=())  # how it was read

    def at(self, row: Row) -> str:
        """Where a row stands, in messages."""
        return f"{self.source}, {self.place} {row.line}"

    def column(self, name: str) -> int:
        """Which one bears this name.

        Raises:
            InputError: if none does, with those there are.
        """
        if name not in self.header:
            columns = shown(", ".join(self.header))
            raise InputError(f"{self.source} has no column {shown(repr(name), 60)}; its columns: {columns}")
        return self.header.index(name)

    def cell(self, row: Row, name: str) -> Any:
        """The cell of a row under this name."""
        return row.cells[self.column(name)]
