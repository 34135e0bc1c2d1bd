"""From a recipe to a page: the stages in order, each of which finishes what is missing and repeats nothing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modescape.errors import WorkError
from modescape.progress import Progress

if TYPE_CHECKING:
    from modescape.data.dataset import Dataset
    from modescape.recipe import Recipe
    from modescape.study import Study


def run(
    recipe: str | Path | Recipe = "digits",
    out: str | Path | None = None,
    *,
    overrides: Sequence[str] = (),
    progress: Progress | None = None,
) -> Study:
    """Train, predict, analyse and write the page; finish what is missing of an existing study.

    Args:
        recipe: a built-in recipe's name, a YAML file, or a `Recipe`.
        out: the study's folder; default ``studies/<recipe name>``.
        overrides: settings such as ``"train.members=4"``.
        progress: what is said meanwhile; default nothing.

    Returns:
        the finished study.

    Raises:
        InputError: if the recipe, the data or the folder is wrong; nothing is changed then.
        WorkError: if no member could be trained, or an analysis failed.

    >>> import modescape as ms, tempfile
    >>> small = ["train.members=2", "train.epochs=2", "analyses=[ensemble_size]", "compute.engine=here"]
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     study = ms.run("digits", out=folder, overrides=small)
    ...     study.trained, int(study.result("ensemble_size").sizes["size"])
    ([0, 1], 2)
    """
    _prepare_workers(recipe, overrides)
    from modescape.pipeline.analysing import analyse_missing
    from modescape.pipeline.begin import begin
    from modescape.pipeline.mending import mend
    from modescape.pipeline.predicting import predict_missing
    from modescape.pipeline.reporting import write_page
    from modescape.pipeline.training import train_missing

    progress = progress or Progress()
    with begin(recipe, out, overrides, progress) as (study, engine, dataset):
        mend(study, engine, progress)
        _say_estimate(study, dataset, progress)
        try:
            train_missing(study, engine, progress)
        except WorkError:
            if not study.trained:  # every analysis says what it needs, and the page why nothing is there
                analyse_missing(study, engine, progress)
                write_page(study)
            raise
        try:
            predict_missing(study, engine, progress, dataset)
            analyse_missing(study, engine, progress)
        finally:  # also when one analysis failed: the page shows the others
            write_page(study)
    return study


def train(
    recipe: str | Path | Recipe,
    out: str | Path | None = None,
    *,
    overrides: Sequence[str] = (),
    progress: Progress | None = None,
) -> Study:
    """The first stage alone: train the members and keep their checkpoints. Arguments and errors as `run`."""
    _prepare_workers(recipe, overrides)
    from modescape.pipeline.begin import begin
    from modescape.pipeline.mending import mend
    from modescape.pipeline.training import train_missing

    progress = progress or Progress()
    with begin(recipe, out, overrides, progress) as (study, engine, dataset):
        mend(study, engine, progress)
        _say_estimate(study, dataset, progress)
        train_missing(study, engine, progress)
    return study


def analyse(
    path: str | Path,
    names: Sequence[str] = (),
    *,
    overrides: Sequence[str] = (),
    progress: Progress | None = None,
) -> Study:
    """Make analyses of a study anew, its predictions first where they are missing.

    Args:
        path: the study's folder.
        names: analyses; default: those of its recipe.
        overrides: settings that do not change what was trained, such as ``"settings.tsne.examples=512"``.
        progress: what is said meanwhile; default nothing.

    Raises:
        InputError: if there is no such study or analysis, or an override would change what was trained.
        WorkError: if no member is trained, or an analysis failed.
    """
    from modescape.pipeline.analysing import analyse_missing
    from modescape.pipeline.begin import reopen
    from modescape.pipeline.predicting import predict_missing

    progress = progress or Progress()
    with reopen(path, names, overrides, progress) as (study, engine):
        predict_missing(study, engine, progress)
        analyse_missing(study, engine, progress, names=names, anew=bool(names))
    return study


def failures(study: Study) -> list[str]:
    """One line a member whose training failed, of the study and of the networks that its analyses train."""
    from modescape.study import layout

    wanted = [member for member in study.members if member.number < study.recipe.train.members]
    found = [f"member {one.number}, training: {one.message}" for one in wanted if one.status == "failed"]
    for folder in layout.variants(study.path):
        found += [f"{folder}: {line}" for line in failures(study.variant(folder))]
    return found


def _prepare_workers(recipe: str | Path | Recipe, overrides: Sequence[str]) -> None:
    """Have workers import what they need while this process imports the same."""
    from modescape import recipe as recipes
    from modescape.engines import prepare
    from modescape.runtime import cores

    compute = recipes.load(recipe, overrides).compute
    if compute.device != "cuda" and compute.engine in ("auto", "processes") and (compute.workers or cores()) > 1:
        prepare(["modescape.pipeline.training", "modescape.pipeline.predicting"])


def _say_estimate(study: Study, dataset: Dataset, progress: Progress) -> None:
    """Time and disk, before a long run."""
    from modescape.pipeline.estimate import estimate
    from modescape.runtime import cores

    compute = study.recipe.compute
    cost = estimate(study, dataset, 1 if compute.engine == "here" else compute.workers or cores())
    if cost is not None:
        progress.line(str(cost))


def report(path: str | Path) -> Path:
    """Write the page of a study from its results alone; returns the page's path.

    Raises:
        InputError: if there is no such study.
    """
    from modescape.pipeline.reporting import write_page
    from modescape.study import Study

    study = Study.open(path)
    with study.lock():
        return write_page(study)


__all__: list[Any] = ["analyse", "report", "run", "train"]
