"""Types of settings: what a key of a recipe may hold, and what every section refuses."""

from __future__ import annotations

import json
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    field_validator,
)

from modescape.plain import COUNTS, NAME, NAME_LENGTH, OWN
from modescape.recipe.identity import canonical_json


def _amount(value: Any) -> Any:
    """A count or a fraction, with one error for both; pydantic would report only one alternative."""
    if not ((type(value) is int and value >= 1) or (type(value) is float and 0 < value < 1)):
        raise ValueError("expected a number of images from 1, or a share between 0 and 1")
    return value


Amount = Annotated[int | float, BeforeValidator(_amount)]
PositiveInt = Annotated[int, Field(ge=1)]
NonNegativeInt = Annotated[int, Field(ge=0)]
Name = Annotated[str, StringConstraints(pattern=f"^{NAME}$", max_length=NAME_LENGTH)]
AnalysisName = Annotated[str, StringConstraints(pattern=f"^({NAME}|{OWN})$", max_length=NAME_LENGTH)]


def counted(key: str) -> Any:
    """Limits of a count in the section `Train`, so that a study from a stranger cannot keep a reader busy."""
    lowest, highest = COUNTS[key]
    return Field(ge=lowest, le=highest)


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    """Refuse values that JSON cannot hold (dates, NaN) or changes (the key 1 becomes "1"), as settings are hashed."""
    try:
        same = json.loads(canonical_json(values)) == values
    except (TypeError, ValueError, RecursionError):
        same = False
    if not same:
        raise ValueError("only text, finite numbers, true/false, null, lists and nested text keys are supported")
    return values


FreeForm = Annotated[dict[str, Any], AfterValidator(_plain)]


class Section(BaseModel):
    """A part of a recipe: immutable, no unknown keys, no silent conversion of text to numbers."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, strict=True)

    @field_validator("*")
    @classmethod
    def _unicode(cls, value: Any) -> Any:
        """Refuse text that no file can hold: half of a surrogate pair, such as names that are not in UTF-8 become."""
        if isinstance(value, str | list | dict):
            try:
                json.dumps(value, ensure_ascii=False).encode()
            except UnicodeEncodeError as error:
                raise ValueError("it is not Unicode text") from error
        return value
