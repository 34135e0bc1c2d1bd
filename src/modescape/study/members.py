"""A member's folder: its state and its history."""

from __future__ import annotations

import csv
import functools
import hashlib
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modescape import durable
from modescape.errors import DamageError
from modescape.plain import MOST_EPOCHS, MOST_MEMBERS, MOST_NAME, is_count, shown
from modescape.study import layout
from modescape.study.sealed import parse_sealed, sealed_text
from modescape.tasks import TASKS

if TYPE_CHECKING:
    import numpy as np

    from modescape.study.folder import StudyFolder


def history_columns(column: str) -> tuple[str, ...]:
    """Columns of a history, with the task's column besides the loss (`modescape.tasks.Task.column`)."""
    told = [f"{split}_{name}" for split in ("train", "validation") for name in ("loss", column)]
    return ("epoch", "lr", *told, "seconds")


HISTORY_COLUMNS = history_columns("accuracy")
KNOWN_COLUMNS = {history_columns(known.column) for known in TASKS.values()}

MOST_HISTORY = 1 << 24  # bytes: a row of seven numbers takes about 120


@dataclass(frozen=True, kw_only=True)
class Member:
    """One independently trained network, as described by ``state.json`` when it was read."""

    number: int
    path: Path  # its folder
    status: str = "missing"  # one of `layout.STATUSES`
    epochs_done: int = 0
    message: str = ""  # why it diverged or failed
    checksums: dict[str, str] = field(default_factory=dict)  # name of a checkpoint -> SHA-256, hex
    timings: dict[str, float] = field(default_factory=dict)  # seconds
    history_checksum: str = ""  # SHA-256 of history.csv, hex
    group: tuple[int, int] | None = None  # first member and size of its group, if it is trained with others
    stopped: tuple[int, int] | None = None
    # early stopping: the epoch after which it was reset, and its best epoch, which later checkpoints hold
    machine: str = ""  # the kind on which it was trained

    def history(self) -> dict[str, np.ndarray]:
        """Columns of ``history.csv``, one entry per epoch: ``epoch`` int64, the others float64; empty before epoch 1.

        Raises:
            DamageError: if the file is damaged.
        """
        import numpy as np

        final = self.status in ("trained", "diverged")  # until then the file may be newer than its checksum
        rows = read_history(self.path / layout.HISTORY, (self.history_checksum or None) if final else None)
        return {
            name: np.array([row[name] for row in rows], dtype=np.int64 if name == "epoch" else np.float64)
            for name in (rows[0] if rows else HISTORY_COLUMNS)
        }


def _is_status(value: Any) -> bool:
    return isinstance(value, str) and value in layout.STATUSES


def _are_checksums(value: Any) -> bool:
    """Names of checkpoints (which stay in the folder) -> SHA-256."""
    return isinstance(value, dict) and all(
        layout.is_checkpoint(name) and isinstance(digest, str) and len(digest) <= 64 for name, digest in value.items()
    )


def _are_seconds(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(number, (int, float)) for number in value.values())


def _is_group(value: Any) -> bool:
    return value is None or (
        isinstance(value, list)
        and len(value) == 2
        and is_count(value[0], 0, MOST_MEMBERS)
        and is_count(value[1], 1, MOST_MEMBERS)
    )


def _is_stopped(value: Any) -> bool:
    return value is None or (
        isinstance(value, list) and len(value) == 2 and all(is_count(epoch, 1, MOST_EPOCHS) for epoch in value)
    )


_STATE: dict[str, tuple[Callable[[Any], bool], Any]] = {  # key -> check of its value, and the value if absent
    "status": (_is_status, None),
    "epochs_done": (lambda value: is_count(value, 0, MOST_EPOCHS), None),
    "message": (lambda value: isinstance(value, str), ""),
    "checksums": (_are_checksums, {}),
    "timings": (_are_seconds, {}),
    "history_checksum": (lambda value: isinstance(value, str), ""),
    "group": (_is_group, None),
    "stopped": (_is_stopped, None),
    "machine": (lambda value: isinstance(value, str) and len(value) <= MOST_NAME, ""),
}


def read_member(study: Path, number: int) -> Member:
    """A member by its ``state.json``; "missing" if it has none.

    Raises:
        DamageError: if the file is damaged.
    """
    folder = layout.member_folder(study, number)
    path = folder / layout.STATE
    try:
        found = _parsed(path, number, layout.read_file(path, layout.MOST_JSON))
    except FileNotFoundError:
        return Member(number=number, path=folder)
    return replace(found, checksums=dict(found.checksums), timings=dict(found.timings))


@functools.lru_cache(maxsize=1024)
def _parsed(path: Path, number: int, data: bytes) -> Member:
    """The member of a ``state.json``; whoever reads a checkpoint asks for its checksum, thousands of times a run."""
    state = parse_sealed(path, data)
    for key, (fits, default) in _STATE.items():
        if not fits(state.get(key, default)):
            raise DamageError(f"'{path}' is damaged: wrong {key}")
    known = ("status", "epochs_done", "message", "checksums", "timings", "history_checksum", "machine")
    pairs = {name: tuple(state[name]) if state.get(name) else None for name in ("group", "stopped")}
    return Member(number=number, path=path.parent, **pairs, **{name: state[name] for name in known if name in state})


def write_member_state(
    study: StudyFolder,
    member: int,
    *,
    status: str,
    epochs_done: int,
    message: str = "",
    checksums: Mapping[str, str],
    timings: Mapping[str, float],
    history_checksum: str = "",
    group: tuple[int, int] | None = None,
    stopped: tuple[int, int] | None = None,
    machine: str = "",
) -> None:
    """Replace ``state.json`` (sorted keys).

    Args:
        study: the study, held by the caller.
        member: number of the member.
        status: one of `layout.STATUSES`.
        epochs_done: finished epochs of training.
        message: why it diverged or failed, one plain line.
        checksums: name of each checkpoint -> SHA-256 (hex), as ``write_checkpoint`` returned it.
        timings: name -> seconds.
        history_checksum: as `write_history` returned it.
        group: first member and size of the group it is trained in; None for a member trained alone.
        stopped: the epoch after which it was reset to its best epoch, and that epoch; None without early stopping.
        machine: the kind on which it is trained (`runtime.machine_kind`), if that is known.

    Raises:
        ValueError: if the status is unknown.
    """
    if status not in layout.STATUSES:
        raise ValueError(f"status {status!r} is not one of {layout.STATUSES}")
    state = {
        "status": status,
        "epochs_done": epochs_done,
        "message": message.encode("utf-8", "backslashreplace").decode(),  # names of files may be no Unicode
        "checksums": dict(sorted(checksums.items())),
        "timings": dict(sorted(timings.items())),
        "history_checksum": history_checksum,
        **({"group": list(group)} if group else {}),
        **({"stopped": list(stopped)} if stopped else {}),
        **({"machine": machine} if machine else {}),
    }
    path = layout.member_folder(study.path, member) / layout.STATE
    durable.write_text(path, sealed_text(dict(sorted(state.items()))), study.path)


def write_history(study: StudyFolder, member: int, rows: Sequence[Mapping[str, Any]]) -> str:
    """Replace ``history.csv``: one row per epoch, keys `history_columns`; floats are written without loss.

    Returns:
        its SHA-256 (hex), for ``state.json``.

    Raises:
        KeyError: if a row lacks a column.
    """
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    columns = history_columns(study.task.column)
    writer.writerow(columns)
    for row in rows:
        writer.writerow([int(row["epoch"]), *(repr(float(row[name])) for name in columns[1:])])
    data = buffer.getvalue().encode()
    durable.write_bytes(layout.member_folder(study.path, member) / layout.HISTORY, data, study.path)
    return hashlib.sha256(data).hexdigest()


def read_history(path: Path, checksum: str | None = None) -> list[dict[str, float]]:
    """Rows of a ``history.csv``; none if there is no such file and no ``checksum`` (SHA-256, hex) that it should have.

    Raises:
        DamageError: if the file is damaged.
    """
    try:
        data = layout.read_file(path, MOST_HISTORY)
        if checksum is not None and hashlib.sha256(data).hexdigest() != checksum:
            raise DamageError(f"'{path}' is damaged: its SHA-256 is not the one in {layout.STATE}")
        text = data.decode()
    except FileNotFoundError:
        if checksum is not None:
            raise DamageError(f"'{path}' is missing") from None
        return []
    except UnicodeDecodeError as error:
        raise DamageError(f"'{path}' is damaged: it cannot be read as text") from error
    try:
        header, *lines = csv.reader(io.StringIO(text)) if text else [[]]
        if tuple(header) not in KNOWN_COLUMNS:
            raise DamageError(f"'{path}' is damaged: its first line is not {','.join(HISTORY_COLUMNS)}")
        return [
            {name: _epoch(value) if name == "epoch" else float(value) for name, value in zip(header, line, strict=True)}
            for line in lines
        ]
    except (ValueError, csv.Error) as error:  # csv.Error: a field without end
        raise DamageError(f"'{path}' is damaged: {shown(error)}") from error


def _epoch(text: str) -> int:
    if not is_count(number := int(text), 0, MOST_EPOCHS):
        raise ValueError(f"epoch {number} is not between 0 and {MOST_EPOCHS:,}")
    return number
