"""Determining the kind and classes of models, and whether a model occurs twice."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

from modescape.errors import InputError
from modescape.interop.predictions.given import Model
from modescape.interop.predictions.kinds import (
    GAUSSIANS,
    LABELS,
    LOG_PROBABILITIES,
    LOGITS,
    MEANS,
    PROBABILITIES,
    check_numbers,
    kind_of,
)
from modescape.interop.predictions.lazy import Rows, blocks
from modescape.interop.predictions.matching import coded, names_from, whole
from modescape.interop.predictions.opening import Origin
from modescape.interop.predictions.options import Options
from modescape.interop.predictions.truth import Truth
from modescape.plain import shown

SURE = 5  # common errors from which equal predictions count as one model given twice
IN_PROBABILITIES = (PROBABILITIES, LOG_PROBABILITIES, LOGITS)


@dataclass(frozen=True)
class Opened:
    """A model before it is known what its numbers are."""

    name: str
    where: str
    rows: Rows
    origin: Origin
    class_names: tuple[str, ...] = ()


def kind_of_model(one: Opened, options: Options, numbers: bool) -> str:
    """The kind of a model's values."""
    where, rows = one.where, one.rows
    if numbers:
        if rows.dtype.kind not in "fiu":
            raise InputError(f"'{where}' holds texts, and the task is a regression; expected numbers")
        kind = options.kind or (GAUSSIANS if rows.shape[1:] == (2,) else MEANS)
        if kind not in (MEANS, GAUSSIANS) or (kind == MEANS and rows.shape[1:] not in ((), (1,))):
            raise InputError(
                f"'{where}' has shape {list(rows.shape)}; expected [example], or [example, 2]: mean, variance"
            )
        check_numbers(rows, kind, where)
        return kind
    single = len(rows.shape) == 1 or rows.shape[1] == 1
    answers = whole(np.asarray(rows[:]).reshape(-1)) if single and rows.dtype.kind != "U" else None
    if options.kind in (MEANS, GAUSSIANS):
        raise InputError(
            f"--kind '{options.kind}' is for regression, and labels are classes; give --task regression if they are "
            "numbers"
        )
    if (single and (rows.dtype.kind == "U" or (answers is not None and not options.kind))) or options.kind == LABELS:
        if not single:
            raise InputError(f"'{where}' has shape {list(rows.shape)}; --kind labels expects one class per example")
        return LABELS
    if rows.dtype.kind not in "fiu":
        raise InputError(f"'{where}' holds {rows.dtype}, expected numbers")
    return kind_of(rows, options.kind, where)


def check_variances(models: list[Opened], kinds: list[str]) -> None:
    """Refuse a regression of which some models have variances and others have none."""
    if len(set(kinds)) > 1:
        without = [one.where for one, kind in zip(models, kinds, strict=True) if kind == MEANS]
        raise InputError(f"'{without[0]}' has no variances and others have; give variances of all, or means only")


def refuse_mixed(models: list[Opened], kinds: list[str]) -> None:
    """Refuse models of different numbers of classes."""
    widths = {}
    for one, kind in zip(models, kinds, strict=True):
        if kind in IN_PROBABILITIES:
            widths.setdefault(2 if len(one.rows.shape) == 1 else max(2, one.rows.shape[1]), one.where)
    if len(widths) > 1:
        (first, where), (second, other) = list(widths.items())[:2]
        raise InputError(f"'{where}' has {first} classes and '{other}' has {second}; expected equally many")


def classes_of(models: list[Opened], kinds: list[str], truth: Truth) -> tuple[np.ndarray, tuple[str, ...], list[Model]]:
    """Labels as numbers, names of the classes, and models whose columns are in their order."""
    probable = [one for one, kind in zip(models, kinds, strict=True) if kind in IN_PROBABILITIES]
    answers = [_answers(one) for one, kind in zip(models, kinds, strict=True) if kind == LABELS]
    if probable:
        width = 2 if len(probable[0].rows.shape) == 1 else max(2, probable[0].rows.shape[1])
        names = _class_names(probable, width, truth)
    else:
        names = names_from(truth.label, answers)
    label = coded(truth.label, names, truth.examples.where, "label")
    _check_names([one for one, kind in zip(models, kinds, strict=True) if kind == LABELS], truth)
    found = []
    for one, kind in zip(models, kinds, strict=True):
        if kind == LABELS:
            rows = coded(_answers(one), names, one.where, "prediction").astype(np.min_scalar_type(len(names)))
            found.append(Model(one.name, rows, LABELS))
        else:
            found.append(Model(one.name, one.rows, kind, _order(one, names)))
    return label, names, found


def _check_names(models: list[Opened], truth: Truth) -> None:
    """Refuse answers that are none of the labels throughout, such as numbers beside names."""
    known, numbers = set(truth.label.astype(str).tolist()), whole(truth.label) is not None
    for one in models:
        if numbers and whole(_answers(one)) is not None:  # a number that no label has may be a class
            continue
        said = {str(text) for text in np.unique(_answers(one)).tolist()}
        if not said & known:
            raise InputError(
                f"'{one.where}' predicts {shown(', '.join(sorted(said)), 60)}, none of which is a label "
                f"({shown(', '.join(sorted(known)), 60)}); expected the names of the labels"
            )


def impossible(model: Model, label: np.ndarray) -> int:
    """Examples whose class a model gives probability 0, so that its log-likelihood is infinite."""
    if model.kind not in (PROBABILITIES, LOG_PROBABILITIES) or len(model.rows.shape) == 1 or model.rows.shape[1] == 1:
        return 0
    nothing, columns = 0.0 if model.kind == PROBABILITIES else -np.inf, np.arange(model.rows.shape[1])
    columns = columns if model.columns is None else np.asarray(model.columns)
    found = 0
    for block in blocks(*model.rows.shape):
        part, own = np.asarray(model.rows[block]), columns[label[block]]
        found += int((part[np.arange(len(own)), own] == nothing).sum())
    return found


def _answers(one: Opened) -> np.ndarray:
    """Classes [example] as they are written."""
    return np.asarray(one.rows[:]).reshape(-1)


def _class_names(models: list[Opened], width: int, truth: Truth) -> tuple[str, ...]:
    """Names of the classes in the order of the columns that have none; refused where that cannot be known."""
    named = [one for one in models if len(one.class_names) == width]
    if not named:
        return _names(width, truth, models[0].where)
    names, numbers = named[0].class_names, whole(truth.label)
    if numbers is None or set(numbers.astype(str).tolist()) <= set(names):  # labels are names
        if all(name.isdecimal() for name in names):
            return tuple(sorted(names, key=int))
        bare = [one.where for one in models if not one.class_names and one.rows.shape[1:] == (width,)]
        if bare and names != tuple(sorted(names)):
            raise InputError(
                f"'{bare[0]}' has no names of classes, and '{named[0].where}' has them in an order of its own "
                f"({shown(', '.join(names), 80)}); name the columns of both"
            )
    elif other := next((one for one in named if one.class_names != names), None):
        raise InputError(
            f"labels are numbers, and '{named[0].where}' and '{other.where}' have their classes in different orders; "
            "give labels by the names of the classes"
        )
    return names


def _names(width: int, truth: Truth, where: str) -> tuple[str, ...]:
    """Names of so many classes: their numbers, unless labels are as many texts, which stand in the alphabet's order."""
    if whole(truth.label) is not None:
        return tuple(map(str, range(width)))
    texts = sorted(set(truth.label.astype(str).tolist()))
    if len(texts) != width:
        raise InputError(
            f"'{truth.examples.where}' has {len(texts)} different labels and '{where}' {width} classes without names; "
            "give labels as numbers from 0, or name the columns after the classes"
        )
    return tuple(texts)


def _order(one: Opened, names: tuple[str, ...]) -> tuple[int, ...] | None:
    """Places of the classes among the columns of a model that names them."""
    if not one.class_names or one.class_names == names:
        return None
    if len(one.class_names) == 1:
        if one.class_names[0] == names[0]:
            raise InputError(
                f"'{one.where}' has the probability of {shown(names[0], 40)!r} alone, and a single one is taken for "
                f"that of {shown(names[1], 40)!r}; give both columns, or that one"
            )
        return None
    if sorted(one.class_names) != sorted(names):
        raise InputError(
            f"'{one.where}' has the classes {shown(', '.join(one.class_names), 80)} and others "
            f"{shown(', '.join(names), 80)}; expected the same"
        )
    return tuple(one.class_names.index(name) for name in names)


def voting(model: Model) -> Model:
    """A model by its most probable classes alone."""
    width = int(np.prod(model.rows.shape[1:], dtype=np.int64))
    votes = [model.voted(block) for block in blocks(model.rows.shape[0], width)]
    return Model(model.name, np.concatenate(votes), LABELS)


def _digest(model: Model) -> str:
    """Digest of a model's values, independent of their file."""
    digest, width = hashlib.blake2b(), int(np.prod(model.rows.shape[1:], dtype=np.int64))
    for block in blocks(model.rows.shape[0], width):
        part = np.asarray(model.rows[block])
        digest.update(np.ascontiguousarray(part, dtype=np.int64 if model.kind == LABELS else np.float32).tobytes())
    return digest.hexdigest()


def refuse_copies(opened: list[Opened], models: list[Model], kinds: list[str], label: np.ndarray) -> None:
    """Refuse a model that is there twice; hard labels that are the same may be so by chance where few are wrong."""
    seen: dict[str, int] = {}
    for at, model in enumerate(models):
        first = seen.setdefault(f"{kinds[at]} {_digest(model)}", at)
        if first == at:
            continue
        if model.kind != LABELS or int((np.asarray(model.rows[:]) != label).sum()) >= SURE:
            raise InputError(
                f"{opened[at].where} is {opened[first].where}: the same predictions throughout; leave one of them out"
            )


def refuse_one_class(label: np.ndarray, truth: Truth) -> None:
    """Refuse labels that are all the same: nothing is to be told apart."""
    if label.ndim == 1 and len(label) and (label == label[0]).all():
        raise InputError(
            f"all labels of '{truth.examples.where}' are {shown(truth.label[0], 40)}; expected two classes or more"
        )
