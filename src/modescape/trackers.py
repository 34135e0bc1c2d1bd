"""The events that trackers receive, and the interface of a tracker."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeAlias

TRACKER_NAMES = ("tensorboard", "wandb", "mlflow")


@dataclass(frozen=True)
class About:
    """The study that is tracked."""

    name: str  # of the recipe
    folder: Path  # where a tracker may keep what it writes
    recipe: Mapping[str, Any]  # as run, every default spelled out
    run: str = ""  # `Tracker.run` from the last time this study was tracked; "" the first time


@dataclass(frozen=True)
class EpochDone:
    """A member finished an epoch; values are the columns of its ``history.csv``."""

    member: int
    epoch: int
    values: Mapping[str, float]  # without NaN, such as the training loss at epoch 0


@dataclass(frozen=True)
class StageDone:
    """A stage of the run is over."""

    name: str
    seconds: float


@dataclass(frozen=True)
class ResultReady:
    """A result, or the page with its verdict: a text, a table, and files."""

    name: str
    text: str
    header: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    files: tuple[Path, ...] = ()  # figures, result, page


Event: TypeAlias = EpochDone | StageDone | ResultReady


class Tracker(Protocol):
    """One tracker, told of one study."""

    @property
    def run(self) -> str:
        """The tracker's own identifier of this study, by which tracking resumes where it stopped."""
        ...

    def hear(self, event: Event) -> None:
        """Show an event; may raise any exception of the tracker's library."""
        ...

    def close(self) -> None:
        """Finish: no more events follow in this process."""
        ...
