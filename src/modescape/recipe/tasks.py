"""The section of a recipe that says what a target is."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from modescape.recipe.fields import Section

Weights = Annotated[list[Annotated[float, Field(ge=0)]], Field(min_length=2)]


class Task(Section):
    """What a target is and what training makes of it."""

    kind: str | None = None  # "classification" or "regression", a name of `modescape.tasks.TASKS`
    # null = found from the target: texts and whole numbers are classes, numbers with fractions a regression
    class_weights: Literal["balanced"] | Weights | None = None
    # of classes in the loss that is trained on: balanced = examples / (classes x examples of the class), or one number
    # a class in the order of their names; null = all are equal
    ignore: int | str | None = None  # label of examples that are left out of every split, such as -1
    variance: bool = True  # regression: the network gives a mean and a variance an output; false = the mean alone
    unit: str = ""  # regression: of the target, such as "mm"; changes words alone

    @model_validator(mode="after")
    def _of_one_task(self) -> Task:
        """Refuse settings of the task that it is not."""
        if self.kind == "regression" and self.class_weights is not None:
            raise ValueError("class_weights are for classification; a regression has no classes")
        if self.kind == "classification" and not self.variance:
            raise ValueError("variance is for regression; a classification has none")
        return self
