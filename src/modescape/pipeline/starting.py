"""The common start of all members of a study, and tensors that they always share: found, recorded, remade if lost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import nn

from modescape import rng, runtime
from modescape.data.dataset import Dataset
from modescape.errors import DamageError, InputError, ModescapeError
from modescape.models import digest_of, read_start
from modescape.models.start import BUILTIN, files_of
from modescape.network.initial import initial_module
from modescape.progress import Progress
from modescape.recipe import Recipe
from modescape.study import Study, layout
from modescape.study.shared import write_shared
from modescape.types import Params


def with_start(recipe: Recipe) -> Recipe:
    """The recipe with the files of ``model.init`` named one by one, and with their digest where it has none.

    Raises:
        InputError: if a file cannot be read, or a folder is no study with a trained member.
    """
    model = recipe.model
    if model.init is None:
        if model.init_digest is not None:
            raise InputError("model.init_digest belongs to model.init, which names no file; set both, or neither")
        return recipe
    files = [file for name in files_of(model) for file in _files(name)]
    found = model.model_copy(update={"init": files[0] if len(files) == 1 else files})
    if model.init_digest is None:
        found = found.model_copy(update={"init_digest": digest_of(read_start(found) or {})})
    return recipe.model_copy(update={"model": found})


def _files(name: str) -> list[str]:
    """The files that a name stands for: of a study's folder what makes the first trained member's solution."""
    if name in BUILTIN or not Path(name).is_dir():
        return [name]
    try:
        study = Study.open(name)
        members = study.trained
    except ModescapeError as error:
        raise InputError(f"model.init: {error}") from error
    if not members:
        raise InputError(f"model.init: no member of the study '{name}' is trained; finish it, or name another")
    path = layout.member_folder(study.path, members[0]) / layout.checkpoint_name(study.recipe.train.epochs)
    return [str(layout.shared_path(study.path))] * bool(study.manifest["model"].get("shared")) + [str(path)]


def shared_of(recipe: Recipe, dataset: Dataset, manifest: Mapping[str, Any]) -> Params | None:
    """The frozen parameters that a study with this manifest stores once; None where there are none."""
    entry = manifest["model"].get("shared")
    if entry is None:
        return None
    streams = rng.MemberStreams(seed=recipe.seed, shared=recipe.shared_streams())
    with runtime.one_thread():
        module = initial_module(recipe, streams, 0, dataset.train, dataset.task.width, read_start(recipe.model))
    return frozen(module, entry["names"])


def mend_shared(study: Study, dataset: Dataset, progress: Progress) -> None:
    """Make the frozen parameters of a study again where their file is lost or damaged.

    Raises:
        WorkError: if what is made is not what the study was begun with.
    """
    try:
        _ = study.shared
    except DamageError as error:
        tensors = shared_of(study.recipe, dataset, study.manifest)
        assert tensors is not None  # what is not there cannot be damaged
        progress.line(f"{str(error).partition(';')[0]}; made again")
        write_shared(study, tensors)


def frozen(module: nn.Module, names: Sequence[str]) -> Params:
    """Copies of parameters by name."""
    held = dict(module.named_parameters())
    return {name: held[name].detach().clone() for name in names}
