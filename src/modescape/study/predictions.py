"""Predictions on disk: of every kept checkpoint, one chunk per model and array, read one at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from modescape.errors import DamageError, InputError
from modescape.plain import ranges
from modescape.study import layout
from modescape.study.groups import ABSENT, Group
from modescape.study.stores import Column

if TYPE_CHECKING:
    from modescape.study.folder import StudyFolder

CHECKPOINTS = {
    "epoch": Column("epoch", fill=ABSENT),
    "member": Column("member", fill=ABSENT),
}


def split_group(study: StudyFolder, split: str) -> Group:
    """The group of a split's checkpoints.

    Raises:
        InputError: if there is no such split.
    """
    if split not in layout.SPLITS:
        raise InputError(f"no split {split!r}; expected one of {', '.join(layout.SPLITS)}")
    return Group(study.path, split, CHECKPOINTS, study.task.stored)


class Predictions:
    """The predictions of one split: lazy, one model in memory at a time."""

    def __init__(self, study: StudyFolder, split: str) -> None:
        """Open for reading; use `Study.predictions`."""
        self._study, self._split, self._group = study, split, split_group(study, split)
        if not self._group.is_there:
            raise InputError(
                f"study '{study.path}' has no {split} predictions yet; make them with: {layout.run_again(study.path)}"
            )
        group = self._group.open()
        named = self._group.named(group)
        self.members, self.epochs = named["member"], named["epoch"]  # int64 [model]
        self.label: np.ndarray = self._group.target(group)  # int64 [example], or float64 [example, output]
        self.group: np.ndarray | None = self._group.groups(group)  # names, texts [example]; None where there are none
        if (self.group is None) != ("groups" not in study.manifest):
            raise DamageError(
                f"'{self._group.folder}' is damaged: the groups of its examples are not there; make it again with: "
                f"{layout.run_again(study.path)}"
            )
        self._shape: tuple[int, int] = self._group.shape(group)
        self.class_names: list[str] = list(study.manifest["class_names"])
        pairs = zip(self.members.tolist(), self.epochs.tolist(), strict=True)
        self._whole = set[int]()  # rows that were found whole
        self._rows = {pair: row for row, pair in enumerate(pairs)}

    def __len__(self) -> int:
        """Number of models."""
        return len(self.members)

    def is_begun(self, index: int) -> bool:
        """Whether anything was written for a model."""
        return any(path.is_file() for path in self._group.paths(index))

    def index(self, member: int, epoch: int) -> int:
        """The row of a checkpoint.

        Raises:
            InputError: if it was not predicted.
        """
        try:
            return self._rows[member, epoch]
        except KeyError:
            raise InputError(self._absent(member, epoch)) from None

    def _absent(self, member: int, epoch: int) -> str:
        """A message on what is not predicted, and what is."""
        epochs = [int(self.epochs[row]) for row in self.models(member)]
        what = f"there are no {self._split} predictions of member {member}"
        if epochs:
            return f"{what} at epoch {epoch}; its epochs with predictions are {ranges(epochs)}"
        trained = ranges(sorted({*self.members.tolist()})) or "(none yet)"
        return f"{what}; predictions exist for the trained members {trained}"

    def models(self, member: int) -> list[int]:
        """Rows of a member's checkpoints, in the order of epochs."""
        return [row for (_, row) in sorted((epoch, row) for (who, epoch), row in self._rows.items() if who == member)]

    def log_prob(self, index: int | None = None, *, member: int | None = None, epoch: int | None = None) -> np.ndarray:
        """Log-probabilities of one model, float32 [example, class]; arguments and errors as `predictive`.

        Raises:
            InputError: also if the study's task is not a classification.
        """
        if self._group.stored.fields[0].name != "log_prob":
            raise InputError("this study is not a classification and has no log-probabilities; use predictive(...)")
        return self.predictive(index, member=member, epoch=epoch)

    def predictive(
        self, index: int | None = None, *, member: int | None = None, epoch: int | None = None
    ) -> np.ndarray:
        """One model's predictions, float32 [example, width]: log-probabilities, or means then log-variances.

        Reads one chunk per array.

        Args:
            index: a row, as `index` and `models` give it; or instead of it
            member: the number of a member, and
            epoch: one of its kept epochs; default the last one, its solution.

        Raises:
            InputError: if there is no such member or epoch, listing those that exist.
            DamageError: if the chunk is missing or damaged; names the member and the epoch.
        """
        return self._read(self._row(index, member, epoch))

    def predictive_of(self, index: int, examples: slice) -> np.ndarray:
        """One model's predictions on some examples, float32 [example, width].

        The first time the whole chunk is read and checked, afterwards only these examples.

        Raises:
            InputError: if there is no such row.
            DamageError: as `predictive`.
        """
        index = self._row(index, None, None)
        if index not in self._whole:
            found = self._read(index)[examples]
            self._whole.add(index)
            return found
        return self._read(index, examples)

    def _read(self, index: int, examples: slice | None = None) -> np.ndarray:
        """A row, or some examples of it; damage is said with the member and the epoch."""
        path = self._group.paths(index)[0]
        whose = f"{self._split} predictions of member {self.members[index]} at epoch {self.epochs[index]}"
        again = f"make them again with: {layout.run_again(self._study.path)}"
        try:
            if examples is None:
                return self._group.read(index, self._shape)
            return self._group.read_rows(index, self._shape, examples)
        except FileNotFoundError:
            raise DamageError(f"the {whose} are missing ('{path}'); {again}") from None
        except DamageError as error:
            raise DamageError(f"the {whose} are damaged ('{path}'); {again}") from error

    def _row(self, index: int | None, member: int | None, epoch: int | None) -> int:
        if index is not None and member is None and epoch is None:
            if not 0 <= int(index) < len(self):
                raise InputError(
                    f"there is no row {index} of {self._split} predictions; there are {len(self)}, from 0 on"
                )
            return int(index)
        if index is not None or member is None:
            raise InputError("predictive takes a row, or member=... and epoch=...")
        if epoch is None:
            rows = self.models(member)
            epoch = int(self.epochs[rows[-1]]) if rows else 0
        return self.index(member, epoch)

    def log_probs(self, indices: Sequence[int], examples: slice | None = None) -> np.ndarray:
        """Several models, float32 [model, example, class]; besides the result, one chunk is in memory."""
        wanted = slice(None) if examples is None else examples
        count = len(range(*wanted.indices(len(self.label))))
        out = np.empty((len(indices), count, self._shape[1]), dtype=np.float32)
        for position, index in enumerate(indices):
            out[position] = self.predictive(index)[wanted]
        return out
