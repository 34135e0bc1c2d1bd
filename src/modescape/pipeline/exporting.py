"""A study's ensemble as one module, and as a folder for deployment: the file, a card, and a description."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch

from modescape import batches, tree
from modescape.context import StudyContext
from modescape.durable import check_folder, claim_folder, write_bytes
from modescape.errors import InputError, WorkError
from modescape.interop.ensemble.answers import ClassAnswers, NumberAnswers
from modescape.interop.ensemble.module import EnsembleModule
from modescape.interop.ensemble.writing import FORMATS
from modescape.named import importable
from modescape.pipeline.calibrating import AUTO, Calibrated, calibrate, expected
from modescape.pipeline.model_card import about_ensemble, card
from modescape.plain import ranges
from modescape.study import Study
from modescape.study.offering import has_network
from modescape.types import Inputs, ModelState

CHECKED = 256  # test examples on which the written file is compared with the study's predictions
CLOSE = 1e-5  # largest expected difference: float32, summed in another order
FAR = 1e-3  # above it the file is not the study's ensemble
ABOUT = "ensemble.json"  # by which the folder of an export is recognised
EXAMPLES = 3  # that a network is traced with


class Ensemble(EnsembleModule):
    """The networks of a study as one module that returns the ensemble's predictions and uncertainties.

    Attributes:
        calibrated: how it was calibrated.
        example: a few test examples, as in the data.
        checked: more test examples, for the comparison.
        chosen: numbers of the members.
    """

    calibrated: Calibrated
    example: Inputs
    checked: Inputs
    chosen: list[int]

    @classmethod
    def of(cls, study: Study | str | Path, members: Sequence[int] = (), calibration: str = AUTO) -> Self:
        """The ensemble of a study, on the CPU.

        Args:
            study: a study, or its folder.
            members: their numbers; default: all that are trained.
            calibration: "average", "members", "none" or "auto"; see `modescape.pipeline.calibrating`.

        Raises:
            InputError: if a member is not trained, or the network draws random numbers in evaluation.
            WorkError: if the data differs from what the study was begun with.
        """
        study = study if isinstance(study, Study) else Study.open(study)
        if not has_network(study):
            raise InputError(
                f"'{study.path}' was imported without a network: its weights cannot be run; import them with --factory "
                "and --data"
            )
        chosen = _members(study, members)
        context = StudyContext(study)
        with importable(study.recipe.model.factory, last=True):
            data = context.loaded
            found = calibrate(study, chosen, calibration)
            states = [study.state(member, study.recipe.train.epochs) for member in chosen]
            state = ModelState(
                tree.stack([state.params for state in states]), tree.stack([state.buffers for state in states])
            )
            example = batches.taken(data.test.inputs, slice(0, EXAMPLES))
            preparation = data.train.preparation(study.recipe.data)
            made = cls(study.model(), state, preparation, example, data.task, _answers(found))
        made.calibrated, made.example, made.chosen = found, example, chosen
        made.checked = batches.taken(data.test.inputs, slice(0, CHECKED))
        return made


@dataclass(frozen=True)
class Exported:
    """The written files."""

    path: Path  # of the ensemble's file
    folder: Path
    about: dict[str, Any]  # the content of ensemble.json
    difference: float | None  # largest one between the file, read back, and the study's predictions; None: not run
    warnings: tuple[str, ...]


def export(
    study: Study | str | Path,
    to: str = "pt2",
    *,
    out: str | Path | None = None,
    members: Sequence[int] = (),
    calibration: str = AUTO,
) -> Exported:
    """Export a study's ensemble: one file, a card (README.md) and ensemble.json.

    The file is read back and run on test examples of the study, and its outputs are compared with the study's own
    predictions.

    Args:
        study: a study, or its folder.
        to: "pt2" (torch.export), "onnx" or "safetensors".
        out: the folder; default ``exports/<recipe name>``.
        members: their numbers; default: all that are trained.
        calibration: as `Ensemble.of`.

    Raises:
        InputError: as `Ensemble.of`, if there is no such format, or a package is missing.
        WorkError: if the outputs of the file differ from the study's predictions.
    """
    if to not in FORMATS:
        raise InputError(f"no format {to!r}; expected one of {', '.join(FORMATS)}")
    study = study if isinstance(study, Study) else Study.open(study)
    folder = Path(out) if out is not None else Path("exports") / study.recipe.name
    folder = check_folder(folder, ABOUT, "an export", study.path)
    module = Ensemble.of(study, members, calibration)
    about = about_ensemble(study, module, module.chosen, module.calibrated, to)
    written = FORMATS[to](module, module.example, about)
    leaves = tuple(batches.leaves(module.checked))
    with torch.no_grad():
        own = {name: found.numpy() for name, found in module(*leaves).items()}
    answered = own if written.run is None else written.run(leaves)
    difference = _difference(study, module, answered)
    if not difference <= FAR:
        raise WorkError(
            f"the exported ensemble's predictions differ from the study's by up to {difference:.2g}; nothing was "
            "written. Does the network depend on anything outside its tensors?"
        )
    about |= {"check": {"examples": len(leaves[0]), "difference": difference, "read_back": written.run is not None}}
    claim_folder(folder)
    path = folder / f"ensemble.{to}"
    write_bytes(path, written.data)
    write_bytes(folder / ABOUT, (json.dumps(about, indent=1, ensure_ascii=False) + "\n").encode())
    write_bytes(folder / "README.md", card(about).encode("utf-8", "replace"))
    return Exported(path, folder, about, difference if written.run else None, _warnings(study, module, difference))


def _warnings(study: Study, module: Ensemble, difference: float) -> tuple[str, ...]:
    found = []
    if difference > CLOSE:
        found.append(f"Predictions differ from the study's by up to {difference:.2g}.")
    if module.why_not:
        found.append(f"The members run one after another: there is no rule to stack '{module.why_not}'.")
    if (study.manifest.get("network") or {}).get("mixes_examples"):
        found.append("This network's prediction for an example depends on the rest of its batch.")
    return tuple(found)


def _members(study: Study, wanted: Sequence[int]) -> list[int]:
    trained = study.trained
    if absent := [member for member in wanted if member not in trained]:
        there = ranges(trained) or "(none)"
        raise InputError(f"member {absent[0]} of '{study.path}' is not trained; trained are {there}")
    if len(set(wanted)) < len(wanted):
        raise InputError("a member is named twice; name each once")
    if not trained:
        raise WorkError(f"no member of '{study.path}' is trained; train first: modescape run {study.path}")
    if (study.manifest.get("network") or {}).get("draws_in_evaluation"):
        raise InputError("this network draws random numbers in evaluation: it cannot be exported as a function")
    return sorted(wanted) or trained


def _answers(found: Calibrated) -> ClassAnswers | NumberAnswers:
    temperature = torch.from_numpy(np.atleast_1d(found.temperature)).float()
    if found.of_classes:
        return ClassAnswers(temperature, found.calibration)
    own = None if found.log_variance is None else torch.from_numpy(found.log_variance).float()
    return NumberAnswers(own, temperature, found.calibration)


def _difference(study: Study, module: Ensemble, answered: dict[str, np.ndarray]) -> float:
    """From the study's stored predictions, put together by other code; of a regression in deviations of the targets."""
    wanted = expected(study, module.chosen, module.calibrated, len(next(iter(answered.values()))))
    spread = np.asarray(getattr(study.task, "deviation", 1.0))
    unit = {"mean": spread, "variance": spread**2}
    return max(
        float((np.abs(answered[name] - numbers) / unit.get(name, 1.0)).max()) for name, numbers in wanted.items()
    )
