"""Where the weights of an imported study come from: a network that runs on data, or files alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from torch import nn

from modescape import data, rng, runtime
from modescape import recipe as recipes
from modescape.data.dataset import Dataset
from modescape.errors import InputError
from modescape.interop.checkpoints.aligned import Aligned, Files, Surveyed
from modescape.interop.checkpoints.keras_layout import PIXELS, recognised
from modescape.interop.checkpoints.matching import Fitted, bare, fitted, in_common, normalization
from modescape.interop.checkpoints.reading import check_format, read
from modescape.models import build, split_state
from modescape.network.initial import initial_module
from modescape.pipeline.begin import make_manifest, say_code
from modescape.progress import Progress
from modescape.recipe import Compute, Model, Recipe
from modescape.train.plan import Plan
from modescape.train.trial import trial
from modescape.types import ModelState
from modescape.version import __version__

WEIGHTS = ("raw", "ema")


@dataclass(frozen=True)
class Wanted:
    """The models to import, and how."""

    files: Sequence[str | Path]
    kind: str = "auto"  # of `modescape.interop.checkpoints.held.FORMATS`
    factory: str | None = None
    data: str | None = None  # a source, a built-in recipe's name, or a YAML file
    overrides: Sequence[str] = ()
    weights: str = "raw"
    first: int | None = None  # the number that names of files give to the first epoch's end

    @property
    def names_recipe(self) -> bool:
        """Whether the data are said by a recipe, and not by a source alone."""
        return self.data is not None and (recipes.is_builtin(self.data) or Path(self.data).suffix in recipes.SUFFIXES)

    def check(self) -> None:
        """Refuse what cannot be meant.

        Raises:
            InputError: naming the option.
        """
        check_format(self.kind)
        if self.weights not in WEIGHTS:
            raise InputError(f"weights is {self.weights!r}, expected {' or '.join(WEIGHTS)}")
        if self.first not in (None, 0, 1):
            raise InputError(f"first is {self.first!r}, expected 0 or 1: how files number the end of the first epoch")
        if self.factory is not None and self.data is None:
            raise InputError(
                "a factory needs data that its network is run on: add --data with a source or a recipe, or leave the "
                "factory out to look at the weights alone"
            )


@dataclass(frozen=True)
class Source:
    """How files become states of a network, and what a manifest says of it."""

    recipe: Recipe
    files: Files
    state: Callable[[Path], ModelState]
    manifest: Callable[[Recipe, Surveyed, Progress], dict[str, Any]]
    dataset: Dataset | None = None
    notes: Sequence[str] = ()


def with_network(wanted: Wanted, base: Recipe, given: Aligned, progress: Progress) -> Source:
    """Weights of a network that runs on data."""
    say_code("data.source", base.data.code, progress)
    dataset = data.load(base.data, base.seed, None, base.task)
    factory, notes = wanted.factory, []
    keras = read(given.files[0], wanted.kind).layers
    if factory is None and keras:
        factory = recognised(keras, dataset.shape.offered.get("image_shape"))
        notes += [f"the files hold the built-in network {factory!r}"] if factory else []
    if factory is None and wanted.names_recipe:
        factory = base.model.factory  # of the recipe that was named
    if not factory:
        raise InputError(
            "with data, name the network of the weights: --factory package.module:callable, or the name "
            "of a built-in one (those are recognised in Keras files; this file holds another network)"
        )
    recipe = base.model_copy(update={"model": base.model.model_copy(update={"factory": factory, "init": None})})
    say_code("model.factory", factory, progress)
    streams = rng.MemberStreams(seed=recipe.seed, shared=recipe.shared_streams())
    with runtime.one_thread():
        module = initial_module(recipe, streams, 0, dataset.train, dataset.task.width)
        habits = trial(recipe, dataset.train, dataset.task.width, dataset.train.preparation(recipe.data), dataset.task)
    habits = replace(habits, constant=(), starts_equal=False)  # checkpoints hold all; nobody trains from a start
    own, names = split_state(module, habits.kept_buffers), [*module.state_dict()]
    kept = [name for name in (*own.params, *own.buffers) if name in names]
    files = Files(wanted.kind, wanted.weights, lambda held: fitted(held, module, kept))

    def manifest(recipe: Recipe, seen: Surveyed, progress: Progress) -> dict[str, Any]:
        return make_manifest(recipe, dataset, runtime.choose_device(recipe.compute.device), progress.line, habits)

    return Source(recipe, files, lambda path: _state(files(path), own), manifest, dataset, notes)


def _state(found: Fitted, own: ModelState) -> ModelState:
    """A file's tensors as parameters and buffers; what no file saves is the network's own."""
    return ModelState(*({name: found.state.get(name, tensor) for name, tensor in part.items()} for part in own))


def alone(wanted: Wanted, given: Aligned) -> Source:
    """Weights by themselves."""
    notes: list[str] = []
    module: nn.Module | None = None
    keras = read(given.files[0], wanted.kind).layers
    if keras and (name := recognised(keras)):
        kernel, last = keras[0].arrays["kernel"], keras[-1].arrays["kernel"]
        module = build(Model(factory=name), (int(kernel.shape[2]), PIXELS, PIXELS), int(last.shape[-1]), 0)
        notes.append(f"the files hold the built-in network {name!r}: --data runs it")
    kept = [] if module is None else [*module.state_dict()]
    files = Files(
        wanted.kind, wanted.weights, lambda held: bare(held) if module is None else fitted(held, module, kept)
    )
    common = in_common(
        {str(path): {name: tuple(one.shape) for name, one in files(path).state.items()} for path in given.files}
    )
    notes += common.left_out

    def state(path: Path) -> ModelState:
        return common.state(files(path).state)

    def manifest(recipe: Recipe, seen: Surveyed, progress: Progress) -> dict[str, Any]:
        return _manifest_alone(recipe, state(given.files[0]), seen.digest)

    base = Recipe(name="imported", compute=Compute(engine="here"))  # matrices alone: quicker than workers begin
    return Source(recipes.load(base, wanted.overrides), files, state, manifest, notes=notes)


def _manifest_alone(recipe: Recipe, state: ModelState, digest: str) -> dict[str, Any]:
    parameters = {name: list(tensor.shape) for name, tensor in state.params.items()}
    names = [*parameters, *state.buffers]
    shapes = parameters | {name: list(tensor.shape) for name, tensor in state.buffers.items()}
    return {
        "format": 1,
        "version": __version__,
        "recipe_hash": recipe.content_hash(digest),
        "fingerprint": digest,
        "platform": runtime.platform_info(),
        "device": "cpu",
        "seed": recipe.seed,
        "plan": Plan(device="cpu", group_size=1).as_dict(),
        "inputs": {"kind": "none", "word": "examples"},
        "num_classes": 0,
        "class_names": [],
        "model": {
            "parameters": parameters,
            "buffers": {name: list(tensor.shape) for name, tensor in state.buffers.items()},
            "normalization": [name for name in normalization(names, shapes) if name in parameters],
        },
    }
