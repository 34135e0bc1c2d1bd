"""A study followed by trackers: everything new in it is sent to each of them once.

What a tracker has received is recorded in ``tracking/<name>.json``, so that a resumed run, or an old study, is tracked
from where it is. After a kill an epoch may be sent twice, with the same values.
"""

from __future__ import annotations

import contextlib
import json
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modescape.durable import write_bytes
from modescape.errors import ModescapeError
from modescape.interop.trackers import open_tracker
from modescape.progress import Progress
from modescape.study import Study, layout
from modescape.study.members import read_history
from modescape.trackers import About, EpochDone, Event, ResultReady, StageDone, Tracker

if TYPE_CHECKING:
    import xarray as xr

TRACKING = "tracking"  # folder of a study
LOOK_SECONDS = 1.0  # shortest time between two looks at the histories
PAGE = "report"


@contextlib.contextmanager
def tracked(study: Study, progress: Progress) -> Iterator[Progress]:
    """A block in which the trackers of ``compute.track`` follow the study; its progress, which they hear.

    Raises:
        InputError: if a tracker is not installed or cannot begin; nothing has been worked on then.
    """
    names = study.recipe.compute.track
    if not names:
        yield progress
        return
    followers = [Follower.of(study, name, progress) for name in names]
    heard = _Heard(progress, followers)
    try:
        yield heard
    finally:
        for follower in followers:
            follower.close()


@dataclass
class Follower:
    """One tracker, and what it has been told."""

    study: Study
    name: str
    tracker: Tracker
    progress: Progress
    epochs: dict[str, int] = field(default_factory=dict)  # member -> epochs that were told
    results: dict[str, str] = field(default_factory=dict)  # analysis -> inputs of the result that was told
    failed: bool = False
    _seen: dict[str, int] = field(default_factory=dict)  # member -> time of its history

    @classmethod
    def of(cls, study: Study, name: str, progress: Progress) -> Follower:
        """With what was told before."""
        folder = study.path / TRACKING
        told = _told(folder / f"{name}.json")
        about = About(study.recipe.name, folder, study.recipe.model_dump(mode="json"), str(told.get("run", "")))
        tracker = open_tracker(name, about)
        return cls(study, name, tracker, progress, dict(told.get("epochs", {})), dict(told.get("results", {})))

    def look(self) -> None:
        """Tell the epochs that are new."""
        for member in range(self.study.recipe.train.members):
            path, key = layout.member_folder(self.study.path, member) / layout.HISTORY, str(member)
            with contextlib.suppress(OSError, ModescapeError):  # not there yet, or being written: told the next time
                changed = path.stat().st_mtime_ns
                if changed == self._seen.get(key):
                    continue
                for row in read_history(path, None)[self.epochs.get(key, 0) :]:
                    values = {name: float(value) for name, value in row.items() if math.isfinite(float(value))}
                    epoch = int(values.pop("epoch"))
                    self.hear(EpochDone(member, epoch, values))
                    self.epochs[key] = epoch
                self._seen[key] = changed

    def stage(self, name: str, seconds: float) -> None:
        """Tell that a stage is over, with what it left."""
        self.look()
        self.look_at_results()
        self.hear(StageDone(name, seconds))
        self.keep()

    def look_at_results(self) -> None:
        """Tell the results that are new or were made again."""
        for name in self.study.recipe.analyses or []:
            with contextlib.suppress(ModescapeError):
                result = self.study.result(name)
                made_of = str(result.attrs.get("inputs", ""))
                if self.results.get(name) != made_of and "not_enough" not in result.attrs:
                    self.hear(_ready(self.study, name, result))
                    self.results[name] = made_of

    def hear(self, event: Event) -> None:
        """Hand an event on; a tracker that fails is left alone from then on, and the run goes on."""
        if self.failed:
            return
        try:
            self.tracker.hear(event)
        except Exception as error:  # whatever a tracker, its server or the way to it does
            self._stopped(error)

    def _stopped(self, error: Exception) -> None:
        if not self.failed:
            self.failed = True
            first = next(iter(str(error).strip().splitlines()), type(error).__name__)
            self.progress.line(f"tracking with {self.name} stopped: {first}; run the same command later to continue it")

    def keep(self) -> None:
        """Write down what was told; nothing where the tracker failed: it is told again."""
        if self.failed:
            return
        told = {"run": self.tracker.run, "epochs": self.epochs, "results": self.results}
        folder = self.study.path / TRACKING
        folder.mkdir(exist_ok=True)
        write_bytes(folder / f"{self.name}.json", json.dumps(told, indent=1, sort_keys=True).encode())

    def close(self) -> None:
        """Tell what is left, and the page."""
        self.look()
        self.look_at_results()
        if (page := _page(self.study)) is not None:
            self.hear(page)
        try:
            self.tracker.close()
        except Exception as error:  # what was told may not have arrived: it is told again
            self._stopped(error)
        self.keep()


class _Heard(Progress):
    """Progress as it is shown, with followers that look when something has happened."""

    def __init__(self, shown: Progress, followers: Sequence[Follower]) -> None:
        self._shown, self._followers = shown, followers
        self.details = shown.details
        self._stage, self._begun, self._looked = "", 0.0, 0.0

    def stage(self, name: str, total: float, unit: str) -> None:
        """See `Progress`."""
        self._over()
        self._stage, self._begun = name, time.monotonic()
        self._shown.stage(name, total, unit)

    def advance(self, amount: float, note: str = "") -> None:
        """See `Progress`."""
        self._shown.advance(amount, note)
        if time.monotonic() - self._looked >= LOOK_SECONDS:
            self._looked = time.monotonic()
            for follower in self._followers:
                follower.look()

    def finish(self) -> None:
        """See `Progress`."""
        self._shown.finish()
        self._over()

    def line(self, text: str) -> None:
        """See `Progress`."""
        self._shown.line(text)

    def notice(self, text: str) -> None:
        """See `Progress`."""
        self._shown.notice(text)

    def detail(self, text: str | None) -> None:
        """See `Progress`."""
        self._shown.detail(text)

    def _over(self) -> None:
        if self._stage:
            for follower in self._followers:
                follower.stage(self._stage, time.monotonic() - self._begun)
            self._stage = ""


def _told(path: Path) -> dict[str, Any]:
    """The content of the file; empty where there is none, or it is not such a file."""
    try:
        told = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return told if isinstance(told, dict) else {}


def _ready(study: Study, name: str, result: xr.Dataset) -> ResultReady:
    """A result with its summary and its figure for papers."""
    from modescape.report.sections import summarize

    summary = summarize(name, result)
    files = [study.figure_path(name, "png"), layout.result_path(study.path, name)]
    there = tuple(path for path in files if path.is_file())
    return ResultReady(name, summary.text, summary.header, summary.rows, there)


def _page(study: Study) -> ResultReady | None:
    """The page with its verdict; None where there is none."""
    from modescape.pipeline.reporting import page_content
    from modescape.report.verdict import judge

    path = study.path / layout.REPORT
    if not path.is_file():
        return None
    verdict = judge(page_content(study).results, imported=study.recipe.imported is not None)
    text = " ".join([verdict.answer, *verdict.sentences])
    header = ("score", "better", "one network", "ensemble", "gain", "interval")
    return ResultReady(PAGE, text, header, tuple(verdict.scores), (path,))
