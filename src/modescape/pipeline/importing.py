"""A study of imported checkpoints: stored like any study, predicted and analysed, never trained."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from modescape import recipe as recipes
from modescape.durable import together
from modescape.interop.checkpoints.aligned import Aligned, Surveyed, aligned, surveyed
from modescape.interop.checkpoints.found import find
from modescape.pipeline.begin import existing, with_analysis_defaults
from modescape.pipeline.import_sources import Wanted, alone, with_network
from modescape.pipeline.imported import finish
from modescape.progress import Progress, usual
from modescape.recipe import Imported, Recipe
from modescape.storage import place
from modescape.study import Study, write_checkpoint, write_member_state
from modescape.study.layout import checkpoint_name, member_folder
from modescape.types import ModelState

ELSEWHERE = (
    "These networks were trained elsewhere, perhaps on other images or with other preprocessing: their scores hold "
    "for these images as this study prepares them (data.scaling, data.mean), and are no judgement of the networks"
)
SEEN = (
    "Validation images are taken from the training images of the source, which these networks may have been trained on:"
    " what is chosen or fitted on them (scales, temperatures) may be overconfident"
)
FIRST = {"lightning": 0}  # format -> number of the first epoch's end in its files, if not 1


def import_study(
    files: Sequence[str | Path] | str | Path,
    out: str | Path | None = None,
    *,
    format: str = "auto",
    factory: str | None = None,
    data: str | None = None,
    overrides: Sequence[str] = (),
    weights: str = "raw",
    first: int | None = None,
    analyses: bool = True,
    progress: Progress | None = None,
) -> Study:
    """Make a study of checkpoints trained elsewhere, and analyse it.

    Args:
        files: files, folders, or patterns such as ``"runs/{member}/epoch_{epoch}.pt"``.
        out: the study's folder; default ``studies/<name of the recipe>``, or ``studies/imported``.
        format: "auto", "torch", "lightning", "safetensors" or "keras".
        factory: "package.module:callable" or the name of a built-in network; built-in networks are
            recognised in Keras files. Without it and without data, only weights are analysed.
        data: a source as ``data.source`` takes it, the name of a built-in recipe, or a recipe's YAML file.
        overrides: settings such as ``"data.scaling=standardized"``.
        weights: "raw", or "ema" for the averaged copy in the same file.
        first: number of the first epoch's end in the files, 0 or 1; default: 0 for Lightning, else 1.
        analyses: whether to continue as `run` does: predictions, analyses and page.
        progress: how progress is shown; default: in a notebook or at a terminal only.

    Raises:
        InputError: if files, factory, data or folder are wrong; then nothing has been written.
        WorkError: if an analysis fails.
    """
    given = [files] if isinstance(files, str | Path) else list(files)
    wanted = Wanted(given, format, factory, data, overrides, weights, first)
    progress = progress or usual()
    study = written(wanted, out, progress)
    return finish(study.path, progress=progress) if analyses else study


def written(wanted: Wanted, out: str | Path | None, progress: Progress) -> Study:
    """Write the study with its checkpoints only; existing files are kept."""
    wanted.check()
    found = find(wanted.files, wanted.kind)
    given = aligned(found, FIRST.get(wanted.kind, 1) if wanted.first is None else wanted.first)
    base = _base(wanted)
    source = with_network(wanted, base, given, progress) if wanted.data is not None else alone(wanted, given)
    progress.stage("reading", len(given.files), "files")
    seen = surveyed(given, source.state, progress.advance)
    progress.finish()
    recipe = _resolved(source.recipe, wanted, given, seen.digest, source.dataset is not None)
    path = place(out) if out is not None else Path("studies") / recipe.name
    notes = [*given.notes, *source.files.notes, *source.notes, *seen.notes]
    for note in notes:
        progress.line(note)
    fingerprint = seen.digest if source.dataset is None else source.dataset.fingerprint
    study = existing(path, recipe, fingerprint)
    if study is None:
        manifest = source.manifest(recipe, seen, progress)
        about = [] if source.dataset is None else [ELSEWHERE, *([SEEN] if len(source.dataset.validation.label) else [])]
        manifest["data_notes"] = [*manifest.get("data_notes", []), *about, *notes]
        study = Study.create(path, recipe, manifest)
    with study.lock():
        study.update_recipe(recipe)
        _write(study, given, source.state, seen, progress)
    return study


def _base(wanted: Wanted) -> Recipe:
    """The recipe that data and settings are taken from."""
    if wanted.data is None:
        return recipes.load(Recipe(name="imported"), wanted.overrides)
    if wanted.names_recipe:
        return recipes.load(wanted.data, wanted.overrides)
    return recipes.load(
        recipes.parse({"name": "imported", "data": {"source": wanted.data}}, "the recipe"), wanted.overrides
    )


def _resolved(recipe: Recipe, wanted: Wanted, given: Aligned, digest: str, network: bool) -> Recipe:
    """The recipe of the study: what is there in the place of what would be trained."""
    steps = given.steps
    last = sum(1 for back, step in enumerate(reversed(steps)) if step == steps[-1] - back and step)
    imported = Imported(
        files=[str(name) for name in wanted.files],
        digest=digest,
        epochs=list(steps),
        names=list(given.names),
        network=network,
    )
    train = recipe.train.model_dump(mode="json") | {
        "members": len(given.names),
        "epochs": steps[-1],
        "trajectories": len(given.names) if len(steps) > 1 else 0,
        "keep_last": max(1, last),
        "keep_every": None,
        "warmup": 0,
    }
    values = recipe.model_dump(mode="json") | {
        "train": train,
        "imported": imported.model_dump(mode="json"),
        "quick": None,
    }
    return with_analysis_defaults(recipes.parse(values, "the recipe"))


def _write(
    study: Study, given: Aligned, state: Callable[[Path], ModelState], seen: Surveyed, progress: Progress
) -> None:
    """The checkpoints and states of all members that are not there as they should be."""
    from modescape.pipeline.imported import damage

    wrong = [number for number in range(len(given.names)) if number not in seen.broken and damage(study, number)]
    new = wrong + [number for number in seen.broken if study.member(number).status == "missing"]
    progress.stage("writing", len(new) * len(given.steps), "checkpoints")
    for number in sorted(new):
        checksums: dict[str, str] = {}
        with together(member_folder(study.path, number)):
            for step, path in zip(given.steps, given.paths[number], strict=True):
                checksums[checkpoint_name(step)] = write_checkpoint(study, number, step, state(path))
                progress.advance(1)
        broken = seen.broken.get(number, "")
        status = "diverged" if broken else "trained"
        if broken:
            progress.notice(f"member {number}, {given.names[number]}: {broken}; the analyses leave it out")
        about: dict[str, Any] = {"checksums": checksums, "timings": {}, "message": broken}
        write_member_state(study, number, status=status, epochs_done=given.steps[-1], **about)
    progress.finish()
