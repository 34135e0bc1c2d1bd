"""Predictions of networks drawn around solutions: groups like those of checkpoints, with other coordinates.

They can always be made again, so their chunks are written without fsync: a torn one is detected by its checksum.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import zarr

from modescape import durable
from modescape.errors import DamageError, InputError
from modescape.plain import plain_name
from modescape.study import layout
from modescape.study.groups import ABSENT, Group, array, damage
from modescape.study.stores import Column

if TYPE_CHECKING:
    from modescape.study.folder import StudyFolder

TEXT = 64  # bytes of the longest name of a method or purpose
COLUMNS = {
    "approach": Column("name of the method, UTF-8", kind="uint8", width=TEXT),
    "purpose": Column("purpose of the random streams, UTF-8", kind="uint8", width=TEXT),
    "scale": Column("setting of the method, in its own unit; NaN without one", kind="float64"),
    "accept": Column("1 where draws below the threshold were redrawn"),
    "draw": Column("number of the draw; of a snapshot its epoch", fill=ABSENT),
    "together": Column("networks that were drawn together"),
    "checkpoints": Column("digest of the checkpoints that it was drawn from"),
    "member": Column("member", fill=ABSENT),
    "distance": Column("distance from the solution over the length of the weights", kind="float64", fill=float("nan")),
}
KEY = ("member", "approach", "purpose", "scale", "accept", "draw", "together", "checkpoints")


class Drawn(NamedTuple):
    """Identity of a network; equal ones have bitwise equal weights."""

    member: int
    approach: str
    purpose: str
    scale: float | None
    accept: bool
    draw: int
    together: int  # number of networks drawn together, on which the last bits of matrix products depend
    checkpoints: int


def sampled_group(study: StudyFolder, images: str) -> Group:
    """The group of a set of examples.

    Raises:
        InputError: if its name is no plain one and would lead elsewhere.
    """
    plain_name(images, "the name of a set of images")
    return Group(study.path, f"{layout.SAMPLED}/{images}", COLUMNS, study.task.stored, separator=".")


class SampledPredictions:
    """Predictions of sampled networks on one set of examples: lazy, one model in memory at a time."""

    def __init__(self, study: StudyFolder, images: str) -> None:
        """Open for reading; use `Study.sampled_predictions`.

        Raises:
            InputError: if there are none.
            WorkError: if the store is damaged.
        """
        self.images, self._group = images, sampled_group(study, images)
        if not self._group.is_there:
            raise InputError(
                f"study '{study.path}' has no predictions of sampled networks on {images}; make them with: "
                f"{layout.run_again(study.path)}"
            )
        group = self._group.open()
        self.coordinates = self._group.named(group)  # name -> [model]
        self.label: np.ndarray = self._group.target(group)  # [example] or [example, output]; -1 or NaN where none is
        self.shape = self._group.shape(group)  # [example, width] of a prediction
        with damage(self._group.folder):
            self.digest = str(group.attrs.get("inputs", ""))
        self.distance: np.ndarray = self.coordinates["distance"]  # float64 [model]
        self.rows: dict[Drawn, int] = {model: row for row, model in enumerate(self._models())}

    def _models(self) -> list[Drawn]:
        columns = [self.coordinates[name].tolist() for name in KEY]
        return [
            Drawn(member, approach, purpose, None if scale != scale else scale, bool(accept), *rest)
            for member, approach, purpose, scale, accept, *rest in zip(*columns, strict=True)
        ]

    def __len__(self) -> int:
        """Number of models."""
        return len(self.rows)

    def predictive(self, index: int) -> np.ndarray:
        """One model's predictions, float32 [example, width], log-probabilities for a classification; reads one chunk.

        Raises:
            FileNotFoundError: if it was not predicted yet.
            DamageError: if the chunk is damaged.
        """
        return self._group.read(index, self.shape)

    def is_begun(self, index: int) -> bool:
        """Whether a model's predictions were written."""
        return all(path.is_file() for path in self._group.paths(index))

    def is_whole(self, index: int) -> bool:
        """Whether a model's predictions exist, undamaged, with its distance."""
        try:
            self.predictive(index)
        except (FileNotFoundError, DamageError):
            return False
        return bool(np.isfinite(self.distance[index]))


class SampledWriter:
    """Writes predictions of sampled networks on one set; a copy may go to other processes, each writing other rows."""

    def __init__(self, study: StudyFolder, images: str, shape: tuple[int, int]) -> None:
        """Name the target and the shape of a model's predictions, (examples, width); nothing is opened yet."""
        self.study, self.images, self.shape = study, images, shape
        self.group = sampled_group(study, images)

    def create_or_extend(
        self, wanted: Collection[Drawn], label: np.ndarray, digest: str, names: np.ndarray | None = None
    ) -> dict[Drawn, int]:
        """Give every wanted model a row and return those still to be written.

        Only the holder of the study's lock calls this. If the digest changed, or more than single rows is damaged, the
        group is begun again.

        Args:
            wanted: the models.
            label: true classes, int64 [example]; -1 where there are none.
            digest: of everything that predictions depend on besides the model; if it changed, the group is begun again.
            names: name of each example's group, strings [example]; None without groups.

        Returns:
            model -> row, for those that are missing or damaged.

        Raises:
            WorkError: if it cannot be written.
        """
        durable.sweep(self.study.path / layout.PREDICTIONS)
        try:
            return self._extended(self._opened(label, digest, names), wanted)
        except DamageError:
            self.group.begin_anew()
            return self._extended(self._opened(label, digest, names), wanted)

    def _extended(self, group: zarr.Group, wanted: Collection[Drawn]) -> dict[Drawn, int]:
        there = SampledPredictions(self.study, self.images)
        count = len(there.distance)
        self.group.delete_unnamed(count)
        new = [model for model in dict.fromkeys(wanted) if model not in there.rows]
        columns: dict[str, Sequence[Any]] = {name: [getattr(model, name) for model in new] for name in KEY}
        columns["scale"] = [np.nan if scale is None else scale for scale in columns["scale"]]
        self.group.append(group, count, {**columns, "distance": [np.nan] * len(new)})
        rows = there.rows | {model: count + number for number, model in enumerate(new)}
        fresh = set(new)
        return {model: rows[model] for model in wanted if model in fresh or not there.is_whole(rows[model])}

    def write(self, row: int, predictive: np.ndarray) -> None:
        """Write one model's prediction [example, width] as float32; other rows may be written meanwhile.

        Raises:
            ValueError: if the shape is not that of the store.
        """
        self.group.write(row, predictive, self.shape, confirmed=False)

    def note(self, distances: Mapping[int, float]) -> None:
        """Note how far models lie from their solution: row -> distance. Only for the lock's holder."""
        if distances and self.group.is_there:  # else the folder was moved away
            own = array(self.group.open("r+"), "distance")
            values = own[:]
            values[list(distances)] = list(distances.values())
            own[:] = values

    def _opened(self, label: np.ndarray, digest: str, groups: np.ndarray | None) -> zarr.Group:
        label = np.asarray(label, dtype=self.group.stored.target_kind)
        if self.group.is_there and SampledPredictions(self.study, self.images).digest != digest:
            self.group.begin_anew()
        if not self.group.is_there:
            names = [str(name) for name in self.study.manifest["class_names"]]
            self.group.create(label, self.shape[1], {"class_names": names, "inputs": digest}, groups)
        group = self.group.open("r+")
        if not self.group.holds(group, label, groups) or self.group.shape(group) != self.shape:
            raise DamageError(f"'{self.group.folder}' is damaged: it holds predictions of other examples")
        return group
