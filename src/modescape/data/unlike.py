"""Out-of-distribution rows, sentences and trees: made from test examples, or from another file of the same layout.

Images are read in `modescape.data.ood`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from modescape import recipe
from modescape.batches import count, moved, taken
from modescape.data.cells import Columns, numbers_of, text_of
from modescape.data.dataset import Split
from modescape.data.docstrings import SOURCE, docstrings
from modescape.data.embedded import embedded, feature_arrays
from modescape.data.features import parts_of, splits_of
from modescape.data.inputs.base import InputKind
from modescape.data.inputs.row_shifts import CATEGORY, NUMBER, UNKNOWN
from modescape.data.inputs.table import Rows
from modescape.data.inputs.token import Tokens
from modescape.data.inputs.word_shifts import as_inputs, padded
from modescape.data.loaded import examples_of, form
from modescape.data.ood import check_ood, load_ood, part_of
from modescape.data.sentences import text_column, tokens_of
from modescape.errors import InputError
from modescape.plain import shown
from modescape.types import Inputs


def sources_of(data: recipe.Data, kind: InputKind) -> list[str]:
    """The recipe's other data; if it has the default for images, what can be made from this kind."""
    if kind.unlike and data.ood == list(recipe.BUILTIN_OOD):
        return list(kind.unlike)
    return data.ood


def with_sources(data: recipe.Data, kind: InputKind) -> recipe.Data:
    """The section with these spelled out."""
    return data.model_copy(update={"ood": sources_of(data, kind)})


def in_words(source: str, kind: InputKind) -> str:
    """What is made of test examples under this name; "" of what is read."""
    return kind.unlike[source].words if source in kind.unlike else ""


def load_other(source: str, test: Split, limit: int | None, seed: int, data: recipe.Data) -> Inputs:
    """Examples on which a trained network should be uncertain, in the form of the test split.

    Args:
        source: a name of `InputKind.unlike` (made of test examples), or another source of the same layout. Of a file
            its test split is taken, else its validation split, else all; targets are not looked at.
        test: the test split.
        limit: at most so many, a random part; None: all.
        seed: the recipe's.
        data: the recipe's section.

    Raises:
        InputError: if there is no such source, or it cannot be read, naming row and column.
    """
    kind, device = test.kind, test.label.device
    if kind.name == "image":
        return load_ood(source, test, limit, seed, data=data)
    if source in kind.unlike:
        index = part_of(len(test.label), limit, source, seed)
        some = taken(moved(test.inputs, "cpu"), index)
        return moved(kind.unlike[source].make(kind, some, seed), device)
    arrays = FILES[kind.name](source, kind, test, data)
    if not count(arrays):
        raise InputError(f"data.ood: '{shown(source, 100)}' holds no {kind.word}")
    return moved(taken(arrays, part_of(count(arrays), limit, source, seed)), device)


def check_other(source: str, test: Split, data: recipe.Data) -> None:
    """Refuse a source that is not there, before any work; rows and sentences are read, and must have our layout.

    Raises:
        InputError: naming what there is, or what is wrong.
    """
    kind = test.kind
    if kind.name == "image":
        check_ood(source)
    elif source in kind.unlike or (kind.name == "tree" and ":" in source):  # a function of a user's is run when needed
        return
    elif kind.name == "tree" or not (source in MEANT.get(kind.name, ()) or Path(source).exists()):
        raise InputError(
            f"data.ood: '{source}' does not exist; choose from {', '.join(kind.unlike)}, or give another source of "
            f"{kind.word} of the same layout"
        )
    else:
        FILES[kind.name](source, kind, test, data)


MEANT = {"table": recipe.TABLE_SOURCES, "tokens": recipe.TEXT_SOURCES}  # words that mean what is built in


def _rows(source: str, kind: Rows, test: Split, data: recipe.Data) -> Inputs:
    """Rows of a file that has our columns; others that it has, and its target, are left out."""
    path = Path(source)
    if source in recipe.TABLE_SOURCES:
        columns = Columns(*embedded(source))
    elif path.suffix.lower() == ".npz":
        train, own_test = feature_arrays(path)
        columns = Columns(*(own_test or train))
    else:
        columns = _last(source)
    for name in (*kind.numbers, *kind.categories):
        if name not in columns.cells:
            raise InputError(f"data.ood: {columns.where} lacks the column {name!r}, which the training rows have")
    count = len(next(iter(columns.cells.values())))
    number, category = np.full((count, len(kind.numbers)), np.nan), np.zeros((count, len(kind.categories)), np.int64)
    for place, name in enumerate(kind.numbers):
        number[:, place] = numbers_of(columns, name)
    for place, (name, values) in enumerate(zip(kind.categories, kind.values, strict=True)):
        code = {value: number for number, value in enumerate(values)}
        category[:, place] = [code.get(text_of(cell), UNKNOWN) for cell in columns.cells[name]]
    return {NUMBER: torch.from_numpy(number), CATEGORY: torch.from_numpy(category)}


def _sentences(source: str, kind: Tokens, test: Split, data: recipe.Data) -> Inputs:
    """Sentences of a file, cut off where they are longer than ours may be."""
    columns = Columns(f"'{SOURCE}'", docstrings()) if source == SOURCE else _last(source)
    wanted = data.text if data.text in columns.cells else None
    targets = [data.target] if isinstance(data.target, str) else data.target or []
    text = "text" if source == SOURCE else text_column(columns, wanted, *targets, data.group)
    found = tokens_of(columns, text, kind.tool, data.model_copy(update={"truncate": True}))
    return as_inputs(torch.from_numpy(padded(found, kind.length)))


def _trees(source: str, kind: InputKind, test: Split, data: recipe.Data) -> Inputs:
    """What another function gives."""
    parts = examples_of(source)
    inputs = parts.get("test", parts["train"])[0]
    found = kind.tensors(inputs)
    if form(found) != form(test.inputs):
        raise InputError(f"data.ood: examples of '{source}' are {form(found)} and ours {form(test.inputs)}")
    return found


def _last(source: str) -> Columns:
    """The test split of a table, else its validation split, else all of it."""
    path = Path(source)
    if not path.exists():
        raise InputError(f"data.ood: '{shown(source, 100)}' does not exist")
    train, test = splits_of(parts_of(path, source))
    return test or train


FILES: dict[str, Callable[..., Any]] = {"table": _rows, "tokens": _sentences, "tree": _trees}
"""Kind of inputs -> (source, kind, test split, section) -> all its examples."""
