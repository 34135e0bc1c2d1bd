"""Weights & Biases: curves by member and epoch, tables and pictures of results, the page as an artifact.

Its own settings decide the rest (``WANDB_PROJECT``, ``WANDB_ENTITY``, ``WANDB_MODE``, ``wandb login``). Without a login
it runs offline, and ``wandb sync`` sends the folder later.
"""

from __future__ import annotations

import netrc
import os
from typing import Any

import wandb  # pyright: ignore[reportMissingImports] - an extra

from modescape.trackers import About, EpochDone, Event, ResultReady, StageDone


class WeightsAndBiases:
    """See `modescape.trackers.Tracker`."""

    def __init__(self, run: Any) -> None:
        self._run = run

    @property
    def run(self) -> str:
        """Its identifier."""
        return str(self._run.id)

    def hear(self, event: Event) -> None:
        """Curves are drawn over the member's own epochs."""
        if isinstance(event, EpochDone):
            member, axis = f"member {event.member:03d}", "epoch"
            self._run.define_metric(f"{member}/*", step_metric=f"{member}/{axis}")
            values = {f"{member}/{name}": value for name, value in event.values.items()}
            self._run.log({**values, f"{member}/{axis}": event.epoch})
        elif isinstance(event, StageDone):
            self._run.summary[f"seconds/{event.name}"] = event.seconds
        else:
            self._show(event)

    def close(self) -> None:
        """End the run; another call goes on with it."""
        self._run.finish()

    def _show(self, result: ResultReady) -> None:
        self._run.summary[f"result/{result.name}"] = result.text
        shown: dict[str, Any] = {}
        if result.rows:
            shown[f"{result.name}/table"] = wandb.Table(
                columns=list(result.header), data=[list(r) for r in result.rows]
            )
        pictures = [wandb.Image(str(path)) for path in result.files if path.suffix == ".png"]
        if pictures:
            shown[f"{result.name}/figure"] = pictures
        if shown:
            self._run.log(shown)
        kept = [path for path in result.files if path.suffix != ".png"]
        if kept:
            artifact = wandb.Artifact(f"{self._run.id}-{result.name}", type="result")
            for path in kept:
                artifact.add_file(str(path))
            self._run.log_artifact(artifact)


def open_run(about: About) -> WeightsAndBiases:
    """A run of Weights & Biases; that of before, if there was one."""
    about.folder.mkdir(parents=True, exist_ok=True)
    mode = os.environ.get("WANDB_MODE") or ("online" if _has_key() else "offline")
    run = wandb.init(
        name=about.name,
        project=os.environ.get("WANDB_PROJECT", "modescape"),
        dir=str(about.folder),
        config=dict(about.recipe),
        id=about.run or None,
        resume="allow" if about.run else None,
        mode=mode,  # type: ignore[arg-type] - as the environment says
        settings=wandb.Settings(silent=True, console="off", x_disable_stats=True, save_code=False, disable_git=True),
    )
    return WeightsAndBiases(run)


def _has_key() -> bool:
    """Whether the user has logged in: nothing is asked for in the middle of a run."""
    if os.environ.get("WANDB_API_KEY"):
        return True
    try:
        return netrc.netrc().authenticators("api.wandb.ai") is not None
    except (OSError, netrc.NetrcParseError):
        return False
