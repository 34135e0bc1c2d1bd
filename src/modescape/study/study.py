"""A study: the directory of the contract, read lazily and written by one process at a time."""

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

    Opening reads ``manifest.json`` alone; everything else is read when asked for. Only `model` imports a factory.

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
        """Members that the recipe expects (0, 1, ...) and any others that have a folder, ascending; read again."""
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
        """Parameters and buffers of a checkpoint, on the CPU, in the manifest's order; its checksum is compared.

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
        """What is trained; see `state`."""
        return self.state(member, epoch).params

    def buffers(self, member: int, epoch: int) -> Params:
        """Running statistics and other buffers; see `state`."""
        return self.state(member, epoch).buffers

    def weights(self, member: int, epoch: int, normalization: bool = True) -> np.ndarray:
        """Flattened parameters, float32 [parameter], in the manifest's order.

        Args:
            member: number of the member.
            epoch: 0 (initialisation), 1, ...
            normalization: with the parameters of normalisation layers.
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
        """Log-probabilities of checkpoints on "validation" or "test".

        Raises:
            InputError: if there are none yet.
            WorkError: if the store is damaged.
        """
        from modescape.study.predictions import Predictions

        return Predictions(self, split)

    def sampled_predictions(self, images: str) -> SampledPredictions:
        """The same of networks drawn around solutions, on a set of images such as "shift-3"; errors alike."""
        from modescape.study.sampled import SampledPredictions

        return SampledPredictions(self, images)

    def auxiliary(self, folder: str) -> Study:
        """The study of networks that an analysis trained for itself, ``DIR/variants/<folder>``.

        Raises:
            InputError: if they were not trained yet.
        """
        return Study.open(layout.auxiliary_folder(self.path, folder))

    def has_result(self, name: str) -> bool:
        """Whether an analysis has been carried out."""
        return layout.result_path(self.path, name).is_file()

    def result(self, name: str) -> xr.Dataset:
        """The labelled result of an analysis, loaded.

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
            InputError: if the name is no plain one and would lead elsewhere.
        """
        return layout.figure_path(self.path, name, suffix.removeprefix("."))

    def figure(self, name: str) -> Figure:
        """The figure of a result, drawn again with matplotlib."""
        # a figure is what a user asks a study for; by name, since figures stand above studies
        figures = importlib.import_module("modescape.analyses.figures")
        return figures.draw(name, self.result(name))
