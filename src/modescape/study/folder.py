"""The folder of a study: recipe and manifest, written when it is begun, and locked by one process at a time."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Generator, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from modescape import durable
from modescape.errors import InputError
from modescape.plain import MOST_YAML, read_regular
from modescape.storage import place
from modescape.study import layout
from modescape.study.lock import locked
from modescape.study.manifest import NEEDED, read_manifest
from modescape.study.sealed import sealed_text
from modescape.tasks import Task, task_of
from modescape.version import __version__

if TYPE_CHECKING:
    from modescape.recipe import Recipe
    from modescape.types import Params


class StudyFolder:
    """A folder with a recipe and a manifest; subclasses read the rest."""

    def __init__(self, path: Path, manifest: dict[str, Any]) -> None:
        """Use `open` or `create`."""
        self.path = path
        self.manifest = manifest

    @property
    def word(self) -> str:
        """Plural noun for its examples: "images", "rows", "sentences"."""
        return str(self.manifest.get("inputs", {}).get("word", "images"))

    def __repr__(self) -> str:
        """The folder."""
        return f"{type(self).__name__}({str(self.path)!r})"

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> Self:
        """Open an existing study: a folder, or a URL such as ``s3://bucket/study``.

        Raises:
            InputError: if there is no study, its format is newer, or its manifest is damaged.
        """
        folder = place(path)
        return cls(folder, read_manifest(folder))

    @classmethod
    def create(
        cls,
        path: str | os.PathLike[str],
        recipe: Recipe,
        manifest: Mapping[str, Any],
        shared: Params | None = None,
    ) -> Self:
        """Write ``study.yaml``, then ``manifest.json``, which makes the folder a study; locked meanwhile.

        The order of names in ``manifest["model"]`` is kept: it is the order of flattened weights. Tensors that all
        members share (``manifest["model"]["shared"]``), if any, are written between the two.

        Raises:
            InputError: if the folder is not writable, in use, or a study already.
            ValueError: if the manifest lacks what a reader needs.
        """
        missing = [key for key in NEEDED if key not in manifest]
        if missing:
            raise ValueError(f"the manifest lacks {', '.join(missing)}")
        folder = place(path)
        try:
            durable.make_folder(folder)
        except OSError as error:
            raise InputError(
                f"cannot make the study '{folder}': {error.strerror}; choose a folder that you may write to with --out"
            ) from error
        with locked(folder):
            if (folder / layout.MANIFEST).exists():
                raise InputError(f"'{folder}' is a study already; open it, or choose another --out")
            durable.sweep(folder, leave={layout.AUXILIARY})
            durable.write_text(folder / layout.RECIPE, recipe.to_yaml())
            if shared:
                from modescape.study.shared import write_shared

                write_shared(cls(folder, dict(manifest)), shared)
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
                f"run the study's recipe again to rewrite it, with --out {self.path}"
            )
        if not self.is_of(recipe):
            raise InputError(
                f"'{self.path / layout.RECIPE}' is not what this study was made from (its hash is another one); "
                f"run the study's recipe again to rewrite it, with --out {self.path}"
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

    @cached_property
    def task(self) -> Task:
        """What targets are, and what is stored of predictions.

        Raises:
            InputError: if the manifest names none that is known.
        """
        return task_of(self.manifest)

    @cached_property
    def shared(self) -> Params:
        """Frozen parameters that all members share and no checkpoint holds, by name; do not modify them.

        Raises:
            DamageError: if their file is missing or damaged.
        """
        if "shared" not in self.manifest["model"]:
            return {}
        from modescape.study.shared import read_shared

        return read_shared(self)

    @property
    def recipe_hash(self) -> str:
        """What identifies the study: hash of data, model and training."""
        return self.manifest["recipe_hash"]

    def is_of(self, recipe: Recipe) -> bool:
        """Whether this recipe, on the study's data, would train the study's networks."""
        return recipe.identifies(self.manifest["fingerprint"], self.recipe_hash)

    def lock(self) -> contextlib.AbstractContextManager[None]:
        """Hold the study for writing; temporary files of a killed writer are removed on entering.

        Raises:
            InputError: if it is in use, or the folder is not writable.
        """
        return _writing(self.path)

    def provenance(self, *, examples: int, members: int, repeats: int) -> dict[str, Any]:
        """The provenance of this study for `modescape.results.make_result`."""
        return {
            "recipe_hash": self.recipe_hash,
            "recipe_name": self.recipe.name,
            "version": __version__,
            "seed": self.manifest["seed"],
            "examples": examples,
            "members": members,
            "repeats": repeats,
        }


def _is_whole(path: Path) -> bool:
    """Whether a recipe written with every default spelled out is complete: its last section, and a final newline.

    Missing lines would be read as defaults, most of which do not identify the study.
    """
    text = read_regular(path, MOST_YAML)
    return text.endswith(b"\n") and b"\ncompute:\n" in b"\n" + text


@contextlib.contextmanager
def _writing(folder: Path) -> Generator[None]:
    with locked(folder):
        durable.sweep(folder, leave={layout.AUXILIARY})
        yield
