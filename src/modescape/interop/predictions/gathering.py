"""Files or arrays of predictions with labels: read, checked, matched, and identified, for analyses."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from modescape.arrays import group_codes
from modescape.errors import InputError
from modescape.interop.predictions.content import Read, told_apart
from modescape.interop.predictions.given import GivenPredictions, Model
from modescape.interop.predictions.kinds import LABELS, MEANS
from modescape.interop.predictions.lazy import Placed, Scratch
from modescape.interop.predictions.matching import as_targets, check_present, check_same_rows, rows_in_order
from modescape.interop.predictions.opening import Origin, names_of
from modescape.interop.predictions.options import Options
from modescape.interop.predictions.settling import (
    Opened,
    check_variances,
    classes_of,
    impossible,
    kind_of_model,
    refuse_copies,
    refuse_mixed,
    refuse_one_class,
    voting,
)
from modescape.interop.predictions.truth import Truth, beside, checked_labels, content_of, id_in, truth_of, truth_within
from modescape.plain import nearest, shown

MOST_NAMED = 5  # models that warnings are about


@dataclass(frozen=True, kw_only=True)
class Gathered:
    """The predictions and labels from all files."""

    predictions: GivenPredictions
    origins: Sequence[Origin]  # of each model
    kinds: Sequence[str]  # of each model, as its file has it
    labels: Origin
    task: str
    bare: bool
    groups: Mapping[str, Sequence[int]] = field(default_factory=dict[str, Sequence[int]])
    ids: Sequence[str] = ()
    parts: np.ndarray | None = None
    notes: Sequence[str] = ()
    warnings: Sequence[str] = ()

    @property
    def names(self) -> list[str]:
        """Of the models, in the order given."""
        return [model.name for model in self.predictions.models]


def gather(
    files: Sequence[str] | Mapping[str, Any], options: Options, scratch: Scratch, labels: Any = None
) -> Gathered:
    """Read, check and match predictions.

    Args:
        files: names of files (FILE or FILE:COLUMN; "-" is standard input), or name -> array, tensor or such a file.
        options: the user's settings for reading them.
        scratch: storage for large arrays that are not in NumPy files.
        labels: an array [example] in place of ``options.labels``.

    Raises:
        InputError: naming the file, row and value at fault.
    """
    named = (
        dict(zip(names_of(files), files, strict=True))
        if not isinstance(files, Mapping)
        else {str(name): one for name, one in files.items()}
    )
    if not named:
        raise InputError("no predictions were given; name a file of each model")
    truth = truth_of(options, labels)
    models: list[Opened] = []
    notes: list[str] = []
    several, first, unnamed = len(named) > 1, None, list[str]()
    for name, given in named.items():
        content, origin = content_of(name, given)
        if truth is None:
            truth = truth_within(content, origin, options)
        read = told_apart(
            content,
            examples=truth.examples.count,
            numbers=truth.numbers,
            id_column=id_in(content, options),
            others=options.columns,
        )
        truth = checked_labels(truth, read)
        if truth.examples.ids is None:
            first = check_same_rows(first, read.where, read.ids)
        notes += read.notes
        unnamed += [read.where] if read.ids is None else []
        models += list(_placed(name, read, truth, origin, scratch, several))
    assert truth is not None
    return _together(models, truth, options, notes + rows_in_order(unnamed, truth.examples))


def _placed(name: str, read: Read, truth: Truth, origin: Origin, scratch: Scratch, several: bool) -> Iterator[Opened]:
    """The models of a file, rows in the order of the examples."""
    for inner, rows in read.models.items():
        order = truth.examples.order(read.where, rows.shape[0], read.ids)
        own = f"{name}-{inner}" if several and inner else inner or name
        where = f"{read.where} ({inner})" if inner else read.where
        kept = scratch.keep(rows, read.where)
        yield Opened(own, where, kept if order is None else Placed(kept, order=order), origin, read.class_names)


def _together(models: list[Opened], truth: Truth, options: Options, notes: list[str]) -> Gathered:
    if twice := [one.name for one in models if sum(one.name == other.name for other in models) > 1]:
        raise InputError(f"two models are called {twice[0]!r}; give them different names")
    kinds = [kind_of_model(one, options, truth.numbers) for one in models]
    refuse_mixed(models, kinds)
    bare = LABELS in kinds or MEANS in kinds
    if truth.numbers:
        label, names = as_targets(truth.label, truth.examples.where), ("target",)
        found = [Model(one.name, one.rows, MEANS if bare else kind) for one, kind in zip(models, kinds, strict=True)]
        check_variances(models, kinds)
    else:
        check_present(truth.label, truth.examples.where)
        label, names, found = classes_of(models, kinds, truth)
    warnings = _warned(found, kinds, label, bare)
    if bare and not truth.numbers:
        found = [one if kind == LABELS else voting(one) for one, kind in zip(found, kinds, strict=True)]
    refuse_copies(models, found, kinds, label)
    refuse_one_class(label, truth)
    predictions = GivenPredictions(
        models=found,
        label=label,
        class_names=list(names),
        example_group=group_codes(beside(options.examples_group, truth), len(label)),
    )
    ids = truth.examples.ids
    parts = beside(options.parts, truth)
    return Gathered(
        predictions=predictions,
        origins=[one.origin for one in models],
        kinds=kinds,
        labels=truth.origin,
        task="regression" if truth.numbers else "classification",
        bare=bare,
        groups=_groups([one.name for one in models], options.groups),
        ids=[] if ids is None else [str(one) for one in ids.tolist()],
        parts=None if parts is None else parts.astype(str),
        notes=notes,
        warnings=warnings,
    )


def _warned(models: list[Model], kinds: list[str], label: np.ndarray, bare: bool) -> list[str]:
    """Warnings about the given predictions."""
    if bare and len(set(kinds)) > 1:
        some = [one.name for one, kind in zip(models, kinds, strict=True) if kind not in (LABELS, MEANS)]
        return [
            f"{shown(', '.join(some), 200)}: its confidence is left out, as other models have none; compare models "
            "with probabilities by themselves to score those"
        ]
    lost = [] if bare else [(one.name, count) for one in models if (count := impossible(one, label))]
    return [
        f"{shown(name, 60)} gives the class of {count:,} examples probability 0: its log-likelihood is infinite, and "
        "has no interval"
        for name, count in lost[:MOST_NAMED]
    ]


def _groups(names: Sequence[str], wanted: Mapping[str, str]) -> dict[str, list[int]]:
    """Methods and the places of their models among the names."""
    found: dict[str, list[int]] = {}
    for method, patterns in wanted.items():
        for pattern in filter(None, (one.strip() for one in patterns.split(","))):
            fitting = [at for at, name in enumerate(names) if name == pattern or fnmatch.fnmatchcase(name, pattern)]
            if not fitting:
                raise InputError(f"no model is called {pattern!r} (group {method!r}); {nearest(pattern, names)}")
            found.setdefault(method, []).extend(at for at in fitting if at not in found.get(method, []))
    for at, name in enumerate(names):
        own = [method for method, places in found.items() if at in places]
        if len(own) > 1:
            raise InputError(f"{name!r} is in the groups {own[0]!r} and {own[1]!r}; expected one")
    return found
