"""Failures in stages that prepare data for analyses: each analysis can make what is missing, so the run continues."""

from __future__ import annotations

import traceback
from dataclasses import dataclass

from modescape.engines.base import describe
from modescape.progress import Progress

AGAIN = "each analysis makes what it lacks"


@dataclass
class Failures:
    """Counts what failed, and says it once, by the first error."""

    progress: Progress
    stage: str  # "predicting samples"
    count: int = 0
    first: str = ""

    def add(self, what: object, error: str, trace: str | None) -> None:
        """``what`` failed with an error, on one line."""
        self.progress.detail(trace)
        self.first = self.first or f"{what}: {error}"
        self.count += 1

    def raised(self, what: object, error: Exception) -> None:
        """The same, of an exception in this process."""
        self.add(what, describe(error), "".join(traceback.format_exception(error)))

    def say(self) -> None:
        """One line where anything failed."""
        if self.count:
            others = f" (and {self.count - 1} more)" if self.count > 1 else ""
            self.progress.line(f"{self.stage} failed in part, {self.first}{others}; {AGAIN}")
