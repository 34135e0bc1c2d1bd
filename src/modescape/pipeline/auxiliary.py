"""The networks that analyses train for themselves: a small study each, made and resumed like any other."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from modescape import data, durable
from modescape.analyses.auxiliary import variants
from modescape.data.dataset import Dataset
from modescape.engines import Engine
from modescape.errors import InputError, WorkError
from modescape.network.habits import Habits
from modescape.pipeline import predicting, training
from modescape.pipeline.begin import make_manifest
from modescape.pipeline.mending import mend
from modescape.pipeline.starting import shared_of
from modescape.progress import Progress
from modescape.recipe import Recipe, canonical_json
from modescape.recipe.identity import flat, settings
from modescape.study import Member, Study, layout


def train_auxiliary(study: Study, engine: Engine, progress: Progress, names: Sequence[str]) -> None:
    """Train and predict what the analyses ``names`` want and is not there; one that fails leaves the others going.

    All kinds are trained together, the longest training first, so that no worker waits for a kind's last network. An
    analysis finds out by itself which networks it has.
    """
    wanted = {folder: recipe for name in names for folder, recipe in wanted_auxiliary(study, name).items()}
    if not wanted:
        return
    _say_what_is_trained_again(study, wanted, progress)
    loaded = _Loaded()
    with contextlib.ExitStack() as locks:
        kinds: dict[str, tuple[Study, Progress]] = {}
        for folder, recipe in wanted.items():
            lines = _Lines(progress, folder)
            with _told(lines):
                kind = _opened(study, folder, recipe, loaded)
                locks.enter_context(kind.lock())
                kind.update_recipe(recipe)
                mend(kind, engine, lines)
                kinds[folder] = kind, lines
        _predict(_trained(kinds, engine, progress, loaded), engine, progress, study.word)


def _trained(
    kinds: Mapping[str, tuple[Study, Progress]], engine: Engine, progress: Progress, loaded: Callable[[Recipe], Dataset]
) -> list[predicting.PredictTask]:
    """Train all kinds; returns what is to be predicted of them.

    A kind's predictions are prepared as soon as its last network is trained, while workers train the others.
    """
    word = next((kind.word for kind, _ in kinds.values()), "images")
    tasks = {folder: training.train_tasks(kind) for folder, (kind, _) in kinds.items()}
    studies = {task.study: kinds[folder] for folder, own in tasks.items() for task in own}
    left = Counter(task.study for own in tasks.values() for task in own)
    ready: dict[str, list[predicting.PredictTask]] = {}

    def concluded(folder: str) -> None:
        kind, lines = kinds[folder]
        with _told(lines):
            training.conclude(kind, lines)
        if kind.trained:
            ready[folder] = predicting.predict_tasks(kind, loaded(kind.recipe))

    def over(task: training.TrainTask) -> None:
        left[task.study] -= 1
        if not left[task.study]:
            concluded(Path(task.study.path).name)

    order = sorted((task for own in tasks.values() for task in own), key=lambda task: -task.images)
    if order:
        progress.stage("auxiliary", sum(task.images for task in order), word)
        training.carry_out(order, engine, progress, studies, over)
        progress.finish()
    for folder in (folder for folder, own in tasks.items() if not own):  # all there already
        concluded(folder)
    return [task for folder in kinds for task in ready.get(folder, [])]


def _predict(tasks: Sequence[predicting.PredictTask], engine: Engine, progress: Progress, word: str) -> None:
    if tasks:
        progress.stage("predicting", sum(task.images for task in tasks), word)
        for (path, _), line in predicting.carry_out(tasks, engine, progress).items():
            progress.line(f"{Path(path).name}: {line}")
        progress.finish()


@contextlib.contextmanager
def _told(lines: Progress) -> Iterator[None]:
    """A block whose failed work is said and ends nothing else."""
    try:
        yield
    except WorkError as error:
        lines.line(str(error))


def auxiliary_checksums(study: Study, name: str) -> dict[str, dict[str, dict[str, str]]]:
    """The auxiliary networks of an analysis: folder -> trained member -> checksums of its checkpoints."""
    found = {}
    for folder in wanted_auxiliary(study, name):
        with contextlib.suppress(InputError):  # not begun yet
            found[folder] = trained_checksums(study.auxiliary(folder).members)
    return found


def trained_checksums(members: Sequence[Member]) -> dict[str, dict[str, str]]:
    """Trained member -> checksums of its checkpoints."""
    return {str(member.number): member.checksums for member in members if member.status == "trained"}


def wanted_auxiliary(study: Study, name: str) -> dict[str, Recipe]:
    """The auxiliary networks that an analysis needs; without different initialisations where the factory makes none.

    Nothing is wanted in a study that was imported: how its members were trained is not known.
    """
    if study.recipe.imported is not None:
        return {}
    wanted = variants(name, study.recipe, study.manifest["examples"]["train"])
    if not study.manifest.get("network", {}).get("starts_equal"):
        return wanted
    shared = {folder: recipe for folder, recipe in wanted.items() if recipe.streams.initialisation == "shared"}
    return shared or (
        wanted if study.recipe.model.init else {}
    )  # other kinds of networks start alike as the members do


class _Loaded:
    """Data of recipes, each loaded once: most kinds have the same."""

    def __init__(self) -> None:
        self._held: dict[str, Dataset] = {}

    def __call__(self, recipe: Recipe) -> Dataset:
        key = canonical_json([recipe.data.model_dump(mode="json"), recipe.task.model_dump(mode="json"), recipe.seed])
        if key not in self._held:
            self._held[key] = data.load(recipe.data, recipe.seed, task=recipe.task)
        return self._held[key]


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

    def notice(self, text: str) -> None:
        """Pass it on."""
        self.outer.notice(text)


def outdated(study: Study, wanted: Mapping[str, Recipe]) -> dict[str, str]:
    """Kinds of networks that are there and were trained otherwise than is wanted: folder -> what differs, in words.

    So are those of a study that was made with other settings, and a long run after the study has grown.
    """
    found = {}
    for folder in sorted(wanted.keys() & set(layout.auxiliary(study.path))):
        recipe = wanted[folder]
        try:
            there = study.auxiliary(folder)
            if there.manifest["fingerprint"] != study.manifest["fingerprint"]:
                found[folder] = "other data"
            elif not there.is_of(recipe):
                found[folder] = differences(there.recipe, recipe)
        except InputError as error:  # damaged
            found[folder] = error.args[0].partition(";")[0]
    return found


def differences(old: Recipe, new: Recipe) -> str:
    """The differences of two recipes that change their networks, such as "train.epochs 120 -> 400"."""
    there, here = (flat(settings(recipe, "")) for recipe in (old, new))
    changed = [key for key in sorted(there.keys() | here.keys()) if there.get(key) != here.get(key)]
    both = {key: [one[key] if one.get(key) is not None else "not set" for one in (there, here)] for key in changed}
    return ", ".join(f"{key} {old} -> {new}" for key, (old, new) in both.items()) or "other settings"


def _say_what_is_trained_again(study: Study, wanted: Mapping[str, Recipe], progress: Progress) -> None:
    """One line for all of them; the study itself stays as it is."""
    kinds: dict[str, list[str]] = {}
    for folder, why in outdated(study, wanted).items():
        kinds.setdefault(why, []).append(folder)
    if kinds:
        parts = "; ".join(f"{', '.join(folders)} ({why})" for why, folders in kinds.items())
        progress.line(f"networks that analyses trained with other settings are trained again: {parts}")


def _opened(study: Study, folder: str, recipe: Recipe, loaded: Callable[[Recipe], Dataset]) -> Study:
    """The variant as it is on the disk, or begun; one of other settings is made again."""
    path = layout.auxiliary_folder(study.path, folder)
    if (path / layout.MANIFEST).exists():
        if not outdated(study, {folder: recipe}):
            return Study.open(path)
        durable.remove_tree(path)
    dataset = loaded(recipe)
    if dataset.fingerprint != study.manifest["fingerprint"]:
        raise InputError(f"the data at '{recipe.data.source}' changed since the study was begun; put it back")
    held = study.manifest.get("network") if recipe.model == study.recipe.model else None
    known = None if held is None else Habits.of(held)
    try:
        manifest = make_manifest(recipe, dataset, study.manifest["plan"]["device"], known=known)
    except InputError as error:  # another network than the members', which trains
        raise WorkError(f"cannot be begun: {error}") from error
    return Study.create(path, recipe, manifest, shared_of(recipe, dataset, manifest))
