"""Begin a run: check everything that can be checked before anything is written, then open or create the study."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch

from modescape import analyses, data, rng, runtime
from modescape import recipe as recipes
from modescape.analyses.settings import usual
from modescape.context import habits_of
from modescape.data.corruptions.photographs import Photographs
from modescape.data.dataset import Dataset
from modescape.data.official import OfficialShift
from modescape.data.order import check_batches
from modescape.data.unlike import check_other, with_sources
from modescape.engines import Engine
from modescape.errors import InputError, ModescapeError
from modescape.interop.trackers import check_installed
from modescape.kernels import native
from modescape.models import NetworkError, begin_with, normalization_parameters, read_start, split_state
from modescape.models.start import files_of
from modescape.named import foreign_module
from modescape.network.habits import Habits
from modescape.network.initial import initial_module
from modescape.pipeline.fitting import refuse_other_task
from modescape.pipeline.needs import worker_memory
from modescape.pipeline.placing import engine_of
from modescape.pipeline.starting import frozen, mend_shared, shared_of, with_start
from modescape.plain import is_own, shown
from modescape.progress import Progress
from modescape.recipe import Recipe
from modescape.recipe.identity import flat, settings
from modescape.storage import place
from modescape.storage.store import StoreError
from modescape.study import Study, layout
from modescape.study.shared import shared_entry
from modescape.train.planning import make_plan
from modescape.train.trial import trial
from modescape.version import __version__


@contextlib.contextmanager
def begin(
    recipe: str | Path | Recipe, out: str | Path | None, overrides: Sequence[str], progress: Progress
) -> Iterator[tuple[Study, Engine, Dataset]]:
    """The locked study of a recipe, an engine to work on it with, and its data."""
    loaded = recipes.load(recipe, overrides)
    _say_own(loaded.analyses or [], progress)
    path = place(out) if out is not None else Path("studies") / loaded.name
    check_installed(loaded.compute.track, path)
    say_code("data.source", loaded.data.code, progress)
    resolved = with_start(with_analysis_defaults(loaded))
    device = runtime.choose_device(resolved.compute.device)
    dataset = data.load(resolved.data, resolved.seed, _decoding(progress), resolved.task)
    progress.finish()
    for note in dataset.notes:
        progress.notice(shown(note, 600))
    resolved = resolved.model_copy(update={"data": with_sources(resolved.data, dataset.kind)})
    _check_sources(resolved, dataset)
    study = existing(path, resolved, dataset.fingerprint)
    say_code("model.factory", resolved.model.factory, progress)
    if study is None:
        manifest = make_manifest(resolved, dataset, device, progress.line)
    else:
        manifest = study.manifest
        _check_unfinished(study, resolved, dataset)
    reckoned = partial(worker_memory, resolved, manifest, progress.line, dataset)
    engine = engine_of(resolved, manifest["plan"]["device"], progress.line, reckoned, path)
    if manifest["plan"]["device"] == "cpu" and (lack := native.missing(manifest["plan"].get("build"))):
        progress.line(lack)
    if study is None:
        study = Study.create(path, resolved, manifest, shared_of(resolved, dataset, manifest))
    with study.lock():
        study.update_recipe(resolved)
        mend_shared(study, dataset, progress)
        with engine:
            yield study, engine, dataset


def say_code(setting: str, name: str, progress: Progress) -> None:
    """Name the code that a recipe brings before any of it runs: it is whatever its author made it."""
    if module := foreign_module(name):
        what = f"importing '{shown(module)}' for {setting} '{shown(name)}'"
        progress.notice(f"{what} (code of the recipe, not of modescape)")


def _say_own(names: Sequence[str], progress: Progress) -> None:
    """Tell that a user's own analyses are imported."""
    for name in dict.fromkeys(name for name in names if is_own(name)):
        progress.notice(f"importing '{name.partition(':')[0]}' for the analysis '{name}' (code of the recipe)")


def _check_sources(recipe: Recipe, dataset: Dataset) -> None:
    """Refuse shifted and other data that cannot be there, before hours of work end in it."""
    used = [part for name in recipe.analyses or [] for part in analyses.entry(name).uses if not is_own(name)]
    if analyses.SHIFTED in used and dataset.kind.shifts is None:  # settings of images, refused for others elsewhere
        if recipe.data.shift is not None:
            OfficialShift.open(recipe.data.shift, dataset.test)
        if recipe.data.frost is not None:
            Photographs.open(recipe.data.frost, *dataset.train.images.shape[2:])
    for source in recipe.data.ood if analyses.OTHER in used else []:
        check_other(source, dataset.test, recipe.data)


def _decoding(progress: Progress) -> Callable[[int, int], None]:
    """Progress of a source that is decoded for the first time; a stage that appears with its first images."""
    before = 0

    def report(done: int, total: int) -> None:
        nonlocal before
        if not before:
            progress.stage("decoding", total, "images")
        progress.advance(done - before)
        before = done

    return report


@contextlib.contextmanager
def reopen(
    path: str | Path,
    names: Sequence[str],
    overrides: Sequence[str],
    progress: Progress,
    recipe: Recipe | None = None,
) -> Iterator[tuple[Study, Engine]]:
    """The locked study at ``path``, with its ``recipe`` or settings changed that do not touch what was trained."""
    study = Study.open(path)
    loaded = recipes.load(study.recipe if recipe is None else recipe, overrides)
    _say_own([*(loaded.analyses or []), *names], progress)
    check_installed(loaded.compute.track, study.path)
    for name in names:
        analyses.check_settings(name, {})
    changed = with_analysis_defaults(loaded)
    _refuse_other(study, changed, study.manifest["fingerprint"])
    if changed.train.members != study.recipe.train.members:
        raise InputError(f"analyse trains nothing, so train.members cannot change; use: {layout.run_again(study.path)}")
    runtime.choose_device(changed.compute.device)
    say_code("data.source", changed.data.code, progress)
    say_code("model.factory", changed.model.factory, progress)
    reckoned = partial(worker_memory, changed, study.manifest, progress.line)
    engine = engine_of(changed, study.manifest["plan"]["device"], progress.line, reckoned, path=study.path)
    with study.lock():
        study.update_recipe(changed)
        with engine:
            yield study, engine


def with_analysis_defaults(recipe: Recipe) -> Recipe:
    """The recipe with its analyses named and all their settings spelled out.

    Raises:
        InputError: on an unknown analysis or setting.
    """
    names = usual(recipe) if recipe.analyses is None else recipe.analyses
    given = analyses.without_former(recipe.settings)
    for name in [*names, *given]:
        analyses.check_settings(name, given.get(name, {}))
    every = dict.fromkeys([*analyses.ANALYSES, *names, *given])
    settings = {name: {**analyses.defaults(name), **given.get(name, {})} for name in every}
    values = recipe.model_dump(mode="json")
    values.update(analyses=names, settings={name: values for name, values in settings.items() if values})
    return recipes.parse(values, "the recipe")


def existing(path: Path, recipe: Recipe, fingerprint: str) -> Study | None:
    """The study that is there, if it is of this recipe; None for a new folder, or one whose making was cut off."""
    try:
        there = (path / layout.MANIFEST).exists()
    except StoreError as error:  # nothing was begun
        raise InputError(str(error)) from error
    if there:
        study = Study.open(path)
        _refuse_other(study, recipe, fingerprint)
        return study
    foreign = [name for name in layout.names(path) if name not in (layout.LOCK, layout.RECIPE) and name[0] != "."]
    if foreign:
        raise InputError(
            f"'{path}' is neither a study nor empty (it holds '{foreign[0]}'); choose another folder with --out"
        )
    return None


def _refuse_other(study: Study, recipe: Recipe, fingerprint: str) -> None:
    """Refuse a recipe that would train other networks than the study holds, showing the first differences."""
    if recipe.identifies(fingerprint, study.recipe_hash):
        return
    there = flat(settings(study.recipe, study.manifest["fingerprint"]))
    here = flat(settings(recipe, fingerprint))
    differing = [key for key in sorted(there.keys() | here.keys()) if there.get(key) != here.get(key)]
    if differing == ["data.fingerprint"]:
        raise InputError(
            f"the images of '{recipe.data.source}' are not those that the study '{study.path}' was begun with: "
            "files were added, removed or changed.\nPut them back, or begin a study of the new ones in another folder "
            "with --out"
        )
    both = {key: [one[key] if one.get(key) is not None else "not set" for one in (there, here)] for key in differing}
    shown = "; ".join(f"{key} is {both[key][0]} there and {both[key][1]} here" for key in differing[:3])
    more = f"; and {len(differing) - 3} more" if len(differing) > 3 else ""
    raise InputError(
        f"'{study.path}' is a study of another recipe: {shown}{more}.\n"
        f"Choose another folder with --out, or go on with this one: {layout.run_again(study.path)}"
    )


def _check_unfinished(study: Study, recipe: Recipe, dataset: Dataset) -> None:
    """Refuse to go on training a network that could not be begun: of a study of an older version, or a grown one."""
    try:
        finished = sum(member.status in ("trained", "diverged") for member in study.members)
    except ModescapeError:  # damaged: it is mended later, which trains
        finished = 0
    if finished < recipe.train.members:
        read_start(recipe.model)  # refused here where it is another one by now
        preparation = dataset.train.preparation(recipe.data)
        _refuse_equal_starts(recipe, habits_of(study, dataset, preparation))


def _refuse_equal_starts(recipe: Recipe, habits: Habits) -> None:
    """Refuse a network whose members would all begin with the same weights, where nobody asked for that.

    Raises:
        InputError: with the two ways out.
    """
    if habits.starts_equal and recipe.streams.initialisation == "separate" and recipe.model.init is None:
        raise InputError(
            f"model.factory '{recipe.model.factory}' makes the same weights from two seeds, so that members would not "
            "be independent; leave the seeding (torch.manual_seed) out of it, or ask for one start for all with "
            "--set streams.initialisation=shared"
        )


def make_manifest(
    recipe: Recipe,
    dataset: Dataset,
    device: str,
    say: Callable[[str], None] = lambda line: None,
    known: Habits | None = None,
) -> dict[str, Any]:
    """The manifest, written once: version, platform, seeds, plan, the data's and the network's shape.

    Args:
        recipe: settings.
        dataset: its data.
        device: "cpu" or "cuda".
        say: told in a line what a user should know.
        known: what the network does, where it was tried before.

    Raises:
        InputError: if the network cannot be made for this data, or not trained right.
    """
    refuse_other_task(recipe, dataset)
    streams = rng.MemberStreams(seed=recipe.seed, shared=recipe.shared_streams())
    with runtime.one_thread():
        try:
            module = initial_module(recipe, streams, 0, dataset.train, dataset.task.width)
            start = read_start(recipe.model)
            taken = None if start is None else begin_with(module, start, recipe.model)
        except NetworkError as error:  # others' networks may be made all the same, but 0's stands for all
            raise InputError(f"member 0, initialisation: {error}") from error
        preparation = dataset.train.preparation(recipe.data)
        habits = known or trial(recipe, dataset.train, dataset.task.width, preparation, dataset.task)
        _refuse_equal_starts(recipe, habits)
        batches = check_batches(recipe.train, len(dataset.train.label), habits.least_batch)
        for line in [*([taken.said(recipe.model)] if taken else []), *habits.said(device), *batches]:
            say(line)
        plan = make_plan(recipe, dataset, device, habits, say)
    state, recipe_hash = split_state(module, habits.kept_buffers), recipe.content_hash(dataset.fingerprint)
    shared = shared_entry(frozen(module, habits.constant), recipe_hash) if habits.constant else None
    return {
        "format": 1,
        "version": __version__,
        "recipe_hash": recipe_hash,
        "fingerprint": dataset.fingerprint,
        "platform": runtime.platform_info(),
        "device": torch.cuda.get_device_name() if device == "cuda" else "cpu",
        "seed": recipe.seed,
        "streams": recipe.streams.model_dump(exclude=set() if recipe.streams.branches else {"branches"}),
        "plan": plan.as_dict(),
        **dataset.shape.as_manifest(),
        "num_classes": dataset.num_classes,
        "class_names": list(dataset.class_names),
        **dataset.as_manifest(),
        "data_notes": list(dataset.notes),
        "examples": {name: len(getattr(dataset, name).label) for name in ("train", "validation", "test")},
        "model": {
            "parameters": {name: list(tensor.shape) for name, tensor in state.params.items()},
            "buffers": {name: list(tensor.shape) for name, tensor in state.buffers.items()},
            "normalization": normalization_parameters(module),
            **({"shared": shared} if shared else {}),
        },
        **({"start": {"files": files_of(recipe.model), "taken": list(taken.names)}} if taken else {}),
        "network": habits.as_dict(),
    }
