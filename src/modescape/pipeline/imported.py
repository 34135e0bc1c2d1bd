"""Go on with a study that was imported: what is missing is predicted and looked at, and nothing is trained."""

from __future__ import annotations

import hashlib
from pathlib import Path

from modescape.errors import DamageError, InputError, WorkError
from modescape.pipeline.analysing import analyse_missing
from modescape.pipeline.begin import reopen
from modescape.pipeline.predicting import predict_missing
from modescape.pipeline.reporting import Pieces, write_page
from modescape.progress import Progress
from modescape.recipe import Recipe
from modescape.study import Study
from modescape.study.layout import MANIFEST, checkpoint_name, read_file
from modescape.study.offering import has_network


def finish(path: Path, recipe: Recipe | None = None, *, progress: Progress) -> Study:
    """Predict, analyse and write the page of an imported study.

    Args:
        path: its folder.
        recipe: the study's, with settings changed that do not touch what was imported; None: as it is.
        progress: what is said meanwhile.

    Raises:
        InputError: if there is no such study.
        WorkError: if a checkpoint is damaged, or an analysis failed.
    """
    if not (path / MANIFEST).is_file():
        raise InputError(
            f"this recipe is of imported checkpoints, and '{path}' does not hold them; import them: "
            "modescape import FORMAT FILE ..."
        )
    with reopen(path, (), (), progress, recipe) as (study, engine):
        problems = [problem for number in study.trained if (problem := damage(study, number))]
        if problems:
            raise WorkError(f"{problems[0]}; give the same modescape import again, with --out {path}, to restore it")
        pieces = Pieces(study)
        try:
            if has_network(study):
                predict_missing(study, engine, progress)
            analyse_missing(study, engine, progress, done=pieces.add)
        finally:
            write_page(study, pieces)
    return study


def refuse_training(recipe: Recipe) -> None:
    """Refuse to train what others have trained.

    Raises:
        InputError: if the recipe is of an imported study.
    """
    if recipe.imported is not None:
        raise InputError("this study is of imported checkpoints: nothing in it is trained; modescape run analyses it")


def damage(study: Study, number: int) -> str:
    """The defect of a member's files; "" if there is none."""
    member = study.member(number)
    names = [checkpoint_name(epoch) for epoch in study.recipe.kept_epochs(number)]
    if member.status != "trained" or not {*names} <= member.checksums.keys():
        return f"member {number} of '{study.path}' is missing"
    for name in names:
        try:
            data = read_file(member.path / name)
        except (FileNotFoundError, DamageError):
            return f"'{member.path / name}' is missing"
        if hashlib.sha256(data).hexdigest() != member.checksums[name]:
            return f"'{member.path / name}' is damaged"
    return ""
