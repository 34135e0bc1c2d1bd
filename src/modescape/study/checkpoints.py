"""Weights on disk: checkpoints and the state from which training resumes, as safetensors."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from safetensors import SafetensorError, TensorSpec, serialize
from safetensors import torch as safetensors

from modescape import durable
from modescape.errors import DamageError, InputError
from modescape.plain import MOST_EPOCHS, is_count, shown
from modescape.study import layout
from modescape.study.members import read_member
from modescape.study.shared import without_shared
from modescape.types import ModelState, Params

if TYPE_CHECKING:
    from modescape.study.folder import StudyFolder

NUMBERS = {
    f"torch.{name}"
    for name in (
        *("float64", "float32", "float16", "bfloat16", "complex64", "bool"),
        *("int64", "int32", "int16", "int8", "uint64", "uint32", "uint16", "uint8"),
        *("float8_e4m3fn", "float8_e4m3fnuz", "float8_e5m2", "float8_e5m2fnuz"),
    )
}
"""Dtypes of safetensors."""
METADATA = "modescape"  # one key: safetensors writes several in random order


def write_checkpoint(
    study: StudyFolder, member: int, epoch: int, state: ModelState, expected: str | None = None
) -> str:
    """Write weights and buffers under their ``state_dict`` names; equal tensors give equal bytes.

    Args:
        study: the study, held by the caller.
        member: number of the member.
        epoch: 0 (initialisation), 1, ...
        state: of one member.
        expected: the SHA-256 (hex) of the file when it was first written; if the new one differs, nothing is written.

    Returns:
        The SHA-256 (hex) of the file, for ``state.json``; computed from the bytes in memory, so that it detects a bad
        write.
    """
    path = layout.member_folder(study.path, member) / layout.checkpoint_name(epoch)
    data = serialized({**state.params, **without_shared(study, state.buffers)}, _words(study, member, epoch))
    checksum = hashlib.sha256(data).hexdigest()
    if expected in (None, checksum):
        durable.write_bytes(path, data, study.path)
    return checksum


def read_checkpoint(study: StudyFolder, member: int, epoch: int) -> ModelState:
    """The tensors of a checkpoint, on the CPU, in the order of the manifest.

    The file's SHA-256 is compared with ``state.json``, which lists every checkpoint of a finished member and may lag
    behind the files of one in training.

    Raises:
        InputError: if the checkpoint was not kept.
        DamageError: if the file is damaged, of another study, member or epoch, or does not fit the manifest.
    """
    path = layout.member_folder(study.path, member) / layout.checkpoint_name(epoch)
    try:
        data = _read(path, study)
    except FileNotFoundError:
        kept = layout.checkpoint_epochs(path.parent)
        there = f"it has epochs {', '.join(map(str, kept))}" if kept else "it has none"
        raise InputError(f"member {member} has no checkpoint of epoch {epoch}; {there}") from None
    again = f"make it again with: {layout.run_again(study.path)}"
    known = read_member(study.path, member)
    checksum = known.checksums.get(path.name)
    if checksum != hashlib.sha256(data).hexdigest() and (checksum or known.status == "trained"):
        raise DamageError(f"'{path}' is damaged: its SHA-256 is not the one in {layout.STATE}; {again}")
    tensors, words = parsed(path, data)
    tensors |= study.shared
    if words != _words(study, member, epoch):
        raise DamageError(f"'{path}' belongs to another study, member or epoch; {again}")
    model = study.manifest["model"]
    parts = []
    for kind in ("parameters", "buffers"):
        for name, shape in model[kind].items():
            if name not in tensors or list(tensors[name].shape) != list(shape):
                came = list(tensors[name].shape) if name in tensors else "nothing"
                raise DamageError(f"'{path}' does not fit the manifest: '{name}' holds {came}, expected {list(shape)}")
            if kind == "parameters" and not tensors[name].is_floating_point():
                raise DamageError(f"'{path}' does not fit the manifest: '{name}' holds {tensors[name].dtype} numbers")
        parts.append({name: tensors[name] for name in model[kind]})
    return ModelState(*parts)


SHARED_IN_RESUME = ("buffer/", "best/buffer/")  # what training goes on with, and the best epoch of early stopping


class Resume(NamedTuple):
    """The content of a resume file."""

    epoch: int  # epochs done
    tensors: Params  # by name
    record: dict[str, Any]  # plain values that the member's other files may not have yet


def write_resume(
    study: StudyFolder,
    member: int,
    epoch: int,
    tensors: Params,
    record: Mapping[str, Any] | None = None,
    *,
    keep_before: bool = False,
) -> None:
    """Replace the resume file (weights, buffers, optimiser, a record), with a checksum inside.

    Args:
        study: the study, held by the caller.
        member: number of the member.
        epoch: epochs done.
        tensors: by name.
        record: plain values for JSON.
        keep_before: also keep the file of the previous epoch: members of a group are written one after another, and a
            group resumes from an epoch that all of them have.
    """
    path = layout.member_folder(study.path, member) / layout.RESUME
    record = dict(record or {})
    for prefix in SHARED_IN_RESUME:
        tensors = without_shared(study, tensors, prefix)
    words = {**_words(study, member, epoch), "record": record, "sha256": _digest(tensors, record)}
    if keep_before:
        durable.keep_as(path, path.with_name(layout.RESUME_BEFORE))
    durable.write_bytes(path, serialized(tensors, words), study.path)


def drop_resume_before(study: StudyFolder, member: int) -> None:
    """Delete the resume file of the previous epoch, if any: the group is complete."""
    (layout.member_folder(study.path, member) / layout.RESUME_BEFORE).unlink(missing_ok=True)


def read_resume(study: StudyFolder, member: int, *, before: bool = False) -> Resume | None:
    """Read the state to resume from; None if there is none.

    Args:
        study: the study.
        member: number of the member.
        before: read the file of the previous epoch.

    Raises:
        DamageError: if the file is damaged or belongs to another study.
    """
    path = layout.member_folder(study.path, member) / (layout.RESUME_BEFORE if before else layout.RESUME)
    try:
        data = _read(path, study)
    except FileNotFoundError:
        return None
    tensors, words = parsed(path, data)
    again = f"modescape run works without it, or trains member {member} again"
    record = words.get("record", {})
    if words.get("sha256") != _digest(tensors, record):
        raise DamageError(f"'{path}' is damaged: its checksum does not match; {again}")
    expected = _words(study, member, words.get("epoch", 0))
    if {name: words.get(name) for name in expected} != expected or not is_count(words.get("epoch"), 0, MOST_EPOCHS):
        raise DamageError(f"'{path}' belongs to another member or study; {again}")
    for prefix in SHARED_IN_RESUME if any(name.startswith("best/") for name in tensors) else SHARED_IN_RESUME[:1]:
        tensors |= {prefix + name: tensor for name, tensor in study.shared.items()}
    return Resume(words["epoch"], tensors, record)


def _words(study: StudyFolder, member: int, epoch: int) -> dict[str, Any]:
    return {"member": member, "epoch": epoch, "recipe_hash": study.recipe_hash}


def serialized(tensors: Params, words: dict[str, Any]) -> bytes:
    """The bytes of a safetensors file, with the study's metadata."""
    plain = {name: tensor.detach().to("cpu").contiguous() for name, tensor in tensors.items()}
    metadata = {METADATA: json.dumps(words, sort_keys=True)}
    specs = {  # safetensors' own `save` refuses views of one storage, such as stacked members
        name: TensorSpec(
            dtype=str(tensor.dtype).removeprefix("torch."),
            shape=tensor.shape,
            data_ptr=tensor.data_ptr(),
            data_len=tensor.nbytes,
        )
        for name, tensor in plain.items()
    }
    return bytes(serialize(specs, metadata=metadata))


def parsed(path: Path, data: bytes) -> tuple[Params, dict[str, Any]]:
    """Tensors and metadata of a file (8 bytes of length, a JSON header, the tensors)."""
    try:
        tensors = safetensors.load(data)
        header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
        words = json.loads(header["__metadata__"][METADATA])
    except (SafetensorError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise DamageError(f"'{path}' is damaged: it is not a whole safetensors file ({shown(error)})") from error
    if not isinstance(words, dict) or not isinstance(words.get("record", {}), dict):
        raise DamageError(f"'{path}' is damaged: its metadata was not written by modescape")
    if strange := {str(tensor.dtype) for tensor in tensors.values()} - NUMBERS:
        raise DamageError(f"'{path}' is damaged: it holds {', '.join(sorted(strange))} numbers")
    return tensors, words


def _read(path: Path, study: StudyFolder) -> bytes:
    """Read a file of weights, at most as large as the manifest's network and its optimiser can be.

    Raises:
        FileNotFoundError: if there is none.
        DamageError: if it is larger.
        WorkError: as `layout.read_file`.
    """
    return layout.read_file(path, layout.most_weights(study.manifest["model"]))


def _digest(tensors: Params, record: Mapping[str, Any]) -> str:
    """SHA-256 of the tensors as a file would hold them, and of the record."""
    digest = hashlib.sha256(serialized(tensors, {}))
    digest.update(json.dumps(record, sort_keys=True).encode())
    return digest.hexdigest()
