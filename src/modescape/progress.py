"""Progress of long work; nothing here is needed for the work itself."""

from __future__ import annotations

import math
import sys
import time
from typing import Any

from modescape.plain import visible

EXAMPLES = ("images", "rows", "sentences", "examples")  # units for which a speed is shown


class Progress:
    """The interface, and its silent implementation: a stage has a number of units; lines come in between."""

    details = False  # whether tracebacks of work that failed are shown

    def stage(self, name: str, total: float, unit: str) -> None:
        """Begin a stage of ``total`` units (examples forwarded or trained, analyses)."""

    def advance(self, amount: float, note: str = "") -> None:
        """``amount`` more units are done; ``note`` is a short state such as "member 3, epoch 7/40"."""

    def finish(self) -> None:
        """The stage is over."""

    def line(self, text: str) -> None:
        """Show one line that stays."""

    def notice(self, text: str) -> None:
        """Show one line that even the silent implementation shows: what a user must know beforehand."""
        print(visible(text), file=sys.stderr, flush=True)

    def detail(self, text: str | None) -> None:
        """Show where work failed (a traceback, as text), if `details` are wanted."""
        if self.details and text:
            print(text, file=sys.stderr)


REWRITE_SECONDS = 0.5  # shortest time between two states of a notebook's line


def usual() -> Progress:
    """The default for calls from Python: bars in a notebook or at a terminal, silence elsewhere."""
    return BarProgress() if in_notebook() or sys.stderr.isatty() else Progress()


def in_notebook() -> bool:
    """Whether this is the kernel of a notebook; its streams claim to be terminals and are not."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return getattr(shell, "kernel", None) is not None


class BarProgress(Progress):
    """Progress bars on standard error (rich); a line that is rewritten in a notebook; elsewhere one line a stage."""

    def __init__(self) -> None:
        from rich.console import Console

        self._rewrites = in_notebook()
        # rich's notebook bars need ipywidgets, and show nothing without it
        terminal = False if self._rewrites else None
        self.console = Console(stderr=True, highlight=False, force_jupyter=False, force_terminal=terminal)
        self._shown, self._shown_at = "", 0.0  # the line that is rewritten
        self._bar: Any = None
        self._task: Any = None
        self._name, self._total, self._done, self._unit, self._started = "", 0.0, 0.0, "", 0.0

    def stage(self, name: str, total: float, unit: str) -> None:
        """Show a bar with speed and time left."""
        from rich.progress import BarColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
        from rich.progress import Progress as Bar

        self.finish()
        self._name, self._total, self._done, self._unit = name, total, 0.0, unit
        self._started, self._shown_at = time.perf_counter(), -math.inf  # the first state is shown at once
        if not self.console.is_terminal:
            return
        self._bar = Bar(
            TextColumn("{task.description:<9}"),
            BarColumn(bar_width=14),
            TextColumn("{task.percentage:>3.0f} %  {task.fields[note]}  {task.fields[speed]}"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=self.console,
            transient=True,
        )
        self._task = self._bar.add_task(name, total=total, note="", speed="")
        self._bar.start()

    def advance(self, amount: float, note: str = "") -> None:
        """Move the bar."""
        self._done += amount
        if self._bar is None and not self._rewrites:
            return
        speed = self._done / max(time.perf_counter() - self._started, 1e-9)
        fields = {"speed": f"{speed:,.0f} {self._unit}/s" if self._unit in EXAMPLES else ""}
        if note:
            fields["note"] = note
        if self._bar is not None:
            self._bar.update(self._task, advance=amount, **fields)
        elif time.perf_counter() - self._shown_at >= REWRITE_SECONDS:
            share = 100 * self._done / max(self._total, 1e-9)
            self._rewrite(f"{self._name:<9} {share:>3.0f} %  {visible(note)}  {fields['speed']}".rstrip())

    def _rewrite(self, text: str) -> None:
        """Put a text over the line that was shown last; "" before a line that stays."""
        if text or self._shown:
            self.console.file.write(f"\r{text.ljust(len(self._shown))}" + ("" if text else "\r"))
            self.console.file.flush()
        self._shown, self._shown_at = text, time.perf_counter()

    def finish(self) -> None:
        """Replace the bar by a line that stays."""
        if not self._name:
            return
        if self._bar is not None:
            self._bar.stop()
        self._rewrite("")
        seconds = time.perf_counter() - self._started
        speed = f", {self._done / max(seconds, 1e-9):,.0f} {self._unit}/s" if self._unit in EXAMPLES else ""
        one = "analysis" if self._unit == "analyses" else self._unit.removesuffix("s")
        unit = one if self._done == 1 else self._unit
        self.console.print(f"{self._name:<9} {self._done:,.0f} {unit} in {seconds:.1f} s{speed}", markup=False)
        self._bar, self._name = None, ""

    def line(self, text: str) -> None:
        """Print above the bar."""
        self._rewrite("")
        self.console.print(visible(text), markup=False, soft_wrap=True)

    def notice(self, text: str) -> None:
        """As any line."""
        self.line(text)
