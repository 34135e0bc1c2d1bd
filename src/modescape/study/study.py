"""A study: a directory that is read lazily and written by one process at a time."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from modescape.errors import InputError
from modescape.study import layout
from modescape.study.folder import StudyFolder
from modescape.study.members import Member, read_member

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    import xarray as xr
    from matplotlib.figure import Figure
    from torch import nn

    from modescape.study.predictions import Predictions
    from modescape.study.sampled import SampledPredictions
    from modescape.types import ModelState, Params


class Study(StudyFolder):
    """One recipe carried out: a directory of members, predictions and results.

    Opening reads only ``manifest.json``; everything else is read on demand. Only `model` imports the factory.

    >>> import tempfile
    >>> import modescape as ms
    >>> small = ["train.members=2", "train.epochs=1", "analyses=[solution_similarity]", "compute.engine=here"]
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = ms.run("digits", out=folder, overrides=small).path
    ...     study = ms.Study.open(path)
    ...     [(member.number, member.status) for member in study.members]
    ...     study.model().load_state_dict(study.params(member=1, epoch=1))
    ...     study.predictions("test").log_prob(member=1, epoch=1).shape
    ...     study.result("solution_similarity")["disagreement"].dims
    ...     type(study.figure("solution_similarity")).__name__
    [(0, 'trained'), (1, 'trained')]
    <All keys matched successfully>
    (1297, 10)
    ('member', 'other_member')
    'Figure'
    """

    @property
    def members(self) -> list[Member]:
        """Members that the recipe expects (0, 1, ...) and any others with a folder, ascending; read at every access."""
        expected = range(layout.read_recipe_values(self.path)["train"]["members"])
        return [read_member(self.path, number) for number in sorted({*expected, *layout.member_numbers(self.path)})]

    @property
    def trained(self) -> list[int]:
        """Numbers of the recipe's members that are trained, ascending."""
        expected = layout.read_recipe_values(self.path)["train"]["members"]
        return [number for number in range(expected) if read_member(self.path, number).status == "trained"]

    def member(self, number: int) -> Member:
        """One member; its status is "missing" before its training starts."""
        return read_member(self.path, number)

    def kept(self, member: int) -> list[int]:
        """Epochs whose checkpoint exists, ascending."""
        return layout.checkpoint_epochs(layout.member_folder(self.path, member))

    def state(self, member: int, epoch: int) -> ModelState:
        """Parameters and buffers of a checkpoint, on the CPU, in the manifest's order; its checksum is verified.

        Args:
            member: number of the member.
            epoch: 0 (initialisation), 1, ...

        Raises:
            InputError: if the checkpoint was not kept.
            WorkError: if it is damaged or belongs to another study.
        """
        from modescape.study.checkpoints import read_checkpoint

        return read_checkpoint(self, member, epoch)

    def params(self, member: int, epoch: int) -> Params:
        """Trained parameters of a checkpoint; see `state`."""
        return self.state(member, epoch).params

    def buffers(self, member: int, epoch: int) -> Params:
        """Running statistics and other buffers of a checkpoint; see `state`."""
        return self.state(member, epoch).buffers

    def weights(self, member: int, epoch: int, normalization: bool = True) -> np.ndarray:
        """Flattened parameters, float32 [parameter], in the manifest's order.

        Args:
            member: number of the member.
            epoch: 0 (initialisation), 1, ...
            normalization: include the parameters of normalisation layers.
        """
        import numpy as np

        skipped: set[str] = set() if normalization else set(self.manifest["model"].get("normalization", ()))
        parts = [tensor for name, tensor in self.params(member, epoch).items() if name not in skipped]
        return np.concatenate([np.zeros(0, np.float32), *(part.float().reshape(-1).numpy() for part in parts)])

    def model(self) -> nn.Module:
        """The network, in evaluation mode, initialised as member 0; imports the recipe's factory."""
        from modescape.batches import InputShape
        from modescape.models import build
        from modescape.rng import key

        seed = key(self.manifest["seed"], "initialisation", 0)
        return build(self.recipe.model, InputShape.of_manifest(self.manifest), self.task.width, seed).eval()

    def predictions(self, split: str) -> Predictions:
        """Predictions of the checkpoints on "validation" or "test".

        Raises:
            InputError: if there are none yet.
            WorkError: if the store is damaged.
        """
        from modescape.study.predictions import Predictions

        return Predictions(self, split)

    def sampled_predictions(self, images: str) -> SampledPredictions:
        """Predictions of networks sampled around solutions, on a set of examples such as "shift-3"; errors as above."""
        from modescape.study.sampled import SampledPredictions

        return SampledPredictions(self, images)

    def auxiliary(self, folder: str) -> Study:
        """The study of auxiliary networks that an analysis trained, ``DIR/variants/<folder>``.

        Raises:
            InputError: if they have not been trained yet.
        """
        return Study.open(layout.auxiliary_folder(self.path, folder))

    def has_result(self, name: str) -> bool:
        """Whether an analysis has been carried out."""
        return layout.result_path(self.path, name).is_file()

    def result(self, name: str) -> xr.Dataset:
        """The labelled result of an analysis, loaded into memory.

        Raises:
            InputError: if it has not been carried out.
            WorkError: if the file is damaged.
        """
        from modescape.study.results import read_dataset

        try:
            return read_dataset(layout.result_path(self.path, name))
        except FileNotFoundError:
            raise InputError(
                f"study '{self.path}' has no result '{name}'; make it with: "
                f"{layout.run_again(self.path, 'analyse')} {name}"
            ) from None

    def write_result(self, name: str, dataset: xr.Dataset) -> None:
        """Write a labelled result: equal values, equal bytes.

        Raises:
            ValueError: if it breaks the schema of `modescape.results`.
        """
        from modescape.study.results import write_dataset

        write_dataset(layout.result_path(self.path, name), dataset)

    def figure_path(self, name: str, suffix: str) -> Path:
        """``DIR/figures/<name>.<suffix>``.

        Raises:
            InputError: if the name is not a plain one and could lead elsewhere.
        """
        return layout.figure_path(self.path, name, suffix.removeprefix("."))

    def figure(self, name: str) -> Figure:
        """The figure of a result, drawn again with matplotlib."""
        # imported by name, as figures are in a later package
        figures = importlib.import_module("modescape.analyses.figures")
        return figures.draw(name, self.result(name))
