"""An ensemble as a file for other tools: `torch.export`, ONNX, or its tensors alone."""

from __future__ import annotations

import dataclasses
import io
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from modescape import batches
from modescape.errors import InputError
from modescape.interop.ensemble.module import EnsembleModule
from modescape.interop.ensemble.stacking import quiet
from modescape.types import Inputs

OPSET = 18
MOST_ONNX = 2_000_000_000  # bytes of one file: a limit of its format
INSTALL = "pip install 'modescape[onnx]'"
Run = Callable[[tuple[Tensor, ...]], dict[str, np.ndarray]]  # leaves -> answers


@dataclasses.dataclass(frozen=True)
class Written:
    """An ensemble written in a format."""

    data: bytes
    run: Run | None  # runs the file after reading it back; None if nothing here can run it


def leaf_names(module: EnsembleModule, example: Inputs) -> tuple[str, ...]:
    """Names of the leaves of a batch in files."""
    if module.named is not None:
        return module.named
    count = len(batches.leaves(example))
    return ("inputs",) if count == 1 else tuple(f"inputs_{number}" for number in range(count))


def program_of(module: EnsembleModule, example: Inputs) -> torch.export.ExportedProgram:
    """The graph of the whole, from examples as they lie in the data to answers, for any number of examples."""
    leaves = tuple(batches.leaves(example))
    module.predictive(*leaves)  # constants created at the first call must exist before tracing
    every = ({0: torch.export.Dim.DYNAMIC},) * len(leaves)
    with torch.no_grad(), quiet():
        return torch.export.export(module, leaves, dynamic_shapes={"leaves": every}, strict=False)


def as_pt2(module: EnsembleModule, example: Inputs, about: Mapping[str, Any]) -> Written:
    """``torch.export``'s archive; `torch.export.load` reads it without this package."""
    held = io.BytesIO()
    with quiet():
        extra = {"modescape.json": json.dumps(about, sort_keys=True, ensure_ascii=False)}
        torch.export.save(program_of(module, example), held, extra_files=extra)
        loaded = torch.export.load(io.BytesIO(held.getvalue())).module()

    def run(leaves: tuple[Tensor, ...]) -> dict[str, np.ndarray]:
        with torch.no_grad():
            return {name: found.numpy() for name, found in loaded(*leaves).items()}

    return Written(held.getvalue(), run)


def as_onnx(module: EnsembleModule, example: Inputs, about: Mapping[str, Any]) -> Written:
    """An ONNX model, which is run for a check if onnxruntime is installed.

    Raises:
        InputError: if the packages of the extra are not installed, or the model is too large for the format.
    """
    try:
        import onnxscript  # noqa: F401 - torch's exporter asks for it
    except ImportError:
        raise InputError(f"ONNX needs the packages onnx and onnxscript; install them with: {INSTALL}") from None
    program, names = program_of(module, example), leaf_names(module, example)
    with quiet():
        made = torch.onnx.export(
            program,
            input_names=list(names),
            output_names=list(module.answers.names),
            dynamo=True,
            opset_version=OPSET,
            verbose=False,
        )
    assert made is not None
    if sum(tensor.numel() * tensor.element_size() for tensor in module.state_dict().values()) > MOST_ONNX:
        raise InputError("the ensemble is larger than 2 GB, which one ONNX file cannot hold; use --to pt2")
    proto = made.model_proto
    entry = proto.metadata_props.add()
    entry.key, entry.value = "modescape", json.dumps(about, sort_keys=True, ensure_ascii=False)
    data = proto.SerializeToString()
    return Written(data, _onnx_runner(data, names))


def _onnx_runner(data: bytes, names: tuple[str, ...]) -> Run | None:
    try:
        import onnxruntime
    except ImportError:
        return None
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    asked = {found.name for found in session.get_inputs()}

    def run(leaves: tuple[Tensor, ...]) -> dict[str, np.ndarray]:
        given = {name: np.ascontiguousarray(leaf.numpy()) for name, leaf in zip(names, leaves, strict=True)}
        found = session.run(None, {name: leaf for name, leaf in given.items() if name in asked})
        return {output.name: np.asarray(one) for output, one in zip(session.get_outputs(), found, strict=True)}

    return run


def as_safetensors(module: EnsembleModule, example: Inputs, about: Mapping[str, Any]) -> Written:
    """Tensors alone, for those who have the architecture: weights of all members, temperature, scaling."""
    from safetensors.torch import save

    tensors = {name.replace("members.tensors.", "members."): one for name, one in module.state_dict().items()}
    tensors |= {f"preparation.{name}": one for name, one in held_by(module.preparation)}
    whole = {name: tensor.contiguous() for name, tensor in tensors.items()}
    return Written(save(whole, {"modescape": json.dumps(about, sort_keys=True, ensure_ascii=False)}), None)


def held_by(thing: Any, prefix: str = "") -> Iterator[tuple[str, Tensor]]:
    """Tensors of a record and of the records in it, by name."""
    for field in dataclasses.fields(thing) if dataclasses.is_dataclass(thing) else ():
        value, name = getattr(thing, field.name), f"{prefix}{field.name}"
        if isinstance(value, Tensor):
            yield name, value
        elif not isinstance(value, Mapping):
            yield from held_by(value, f"{name}.")


FORMATS = {"pt2": as_pt2, "onnx": as_onnx, "safetensors": as_safetensors}
"""Ending of the file -> what makes it."""
