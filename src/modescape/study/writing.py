"""The writer of predictions of checkpoints: assigns rows to models, and replaces damaged ones."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

import numpy as np
import zarr

from modescape import durable
from modescape.errors import DamageError, InputError, WorkError
from modescape.study import layout
from modescape.study.predictions import Predictions, split_group

if TYPE_CHECKING:
    from modescape.study.folder import StudyFolder


class PredictionWriter:
    """Writes the predictions of one split; a copy may go to other processes, each writing other rows."""

    def __init__(self, study: StudyFolder, split: str) -> None:
        """Name the target; nothing is opened yet."""
        self.study, self.split, self.group = study, split, split_group(study, split)

    def create_or_extend(
        self, wanted: Sequence[tuple[int, int]], label: np.ndarray, width: int, names: np.ndarray | None = None
    ) -> list[tuple[int, int, int]]:
        """Give every wanted model a row, keeping existing rows, and return those still to be written.

        Only the holder of the study's lock calls this. Rows are in the order first asked for. Every existing row is
        read once; a damaged one is to be written again. If more than single rows is damaged, the split is begun again,
        as predictions can always be made again.

        Args:
            wanted: (member, epoch) of the models.
            label: the targets as the task stores them: classes, int64 [example].
            width: of an example's prediction, such as the number of classes.
            names: name of each example's group, strings [example]; None without groups.

        Returns:
            (row, member, epoch) of the wanted models without a readable chunk, by row.

        Raises:
            WorkError: if the split cannot be written.
        """
        durable.sweep(self.study.path / layout.PREDICTIONS)
        label = np.asarray(label, dtype=self.group.stored.target_kind)
        try:
            return self._extended(self._opened(label, width, names), wanted)
        except DamageError:
            self.group.begin_anew()
            return self._extended(self._opened(label, width, names), wanted)

    def _extended(self, group: zarr.Group, wanted: Sequence[tuple[int, int]]) -> list[tuple[int, int, int]]:
        named = self.group.named(group)
        pairs = list(zip(named["member"].tolist(), named["epoch"].tolist(), strict=True))
        self.group.delete_unnamed(len(pairs))
        rows = {pair: row for row, pair in enumerate(pairs)}
        old = len(rows)
        asked = dict.fromkeys((int(member), int(epoch)) for member, epoch in wanted)
        for pair in asked:
            rows.setdefault(pair, len(rows))
        new = list(rows)[old:]
        self.group.append(group, old, {"member": [one for one, _ in new], "epoch": [epoch for _, epoch in new]})
        there = Predictions(self.study, self.split)
        return sorted((rows[pair], *pair) for pair in asked if not _readable(there, rows[pair]))

    def drop(self, members: Collection[int]) -> None:
        """Delete the predictions of these members, if any."""
        with contextlib.suppress(InputError, WorkError):  # what cannot be read is made again anyway
            numbers = self.group.named(self.group.open())["member"] if self.group.is_there else np.zeros(0, np.int64)
            for row in np.flatnonzero(np.isin(numbers, list(members))):
                for path in self.group.paths(int(row)):
                    path.unlink(missing_ok=True)

    def write(self, row: int, predictive: np.ndarray) -> None:
        """Write one model's prediction [example, width] as float32; other rows may be written meanwhile.

        Raises:
            ValueError: if the shape is not that of the store.
        """
        if not self.group.is_there:
            raise WorkError(f"'{self.group.folder}' is gone; was it moved or removed meanwhile?")
        self.group.write(row, predictive, self._shape)

    @functools.cached_property
    def _shape(self) -> tuple[int, int]:
        """Shape of one model's prediction, fixed once there are models."""
        return self.group.shape(self.group.open())

    def _opened(self, label: np.ndarray, width: int, groups: np.ndarray | None) -> zarr.Group:
        if not self.group.is_there:
            names = [str(name) for name in self.study.manifest["class_names"]]
            self.group.create(label, width, {"class_names": names}, groups)
        group = self.group.open("r+")
        if not self.group.holds(group, label, groups) or self.group.shape(group)[1] != width:
            raise DamageError(f"'{self.group.folder}' is damaged: it holds predictions of other examples")
        return group


def _readable(predictions: Predictions, row: int) -> bool:
    try:
        predictions.predictive(row)
    except DamageError:
        return False
    return True
