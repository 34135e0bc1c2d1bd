"""Trackers' data, read back with their own readers and compared with the study."""

import json
import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from stand_ins import no_figures

from modescape import pipeline
from modescape.errors import InputError
from modescape.study import Study

pytestmark = [
    pytest.mark.long,  # optional dependencies, which take seconds to import
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # from the trackers' code and their dependencies
]
SMALL = ["train.members=2", "train.epochs=3", "data.test=100", "analyses=[ensemble_size]", "compute.engine=here"]
COLUMNS = ("lr", "train_loss", "train_accuracy", "validation_loss", "validation_accuracy", "seconds")


def run(folder: Path, tracker: str, *more: str) -> Study:
    with no_figures():
        return pipeline.run("digits", folder, overrides=[*SMALL, f"compute.track=[{tracker}]", *more])


def check_curves(study: Study, curve) -> None:
    """``curve(member, column)`` gives [(epoch, value)], which must be bit-identical to history.csv."""
    for member in study.trained:
        history = study.member(member).history()
        for column in COLUMNS:
            there = np.isfinite(history[column])
            expected = list(zip(history["epoch"][there].tolist(), history[column][there].tolist(), strict=True))
            assert curve(member, column) == expected


def test_tensorboard_holds_the_histories(tmp_path):
    events = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    from tensorboard.util import tensor_util

    study = run(tmp_path / "study", "tensorboard")
    folder = study.path / "tracking" / "tensorboard"

    def curve(member: int, column: str) -> list[tuple[int, float]]:
        read = events.EventAccumulator(str(folder / f"member-{member:03d}"), {"tensors": 0})
        read.Reload()
        return [(one.step, tensor_util.make_ndarray(one.tensor_proto).item()) for one in read.Tensors(column)]

    check_curves(study, curve)
    whole = events.EventAccumulator(str(folder / "study"), {"tensors": 0})
    whole.Reload()
    assert {"ensemble_size/text_summary", "report/text_summary"} <= set(whole.Tags()["tensors"])


def test_mlflow_holds_the_histories_and_the_page(tmp_path, monkeypatch):
    client_of = pytest.importorskip("mlflow").MlflowClient
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    study = run(tmp_path / "study", "mlflow")
    folder = study.path / "tracking"
    client = client_of(tracking_uri=f"sqlite:///{folder / 'mlflow.db'}")
    number = json.loads((folder / "mlflow.json").read_text())["run"]

    def curve(member: int, column: str) -> list[tuple[int, float]]:
        found = client.get_metric_history(number, f"member {member:03d}/{column}")
        return [(one.step, one.value) for one in found]

    check_curves(study, curve)
    assert [one.path for one in client.list_artifacts(number, "report")] == ["report/report.html", "report/table.json"]
    assert client.get_run(number).data.params["train.epochs"] == "3"


def records(folder: Path) -> Iterator:
    """Records of an offline run: a log of LevelDB's format with messages of the tracker's own."""
    from wandb.proto import wandb_internal_pb2 as messages

    (path,) = folder.glob("wandb/offline-run-*/run-*.wandb")
    data, at, parts = path.read_bytes(), 7, b""
    while at + 7 <= len(data):
        if 32768 - at % 32768 < 7:  # the rest of a block is padding
            at += 32768 - at % 32768
            continue
        _, length, kind = struct.unpack("<IHB", data[at : at + 7])
        parts += data[at + 7 : at + 7 + length]
        at += 7 + length
        if kind in (1, 4):  # a whole record, or its last part
            record = messages.Record()
            record.ParseFromString(parts)
            parts = b""
            yield record


def test_weights_and_biases_holds_the_histories(tmp_path, monkeypatch):
    pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_MODE", "offline")
    study = run(tmp_path / "study", "wandb")
    rows = [
        {"/".join(item.nested_key) or item.key: json.loads(item.value_json) for item in record.history.item}
        for record in records(study.path / "tracking")
        if record.WhichOneof("record_type") == "history"
    ]

    def curve(member: int, column: str) -> list[tuple[int, float]]:
        name = f"member {member:03d}/"
        return [(row[f"{name}epoch"], row[name + column]) for row in rows if name + column in row]

    check_curves(study, curve)


def test_a_later_run_tells_what_is_new_alone(tmp_path, monkeypatch):
    client_of = pytest.importorskip("mlflow").MlflowClient
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    run(tmp_path / "study", "mlflow")
    study = run(tmp_path / "study", "mlflow", "train.members=3")
    folder = study.path / "tracking"
    client = client_of(tracking_uri=f"sqlite:///{folder / 'mlflow.db'}")
    number = json.loads((folder / "mlflow.json").read_text())["run"]
    for member in range(3):
        assert len(client.get_metric_history(number, f"member {member:03d}/train_loss")) == 3


def test_a_server_that_is_not_there_is_said_before_anything_is_trained(tmp_path, monkeypatch):
    pytest.importorskip("mlflow")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(InputError, match="tracking with mlflow cannot begin"):
        run(tmp_path / "study", "mlflow")
    assert not Study.open(tmp_path / "study").trained
