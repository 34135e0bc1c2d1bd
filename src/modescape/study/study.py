"""A study: the directory of the contract, read lazily and written by one process at a time."""

from __future__ import annotations

import contextlib
import importlib
import os
from collections.abc import Generator, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modescape import __version__, durable
from modescape.errors import InputError
from modescape.plain import MOST_YAML, read_regular
from modescape.study import layout
from modescape.study.lock import locked
from modescape.study.manifest import NEEDED, read_manifest
from modescape.study.members import Member, read_member
from modescape.study.sealed import sealed_text

if TYPE_CHECKING:
    import numpy as np
    import xarray as xr
    from matplotlib.figure import Figure
    from torch import nn

    from modescape.recipe import Recipe
    from modescape.study.predictions import Predictions
    from modescape.types import ModelState, Params


class Study:
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

    def __init__(self, path: Path, manifest: dict[str, Any]) -> None:
        """Use `open` or `create`."""
        self.path = path
        self.manifest = manifest

    def __repr__(self) -> str:
        """The folder."""
        return f"Study({str(self.path)!r})"

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> Study:
        """Open an existing study.

        Raises:
            InputError: if there is no study, its format is newer, or its manifest is damaged.
        """
        folder = Path(path)
        return cls(folder, read_manifest(folder))

    @classmethod
    def create(cls, path: str | os.PathLike[str], recipe: Recipe, manifest: Mapping[str, Any]) -> Study:
        """Write ``study.yaml``, then ``manifest.json``, which makes the folder a study; holds the lock meanwhile.

        The order of names in ``manifest["model"]`` is kept: it is the order of flattened weights.

        Raises:
            InputError: if the folder is not writable, in use, or a study already.
            ValueError: if the manifest lacks what a reader needs.
        """
        missing = [key for key in NEEDED if key not in manifest]
        if missing:
            raise ValueError(f"the manifest lacks {', '.join(missing)}")
        folder = Path(path)
        try:
            durable.make_folder(folder)
        except OSError as error:
            raise InputError(
                f"cannot make the study '{folder}': {error.strerror}; choose a folder that you may write to with --out"
            ) from error
        with locked(folder):
            if (folder / layout.MANIFEST).exists():
                raise InputError(f"'{folder}' is a study already; open it, or choose another --out")
            durable.sweep(folder, leave={layout.VARIANTS})
            durable.write_text(folder / layout.RECIPE, recipe.to_yaml())
            durable.write_text(folder / layout.MANIFEST, sealed_text(manifest))
        return cls.open(folder)

    @cached_property
    def recipe(self) -> Recipe:
        """The recipe as run.

        Raises:
            InputError: if ``study.yaml`` is missing, damaged, or another study's.
        """
        from modescape.recipe import load

        recipe = load(self.path / layout.RECIPE)
        if not _is_whole(self.path / layout.RECIPE):
            raise InputError(
                f"'{self.path / layout.RECIPE}' is cut off: its last sections are missing; "
                f"run the study's recipe again to write it anew, with --out {self.path}"
            )
        if not self.is_of(recipe):
            raise InputError(
                f"'{self.path / layout.RECIPE}' is not what this study was made from (its hash is another one); "
                f"run the study's recipe again to write it anew, with --out {self.path}"
            )
        return recipe

    def update_recipe(self, recipe: Recipe) -> None:
        """Write ``study.yaml`` when members, analyses, their settings, engine or paths changed, or it is damaged.

        Raises:
            InputError: if anything else changed: that would be another study.
        """
        if not self.is_of(recipe):
            raise InputError(f"study '{self.path}' was made from another recipe; choose another --out")
        with contextlib.suppress(InputError):
            if recipe == self.recipe:
                return
        durable.write_text(self.path / layout.RECIPE, recipe.to_yaml())
        self.recipe = recipe

    @property
    def recipe_hash(self) -> str:
        """What identifies the study: hash of data, model and training."""
        return self.manifest["recipe_hash"]

    def is_of(self, recipe: Recipe) -> bool:
        """Whether this recipe, on the data that the study was made from, gives the study's networks."""
        return recipe.identifies(self.manifest["fingerprint"], self.recipe_hash)

    def lock(self) -> contextlib.AbstractContextManager[None]:
        """Hold the study for writing; what a killed writer left is swept on entering.

        Raises:
            InputError: if it is in use, or the folder is not writable.
        """
        return _writing(self.path)

    @property
    def members(self) -> list[Member]:
        """Members that the recipe expects (0, 1, ...) and any others that have a folder, ascending; read anew."""
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
        from modescape.models import build
        from modescape.rng import key

        seed = key(self.manifest["seed"], "initialisation", 0)
        image_shape, num_classes = tuple(self.manifest["image_shape"]), self.manifest["num_classes"]
        return build(self.recipe.model, image_shape, num_classes, seed).eval()

    def provenance(self, *, examples: int, members: int, repeats: int) -> dict[str, Any]:
        """What `modescape.results.make_result` records of this study."""
        return {
            "recipe_hash": self.recipe_hash,
            "recipe_name": self.recipe.name,
            "version": __version__,
            "seed": self.manifest["seed"],
            "examples": examples,
            "members": members,
            "repeats": repeats,
        }

    def predictions(self, split: str) -> Predictions:
        """Log-probabilities on "validation" or "test".

        Raises:
            InputError: if there are none yet.
            WorkError: if the store is damaged.
        """
        from modescape.study.predictions import Predictions

        return Predictions(self, split)

    def variant(self, folder: str) -> Study:
        """The study of networks that an analysis trained for itself, ``DIR/variants/<folder>``.

        Raises:
            InputError: if they were not trained yet.
        """
        return Study.open(layout.variant_folder(self.path, folder))

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
        """The figure of a result, drawn anew with matplotlib."""
        # a figure is what a user asks a study for; by name, since figures stand above studies
        figures = importlib.import_module("modescape.analyses.figures")
        return figures.draw(name, self.result(name))


def _is_whole(path: Path) -> bool:
    """Whether a recipe that was written with every default spelled out has its last section, and its last line an end.

    What is cut off would be read as defaults, most of which do not identify the study.
    """
    text = read_regular(path, MOST_YAML)
    return text.endswith(b"\n") and b"\ncompute:\n" in b"\n" + text


@contextlib.contextmanager
def _writing(folder: Path) -> Generator[None]:
    with locked(folder):
        durable.sweep(folder, leave={layout.VARIANTS})
        yield
