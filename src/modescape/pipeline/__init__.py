"""From a recipe to a page: the stages in order, each of which completes what is missing and repeats nothing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modescape.errors import WorkError
from modescape.plain import in_session
from modescape.progress import Progress, usual

if TYPE_CHECKING:
    from modescape.data.dataset import Dataset
    from modescape.engines import Engine
    from modescape.pipeline.choosing import Choice
    from modescape.recipe import Recipe
    from modescape.study import Study


def run(
    recipe: str | Path | Recipe | Choice | None = None,
    out: str | Path | None = None,
    *,
    overrides: Sequence[str] = (),
    quick: bool = False,
    progress: Progress | None = None,
) -> Study:
    """Train, predict, analyse and write the page; complete what is missing in an existing study.

    Args:
        recipe: a built-in recipe's name, a YAML file, the folder of a study, which is resumed with its own recipe, or a
            `Recipe`; default: that of the study ``out`` if there is one, else "digits".
        out: the study's folder; default ``studies/<recipe name>``.
        overrides: settings such as ``"train.members=4"``.
        quick: a first look in about a tenth of the time, as a separate study: see `quick_recipe`.
        progress: how progress is shown; default: in a notebook or at a terminal only.

    Returns:
        the finished study.

    Raises:
        InputError: if the recipe, the data or the folder is wrong; then nothing has been changed.
        WorkError: if no member could be trained, or an analysis failed.

    >>> import modescape as ms, tempfile
    >>> small = ["train.members=2", "train.epochs=2", "analyses=[ensemble_size]", "compute.engine=here"]
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     study = ms.run("digits", out=folder, overrides=small)
    ...     again = ms.run(folder)  # nothing is missing, nothing is done
    ...     study.trained, int(again.result("ensemble_size").sizes["size"])
    ([0, 1], 2)
    """
    choice, progress = _started(recipe, out, overrides, quick, progress, analysing=True)
    if choice.recipe.imported is not None:
        from modescape.pipeline.imported import finish

        return finish(choice.path, choice.recipe, progress=progress)
    from modescape.analyses.loading import slow_modules
    from modescape.named import importable
    from modescape.pipeline.analysing import analyse_missing
    from modescape.pipeline.begin import begin
    from modescape.pipeline.mending import mend
    from modescape.pipeline.predicting import predict_missing
    from modescape.pipeline.reporting import Pieces, write_page
    from modescape.pipeline.tracking import tracked
    from modescape.pipeline.training import train_missing

    network = importable(choice.recipe.model.factory, last=True)
    begun = begin(choice.recipe, choice.path, (), progress)
    with network, begun as (study, engine, dataset), tracked(study, progress) as progress:
        mend(study, engine, progress)
        engine.meanwhile(slow_modules(study.recipe.analyses))
        _say_estimate(study, engine, dataset, progress)
        try:
            train_missing(study, engine, progress)
        except WorkError:
            if not study.trained:  # every analysis states what it needs, and the page why it is missing
                analyse_missing(study, engine, progress)
                write_page(study)
            raise
        pieces = Pieces(study)
        try:
            predict_missing(study, engine, progress, dataset)
            analyse_missing(study, engine, progress, done=pieces.add)
        finally:  # also if an analysis failed: the page shows the others
            write_page(study, pieces)
    return study


def train(
    recipe: str | Path | Recipe | Choice,
    out: str | Path | None = None,
    *,
    overrides: Sequence[str] = (),
    quick: bool = False,
    progress: Progress | None = None,
) -> Study:
    """Train the members and keep their checkpoints: the first stage alone. Arguments and errors as `run`."""
    choice, progress = _started(recipe, out, overrides, quick, progress)
    from modescape.named import importable
    from modescape.pipeline.imported import refuse_training

    refuse_training(choice.recipe)
    from modescape.pipeline.begin import begin
    from modescape.pipeline.mending import mend
    from modescape.pipeline.tracking import tracked
    from modescape.pipeline.training import train_missing

    network = importable(choice.recipe.model.factory, last=True)
    begun = begin(choice.recipe, choice.path, (), progress)
    with network, begun as (study, engine, dataset), tracked(study, progress) as progress:
        mend(study, engine, progress)
        _say_estimate(study, engine, dataset, progress, True)
        train_missing(study, engine, progress)
    return study


def analyse(
    path: str | Path,
    names: Sequence[str] = (),
    *,
    overrides: Sequence[str] = (),
    progress: Progress | None = None,
) -> Study:
    """Run analyses of a study again, after completing its predictions.

    Args:
        path: the study's folder.
        names: analyses; default: those of its recipe.
        overrides: settings that do not change what was trained, such as ``"settings.tsne.examples=512"``.
        progress: how progress is shown; default: in a notebook or at a terminal only.

    Raises:
        InputError: if there is no such study or analysis, or an override would change what was trained.
        WorkError: if no member is trained, or an analysis fails.
    """
    from modescape.pipeline.analysing import analyse_missing
    from modescape.pipeline.begin import reopen
    from modescape.pipeline.predicting import predict_missing
    from modescape.pipeline.tracking import tracked
    from modescape.study.offering import has_network

    progress = progress or usual()
    with reopen(path, names, overrides, progress) as (study, engine), tracked(study, progress) as progress:
        if has_network(study):
            predict_missing(study, engine, progress)
        analyse_missing(study, engine, progress, names=names, anew=bool(names))
    return study


def failures(study: Study) -> list[str]:
    """One line per member whose training failed, of the study and of auxiliary networks."""
    from modescape.study import layout

    wanted = [member for member in study.members if member.number < study.recipe.train.members]
    found = [f"member {one.number}, training: {one.message}" for one in wanted if one.status == "failed"]
    for folder in layout.auxiliary(study.path):
        found += [f"{folder}: {line}" for line in failures(study.auxiliary(folder))]
    return found


def _started(
    recipe: str | Path | Recipe | Choice | None,
    out: str | Path | None,
    overrides: Sequence[str],
    quick: bool,
    progress: Progress | None,
    analysing: bool = False,
) -> tuple[Choice, Progress]:
    """The recipe or study to run, and its progress; workers start importing what they need meanwhile.

    Modules that only analyses need are imported last, while this process loads the data and tries the network.
    """
    from modescape.analyses.loading import modules
    from modescape.engines import choose_engine
    from modescape.pipeline.choosing import Choice, choose
    from modescape.pipeline.quick import quick_words

    choice = recipe if isinstance(recipe, Choice) else choose(recipe, out, overrides, quick)
    progress = progress or usual()
    for line in (*choice.lines, quick_words(choice.recipe)):
        if line:
            progress.line(line)
    compute, own = choice.recipe.compute, in_session(choice.recipe.model.factory)
    if not own:
        kind = choose_engine(compute.engine, "cuda" if compute.device == "cuda" else "cpu", compute.workers)
        later = ["modescape.pipeline.analysing", *modules(choice.recipe.analyses)] if analysing else []
        kind.prepare(["modescape.pipeline.training", "modescape.pipeline.predicting", *later])
    return choice, progress


def _say_estimate(
    study: Study, engine: Engine, dataset: Dataset, progress: Progress, training_only: bool = False
) -> None:
    """Time and disk, before a long run."""
    from modescape.pipeline.estimate import estimate

    cost = estimate(study, dataset, engine.at_once, training_only)
    for line in cost.lines() if cost is not None else ():
        progress.line(line)


def report(path: str | Path) -> Path:
    """Write the page of a study from its results alone; return its path.

    Raises:
        InputError: if there is no such study.
    """
    from modescape.pipeline.reporting import write_page
    from modescape.study import Study

    study = Study.open(path)
    with study.lock():
        return write_page(study)


__all__: list[Any] = ["analyse", "report", "run", "train"]
