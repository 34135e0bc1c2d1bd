"""Logs of single examples as lm-evaluation-harness writes them, ``samples_*.jsonl``."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from modescape.errors import InputError
from modescape.interop.predictions.content import Content
from modescape.plain import shown


def is_samples(data: bytes) -> bool:
    """Whether JSON lines are such a log, by the first of them."""
    try:
        first = json.loads(data.split(b"\n", 1)[0])
    except ValueError:
        return False
    return isinstance(first, dict) and "doc_id" in first and ("filtered_resps" in first or "resps" in first)


def read_samples(data: bytes, where: str) -> Content:
    """Log-likelihoods of the choices of each example, as logits of classes "0", "1", ... by their place; else texts.

    Examples may have fewer choices than others: those that are not there have probability 0. Log-likelihoods are as the
    harness gives them, not divided by the length of the choice.

    Raises:
        InputError: naming the line of what is no such sample.
    """
    there = [(number, line) for number, line in enumerate(data.splitlines(), 1) if line.strip()]
    lines, rows = [number for number, _ in there], [_row(line, number, where) for number, line in there]
    if len({row.get("filter") for row in rows}) > 1:  # the same answers, taken out of the text in several ways
        kept = [at for at, row in enumerate(rows) if row.get("filter") == rows[0].get("filter")]
        rows, lines = [rows[at] for at in kept], [lines[at] for at in kept]
    found = [_responses(row) for row in rows]
    ids = np.array([row["doc_id"] for row in rows])
    texts = [one.strip() for one in found if isinstance(one, str)]
    if len(texts) == len(found):
        labels = np.array([str(row.get("target")).strip() for row in rows])
        return Content(where, {"id": ids, "prediction": np.array(texts), "label": labels})
    chosen = [one if isinstance(one, list) else [] for one in found]
    if wrong := [at for at, one in enumerate(chosen) if len(one) < 2]:
        raise InputError(
            f"'{where}', line {lines[wrong[0]]}: neither an answer nor log-likelihoods of two choices or more; "
            "samples of tasks of other kinds (perplexity) have no classes"
        )
    width = max(map(len, chosen))
    logits = np.full((len(chosen), width), -np.inf)
    for row, one in zip(logits, chosen, strict=True):
        row[: len(one)] = one
    arrays: dict[str, Any] = {"id": ids, "logits": logits}
    targets = [_target(row, len(one)) for row, one in zip(rows, chosen, strict=True)]
    if all(one is not None for one in targets):
        arrays["label"] = np.array(targets)
    note = f"{where}: log-likelihoods of {width} choices as lm-evaluation-harness logs them, softmax over the choices"
    return Content(where, arrays, notes=(note,))


def _row(line: bytes, number: int, where: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except ValueError:
        row = None
    if not isinstance(row, dict) or "doc_id" not in row:
        raise InputError(f"'{where}', line {number} is not a sample of lm-evaluation-harness: {shown(line[:80], 80)}")
    return row


def _responses(row: Mapping[str, Any]) -> list[float] | str | None:
    """Log-likelihoods of the choices, or the text that was answered."""
    given = row.get("filtered_resps", row.get("resps"))
    if isinstance(given, str):
        return given
    if not isinstance(given, list) or not given:
        return None
    if isinstance(given[0], str) and len(given) == 1:
        return given[0]
    try:
        return [_likelihood(one) for one in given]
    except (TypeError, ValueError, IndexError):
        return None


def _likelihood(response: Any) -> float:
    """A response is [log-likelihood, whether it is the most likely text], numbers or texts, perhaps one list deeper."""
    while isinstance(response, list) and isinstance(response[0], list):
        response = response[0]
    return float(response[0] if isinstance(response, list) else response)


def _target(row: Mapping[str, Any], choices: int) -> int | None:
    """The place of the right choice: a number, or the text of one of the choices."""
    target = row.get("target")
    if isinstance(target, (int, str)) and str(target).strip().isdecimal():
        return int(target)
    if not isinstance(target, str):
        return None
    texts = [text.strip() for text in _choices(row.get("arguments"))]
    if target.strip() in texts:
        return texts.index(target.strip())
    letter = "ABCDEFGHIJ".find(target.strip())
    return letter if 0 <= letter < choices and len(target.strip()) == 1 else None


def _choices(arguments: Any) -> Sequence[str]:
    """Texts of the choices among the arguments of the requests."""
    if isinstance(arguments, Mapping):
        arguments = [list(one.values()) for one in arguments.values() if isinstance(one, Mapping)]
    if not isinstance(arguments, list):
        return ()
    return [str(one[1]) for one in arguments if isinstance(one, list) and len(one) > 1]
