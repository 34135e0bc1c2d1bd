"""Settings of training that do not fit the task or the examples, refused before anything is begun."""

from __future__ import annotations

from modescape.data.dataset import Dataset
from modescape.data.inputs.base import nothing_selected
from modescape.data.inputs.image import IMAGES
from modescape.errors import InputError
from modescape.recipe import Augmentation, Recipe


def refuse_other_task(recipe: Recipe, dataset: Dataset) -> None:
    """Refuse settings of training that a regression, or other examples than pictures, have no meaning for.

    Raises:
        InputError: naming the setting.
    """
    if recipe.train.mixup is not None and dataset.kind.name != IMAGES.name:
        raise InputError(f"train.mixup mixes pictures, and the examples are {dataset.kind.word}; set it to null")
    of_pictures = {
        "data.augmentation": recipe.data.augmentation != Augmentation(),
        "data.shift": recipe.data.shift is not None,
        "data.frost": recipe.data.frost is not None,
        "data.size": recipe.data.size is not None,
        "data.mean": recipe.data.mean is not None,
        "data.deviation": recipe.data.deviation is not None,
    }
    wrong = [name for name, given in of_pictures.items() if given and dataset.kind.name != IMAGES.name]
    if wrong:
        raise InputError(f"{wrong[0]} is for pictures, and the examples are {dataset.kind.word}; leave it out")
    if (column := recipe.data.shift_column) is not None:
        select = nothing_selected if dataset.kind.shifts is None else dataset.kind.shifts.select
        select(dataset.kind, dataset.test.inputs, column)
    if dataset.task.kind == "classification":
        return
    rule = recipe.train.early_stopping
    if rule is not None and rule.score == "validation_accuracy":
        raise InputError(
            "train.early_stopping.score is validation_accuracy, and a regression has none; take validation_loss"
        )
    if recipe.train.label_smoothing:
        dataset.task.smoothed(recipe.train.label_smoothing)
    if recipe.model.output_kind != "logits":
        raise InputError(
            f"model.output_kind is {recipe.model.output_kind}, and the outputs of a regression are plain numbers; "
            "leave it out"
        )
