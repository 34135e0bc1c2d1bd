"""Options that describe files of predictions where these do not describe themselves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from modescape.errors import InputError
from modescape.interop.predictions.kinds import KINDS
from modescape.plain import nearest

TASKS = ("classification", "regression")


@dataclass(frozen=True, kw_only=True)
class Options:
    """How files are to be read; what is empty is found out."""

    labels: str | None = None  # FILE or FILE:COLUMN; None: the files of predictions hold them
    kind: str = ""  # of `KINDS`
    task: str = ""  # of `TASKS`
    id_column: str = ""
    groups: Mapping[str, str] = field(default_factory=dict[str, str])  # method -> names or patterns, by commas
    parts: str = ""  # a column, FILE or FILE:COLUMN: examples that are reported one by one
    examples_group: str = ""  # likewise: what is resampled together
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse words that are not known."""
        if self.kind and self.kind not in KINDS:
            raise InputError(f"there is no kind {self.kind!r} of predictions; {nearest(self.kind, list(KINDS))}")
        if self.task and self.task not in TASKS:
            raise InputError(f"there is no task {self.task!r} here; known: {', '.join(TASKS)}")

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns that hold no predictions."""
        return tuple(name for name in (self.parts, self.examples_group) if name)
