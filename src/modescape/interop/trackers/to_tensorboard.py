"""TensorBoard: a run a member, so that one chart holds all curves; results as texts and pictures.

Event files lie in the study, under ``tracking/tensorboard``: ``tensorboard --logdir studies``. It keeps no files, so
the page is named and stays where it is.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch.utils.tensorboard import SummaryWriter  # needs the package tensorboard

from modescape.trackers import About, EpochDone, Event, ResultReady, StageDone


class TensorBoard:
    """See `modescape.trackers.Tracker`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._writers: dict[str, SummaryWriter] = {}

    @property
    def run(self) -> str:
        """Its folder's name; what comes later lies beside it."""
        return self.folder.name

    def hear(self, event: Event) -> None:
        """Numbers in double precision, as they are in ``history.csv``."""
        if isinstance(event, EpochDone):
            for name, value in event.values.items():
                self._writer(f"member-{event.member:03d}").add_scalar(
                    name, value, event.epoch, new_style=True, double_precision=True
                )
        elif isinstance(event, StageDone):
            self._writer("study").add_text("stages", f"{event.name}: {event.seconds:.1f} s")
        else:
            self._show(event)

    def close(self) -> None:
        """Write what is held back."""
        for writer in self._writers.values():
            writer.close()

    def _show(self, result: ResultReady) -> None:
        writer = self._writer("study")
        writer.add_text(result.name, "\n\n".join(filter(None, (result.text, _table(result), _places(result)))))
        for path in result.files:
            if path.suffix == ".png":
                writer.add_image(result.name, _pixels(path), dataformats="HWC")

    def _writer(self, name: str) -> SummaryWriter:
        if name not in self._writers:
            self._writers[name] = SummaryWriter(str(self.folder / name))
        return self._writers[name]


def open_run(about: About) -> TensorBoard:
    """Event files of later calls lie beside those of earlier ones."""
    return TensorBoard(about.folder / "tensorboard")


def _table(result: ResultReady) -> str:
    """In Markdown."""
    if not result.rows:
        return ""
    rows = [result.header, ("---",) * len(result.header), *result.rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows)


def _places(result: ResultReady) -> str:
    pages = [str(path) for path in result.files if path.suffix == ".html"]
    return f"Page: {', '.join(pages)}" if pages else ""


def _pixels(path: Path) -> Any:
    from matplotlib.image import imread

    return imread(path)
