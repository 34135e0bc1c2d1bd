"""The networks that analyses train for themselves: a small study each, made and resumed like any other."""

from __future__ import annotations

import shutil
from collections.abc import Sequence

from modescape import data
from modescape.analyses.variants import variants
from modescape.engines import Engine
from modescape.errors import InputError, WorkError
from modescape.pipeline.begin import make_manifest
from modescape.pipeline.predicting import predict_missing
from modescape.pipeline.training import train_missing
from modescape.progress import Progress
from modescape.recipe import Recipe
from modescape.study import Study, layout


def train_variants(study: Study, engine: Engine, progress: Progress, names: Sequence[str]) -> None:
    """Train and predict what the analyses ``names`` want and is not there; one that fails leaves the others going.

    An analysis finds out by itself which networks it has.
    """
    wanted = {
        folder: recipe
        for name in names
        for folder, recipe in variants(name, study.recipe, study.manifest["examples"]["train"]).items()
    }
    if not wanted:
        return
    progress.stage("variants", len(wanted), "kinds of networks")
    for folder, recipe in wanted.items():
        variant, inner = _opened(study, folder, recipe, progress), _Lines(progress, folder)
        with variant.lock():
            if variant.recipe != recipe:
                variant.update_recipe(recipe)
            try:
                train_missing(variant, engine, inner)
                predict_missing(variant, engine, inner)
            except WorkError as error:
                inner.line(str(error))
        progress.advance(1, folder)
    progress.finish()


def unfinished(study: Study, name: str) -> bool:
    """Whether networks of an analysis were begun and are not all done: the next run goes on with them."""
    for folder, recipe in variants(name, study.recipe, study.manifest["examples"]["train"]).items():
        path = study.path / layout.VARIANTS / folder
        if (path / layout.MANIFEST).exists():
            members = [member for member in Study.open(path).members if member.number < recipe.train.members]
            if any(member.status not in ("trained", "diverged") for member in members):
                return True
    return False


class _Lines(Progress):
    """Says the lines of a stage within a stage, with its name, and what it is at."""

    def __init__(self, outer: Progress, name: str) -> None:
        self.outer, self.name = outer, name

    def advance(self, amount: float, note: str = "") -> None:
        """Show the note alone."""
        self.outer.advance(0, note)

    def line(self, text: str) -> None:
        """Pass it on."""
        self.outer.line(f"{self.name}: {text}")

    def detail(self, text: str | None) -> None:
        """Pass it on."""
        self.outer.detail(text)


def _opened(study: Study, folder: str, recipe: Recipe, progress: Progress) -> Study:
    """The variant as it is on the disk, or begun; one of other settings is made anew."""
    path = study.path / layout.VARIANTS / folder
    if (path / layout.MANIFEST).exists():
        found = Study.open(path)
        if found.recipe_hash == recipe.content_hash(study.manifest["fingerprint"]):
            return found
        progress.line(f"'{path}' was trained with other settings; it is trained again")
        shutil.rmtree(path)
    dataset = data.load(recipe.data, recipe.seed)
    if dataset.fingerprint != study.manifest["fingerprint"]:
        raise InputError(f"the data at '{recipe.data.source}' changed since the study was begun; put it back")
    return Study.create(path, recipe, make_manifest(recipe, dataset, study.manifest["plan"]["device"]))
