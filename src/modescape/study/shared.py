"""Frozen parameters that are equal in all members, stored once per study."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import torch

from modescape import durable
from modescape.errors import DamageError, WorkError
from modescape.study import layout
from modescape.types import Params

if TYPE_CHECKING:
    from modescape.study.folder import StudyFolder


def shared_entry(tensors: Params, recipe_hash: str) -> dict[str, Any]:
    """The manifest's entry ``model.shared`` for these tensors: their names, and the SHA-256 of their file."""
    return {"names": list(tensors), "sha256": hashlib.sha256(_file(tensors, recipe_hash)).hexdigest()}


def write_shared(study: StudyFolder, tensors: Params) -> None:
    """Write the file of what all members share.

    Raises:
        WorkError: if these are not the tensors that the study was begun with; nothing is written then.
    """
    path, data = layout.shared_path(study.path), _file(tensors, study.recipe_hash)
    if hashlib.sha256(data).hexdigest() != study.manifest["model"]["shared"]["sha256"]:
        raise WorkError(
            f"'{path}' is lost, and the network's frozen parameters are not those that the study was begun with; put "
            "the file back, or what they were made from"
        )
    durable.make_folder(path.parent)
    durable.write_bytes(path, data, study.path)


def read_shared(study: StudyFolder) -> Params:
    """Frozen parameters that no checkpoint of this study holds, by name; empty if checkpoints hold all.

    Raises:
        DamageError: if the file is missing or damaged.
    """
    entry = study.manifest["model"].get("shared")
    if entry is None:
        return {}
    from modescape.study.checkpoints import parsed

    path, again = layout.shared_path(study.path), f"make it again with: {layout.run_again(study.path)}"
    try:
        data = layout.read_file(path, layout.most_weights(study.manifest["model"]))
    except FileNotFoundError:
        raise DamageError(f"'{path}' is missing; {again}") from None
    if hashlib.sha256(data).hexdigest() != entry["sha256"]:
        raise DamageError(f"'{path}' is damaged: its SHA-256 is not the one in {layout.MANIFEST}; {again}")
    tensors, _ = parsed(path, data)
    if set(tensors) != set(entry["names"]):
        raise DamageError(f"'{path}' does not fit the manifest; {again}")
    return tensors


def without_shared(study: StudyFolder, tensors: Params, prefix: str = "") -> Params:
    """The tensors that go into a member's own file.

    Args:
        study: the study.
        tensors: of one member, by name.
        prefix: before the names of buffers.

    Raises:
        WorkError: if a shared tensor of a member differs from the others'.
    """
    left = dict(tensors)
    for name, common in study.shared.items():
        own = left.pop(prefix + name, None)
        if own is not None and not torch.equal(own.detach().cpu(), common):
            raise WorkError(
                f"the frozen parameter '{name}' has changed in training, and would be lost: frozen parameters are "
                "stored once for all members; what changes belongs in a buffer (register_buffer)"
            )
    return left


def _file(tensors: Params, recipe_hash: str) -> bytes:
    from modescape.study.checkpoints import serialized

    return serialized(tensors, {"recipe_hash": recipe_hash})
