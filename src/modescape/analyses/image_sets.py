"""The sets of images on which networks are compared, by name, so that analyses share stored predictions."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from modescape import batches
from modescape.data.corruptions import SEVERITIES
from modescape.data.shift import Shift
from modescape.data.unlike import load_other, sources_of
from modescape.plain import is_name
from modescape.types import Inputs

if TYPE_CHECKING:
    from modescape.context import StudyContext


OTHER = "other "  # begins the name of a set of other data among what is offered


@dataclass(frozen=True)
class ImageSet:
    """A set of images of a study; see `clean`, `validation_images`, `shifted` and `other`."""

    kind: str  # "test", "validation", "shift", "other"
    severity: int = 0  # of shift
    source: str = ""  # of other data
    limit: int | None = None  # of other data: most images
    first: int | None = None  # so many, from the first on; None: all

    def __str__(self) -> str:
        """The name under which predictions on it are stored."""
        name = {"shift": f"shift-{self.severity}", "other": _plain(self.source)}.get(self.kind, self.kind)
        return name if self.first is None else f"{name}-first-{self.first}"

    @property
    def role(self) -> str:
        """Its name for analyses, whatever the number of its images."""
        return {"shift": f"shift {self.severity}", "other": f"{OTHER}{self.source}"}.get(self.kind, self.kind)

    def inputs(self, context: StudyContext) -> Inputs:
        """Examples as a split holds them, on the study's device; the last few sets stay in memory."""
        if self.kind == "other":
            return context.last(HELD, _other, self)
        if self.kind == "shift":  # a part of it is a view, so that no severity is made twice
            return batches.taken(context.last(HELD, _shifted, self.severity), slice(self.first))
        split = context.dataset.validation if self.kind == "validation" else context.dataset.test
        return split.first(self.first).inputs

    def label(self, context: StudyContext) -> np.ndarray:
        """True classes, int64 [example]; -1 where there are none."""
        if self.kind == "other":
            return context.dataset.task.nothing(batches.count(self.inputs(context)))
        split = context.dataset.validation if self.kind == "validation" else context.dataset.test
        return split.label[: self.first].cpu().numpy()

    def group(self, context: StudyContext) -> np.ndarray | None:
        """Name of the group of each example, texts [example]; None without groups."""
        if self.kind == "other":
            return None
        split = context.dataset.validation if self.kind == "validation" else context.dataset.test
        return None if split.group is None else split.group[: self.first]

    def recipe_part(self, data: dict[str, Any]) -> list[Any]:
        """The settings in section ``data`` that its images depend on, besides those that identify the study."""
        if self.kind == "shift":
            return [data["shift"], data["frost"]]
        return [self.source, self.limit] if self.kind == "other" else []


HELD = 8  # severities of shift, and as many sets of other data, in memory: whoever looks at one looks at all


def clean(context: StudyContext, first: int | None = None) -> ImageSet:
    """The test images; only the ``first`` ones where there are more."""
    return ImageSet("test", first=_cut(context, first))


def validation_images() -> ImageSet:
    """The validation images."""
    return ImageSet("validation")


def shifted(context: StudyContext, severity: int, first: int | None = None) -> ImageSet:
    """The test images under shift; at severity 0 they are the test images."""
    if severity not in SEVERITIES:
        return clean(context, first)
    if context.dataset.kind.shifts is not None:
        shift_of(context)  # whether anything shifts such examples
    return ImageSet("shift", severity=severity, first=_cut(context, first))


def other(source: str, limit: int) -> ImageSet:
    """Other data; a random subset where it has more images than ``limit``."""
    return ImageSet("other", source=source, limit=limit)


def sources(context: StudyContext) -> list[str]:
    """The other data of the study's recipe."""
    return sources_of(context.study.recipe.data, context.dataset.kind)


def shift_of(context: StudyContext) -> Shift:
    """The shift of the study's recipe."""
    return context.once(_shift)


def _shift(context: StudyContext) -> Shift:
    seed, given = context.study.manifest["seed"], context.study.recipe.data
    return Shift.of(context.dataset.test, given.shift, seed, frost=given.frost, column=given.shift_column)


def _shifted(context: StudyContext, severity: int) -> Inputs:
    return shift_of(context).inputs(severity)


def _other(context: StudyContext, images: ImageSet) -> Inputs:
    study = context.study
    return load_other(images.source, context.dataset.test, images.limit, study.manifest["seed"], study.recipe.data)


def _cut(context: StudyContext, first: int | None) -> int | None:
    return first if first is not None and first < context.study.manifest["examples"]["test"] else None


def _plain(source: str) -> str:
    """Name of the folder for a source; it differs from all other names of sets."""
    if is_name(source) and len(source) < 40:
        return f"other-{source}"
    return f"other-{hashlib.sha256(source.encode()).hexdigest()[:16]}"
