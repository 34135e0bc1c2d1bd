"""Sentences and their classes: a column of texts, cut into tokens."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from modescape import recipe
from modescape.data.cache import fingerprint
from modescape.data.cells import Columns, targets_of
from modescape.data.dataset import Source, check_classes
from modescape.data.docstrings import SOURCE, docstrings
from modescape.data.features import parts_of, splits_of, targets_in
from modescape.data.grouped import of_columns
from modescape.data.inputs.token import TEXT, TOKEN, Tokens
from modescape.data.inputs.word_shifts import padded
from modescape.data.targets import without_ignored
from modescape.data.tokenizer import Tokenizer, tokenizer
from modescape.errors import InputError
from modescape.plain import shown


def read(data: recipe.Data, task: recipe.Task, report: object = None) -> tuple[Source, str]:
    """A column of texts (``data.text``) and a target, and the fingerprint of their content.

    Raises:
        InputError: if it cannot be read, has no such columns, or a text is missing, empty or too long, naming the row.
    """
    if data.source == SOURCE:
        train, test, text, targets = Columns(f"'{SOURCE}'", docstrings()), None, "text", ("subject",)
    else:
        train, test = splits_of(parts_of(Path(data.source), data.source))
        targets = targets_in(train, data.target)
        text = text_column(train, data.text, *targets, data.group)
    splits = [train] if test is None else [train, test]
    (labels, names), tool = targets_of(splits, targets, task), tokenizer(data.tokenizer)
    found = [tokens_of(one, text, tool, data) for one in splits]
    texts = tuple(cell for one in splits for cell in one.cells[text])
    numbers = np.split(np.arange(len(texts)), [len(found[0])])
    arrays = [
        {TOKEN: padded(rows, data.length), TEXT: own} for rows, own in zip(found, numbers[: len(found)], strict=True)
    ]
    cut = sum(len(row) > data.length for rows in found for row in rows)
    notes = (f"{cut:,} sentences are cut off after {data.length:,} tokens (data.length).",) if cut else ()
    kind = Tokens(vocabulary=tool.size, length=data.length, tool=tool, texts=texts, facts=tool.facts)
    own_test = (arrays[1], labels[1]) if test is not None else (None, None)
    group = of_columns(data, targets, train, test)
    source = Source(arrays[0], labels[0], *own_test, names, notes, kind, *group)
    check_classes(source, train.where)
    source = without_ignored(source, task, train.where)
    return source, fingerprint(_tokens_alone(source))


def _tokens_alone(source: Source) -> Source:
    """What identifies a study: tokens, not the numbers of their texts."""
    test = source.test_inputs
    return replace(source, inputs=source.inputs[TOKEN], test_inputs=None if test is None else test[TOKEN])


def text_column(train: Columns, wanted: str | None, *others: str | None) -> str:
    """The column of texts, none of the others.

    Raises:
        InputError: if it cannot be told.
    """
    own = {name: cells for name, cells in train.cells.items() if name not in others}
    texts = [name for name, cells in own.items() if any(isinstance(cell, str) for cell in cells)]
    if wanted is None and len(texts) == 1:
        return texts[0]
    if wanted is None or wanted not in train.cells:
        what = f"{len(texts)} columns that may be the text" if wanted is None else f"no column {wanted!r}"
        columns = shown(", ".join(train.cells))
        raise InputError(f"{train.where} has {what}; name it with --set data.text=COLUMN; its columns: {columns}")
    return wanted


def tokens_of(columns: Columns, text: str, tool: Tokenizer, data: recipe.Data) -> list[list[int]]:
    """Tokens of every row.

    Raises:
        InputError: naming the row whose text is missing, or too long.
    """
    if text not in columns.cells:
        raise InputError(f"{columns.where} lacks the column {text!r}, which the training rows have")
    found = []
    for row, cell in enumerate(columns.cells[text]):
        tokens = tool.tokens(cell) if isinstance(cell, str) else []
        if not tokens:
            came = "missing" if cell is None else shown(repr(cell), 40)
            expected = "a text of at least one token" if cell is None or isinstance(cell, str) else "a text"
            raise InputError(f"{columns.where}, row {row}, column {text!r}: the text is {came}, expected {expected}")
        if len(tokens) > data.length and not data.truncate:
            raise InputError(
                f"{columns.where}, row {row}, column {text!r}: the text has {len(tokens):,} tokens, data.length is "
                f"{data.length:,}; make it longer, or cut such texts off: --set data.truncate=true"
            )
        found.append(tokens)
    return found
