"""MLflow: metrics by member and epoch, tables and files of results as artifacts.

``MLFLOW_TRACKING_URI`` names the server or store, ``MLFLOW_EXPERIMENT_NAME`` the experiment; without the first they lie
in the study, in ``tracking/mlflow.db``: ``mlflow ui --backend-store-uri sqlite:///studies/digits/tracking/mlflow.db``.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any

from mlflow import MlflowClient  # pyright: ignore[reportMissingImports] - an extra

from modescape.trackers import About, EpochDone, Event, ResultReady, StageDone

MOST_PARAMETERS = 100  # that a request may hold


class Mlflow:
    """See `modescape.trackers.Tracker`."""

    def __init__(self, client: MlflowClient, run: str) -> None:
        self._client, self._run = client, run

    @property
    def run(self) -> str:
        """Its identifier."""
        return self._run

    def hear(self, event: Event) -> None:
        """The step of a metric is the epoch."""
        if isinstance(event, EpochDone):
            for name, value in event.values.items():
                self._client.log_metric(self._run, f"member {event.member:03d}/{name}", value, step=event.epoch)
        elif isinstance(event, StageDone):
            self._client.log_metric(self._run, f"seconds/{event.name}", event.seconds)
        else:
            self._show(event)

    def close(self) -> None:
        """The run is over, and may go on in another call."""
        self._client.set_terminated(self._run)

    def _show(self, result: ResultReady) -> None:
        self._client.set_tag(self._run, f"result.{result.name}", result.text[:5000])
        if result.rows:
            columns = {name: [row[at] for row in result.rows] for at, name in enumerate(result.header)}
            self._client.log_dict(self._run, columns, f"{result.name}/table.json")
        for path in result.files:
            self._client.log_artifact(self._run, str(path), result.name)


def open_run(about: About) -> Mlflow:
    """A run of MLflow; that of before, if there was one."""
    about.folder.mkdir(parents=True, exist_ok=True)
    own = f"sqlite:///{(about.folder / 'mlflow.db').absolute()}"
    given = os.environ.get("MLFLOW_TRACKING_URI")
    client = MlflowClient(tracking_uri=given or own)
    if about.run:
        client.update_run(about.run, status="RUNNING")
        return Mlflow(client, about.run)
    name = os.environ.get("MLFLOW_EXPERIMENT_NAME", "modescape")
    experiment = client.get_experiment_by_name(name)
    place = None if given else (about.folder / "mlflow-artifacts").absolute().as_uri()
    number = experiment.experiment_id if experiment else client.create_experiment(name, artifact_location=place)
    run = client.create_run(number, run_name=about.name).info.run_id
    for setting, value in list(_flat(about.recipe))[:MOST_PARAMETERS]:
        client.log_param(run, setting, str(value)[:500])
    return Mlflow(client, run)


def _flat(settings: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in settings.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{before}{name}.")
        else:
            yield before + name, value
