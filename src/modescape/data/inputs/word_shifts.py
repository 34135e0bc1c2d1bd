"""Sentences under shift, made from their texts before tokenization, and out-of-distribution sentences.

Strengths are those of severities 1 to 5; a sentence's random numbers are the same at all of them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from modescape import rng
from modescape.data.inputs.base import Change, Corruption, Shifts, Unlike, nothing_selected
from modescape.types import Inputs

TOKEN, TEXT = "token", "text"
"""Leaves of a split: int32 [example, place], 0 where there is none; int64 [example], the number of the text."""
PADDING = 0  # the token of places that hold none
FIRST = 2  # the first token that is neither that nor unknown
NO_TEXT = -1  # of sentences that are tokens alone

MISSPELT = (0.02, 0.05, 0.1, 0.15, 0.2)  # share of the letters
DROPPED = (0.1, 0.2, 0.3, 0.4, 0.5)  # share of the words
LETTERS = "abcdefghijklmnopqrstuvwxyz"


class Tool(Protocol):
    """A tokenizer."""

    @property
    def tokens(self) -> Callable[[str], list[int]]:
        """The function from a text to its tokens."""
        ...


class Tokens(Protocol):
    """Texts, and how they become tokens; see `modescape.data.inputs.token.Tokens`."""

    vocabulary: int
    length: int
    tool: Tool
    texts: tuple[str, ...]


def _leaf(inputs: Inputs, name: str) -> Tensor:
    assert isinstance(inputs, dict)
    return inputs[name]


def as_inputs(tokens: Tensor) -> Inputs:
    """Sentences that are tokens alone."""
    return {TOKEN: tokens, TEXT: torch.full((len(tokens),), NO_TEXT, dtype=torch.int64, device=tokens.device)}


def padded(rows: list[list[int]], length: int) -> np.ndarray:
    """Tokens of sentences in one array, int32 [example, place]; longer ones are cut off."""
    found = np.full((len(rows), length), PADDING, dtype=np.int32)
    for place, row in enumerate(rows):
        found[place, : len(row)] = row[:length]
    return found


def chosen_places(count: int, share: float, key: Tensor) -> np.ndarray:
    """A share of 0 .. count - 1, whole numbers whose mean is the share, in the order in which they are chosen."""
    order, split = rng.words(key, 2).unbind(-1)
    wanted = int(share * count + float(rng.uniform(split[None], 1)[0, 0]))
    return rng.permutation(order, count)[:wanted].numpy()


def misspelt(text: str, share: float, key: Tensor) -> str:
    """A text with a share of its letters swapped with the next one, dropped or replaced, one as often as another.

    Args:
        text: of any letters; those of other alphabets are replaced by Latin ones, too.
        share: of the letters.
        key: of the text's stream, int64 []; the same letters at a smaller share, and fewer of them.
    """
    letters = [place for place, sign in enumerate(text) if sign.isalpha()]
    found, drawn = list(text), rng.uniform(rng.words(key, 3)[2:], 2 * len(letters))[0].numpy()
    for number in chosen_places(len(letters), share, key).tolist():
        place, kind, which = letters[number], int(3 * drawn[2 * number]), drawn[2 * number + 1]
        here, after = found[place], found[place + 1] if place + 1 < len(text) else ""
        if kind == 0 and after.isalpha() and here != after:
            found[place], found[place + 1] = after, here
        elif kind == 1:
            found[place] = ""
        else:
            others = LETTERS.replace(here.lower(), "")
            found[place] = others[int(which * len(others))]
    made = "".join(found)
    return made if made.strip() else text


def without_words(text: str, share: float, key: Tensor) -> str:
    """A text without a share of its words, the others one blank apart; one word stays at least."""
    words = text.split()
    gone = set(chosen_places(len(words), share, key)[: len(words) - 1].tolist())
    return " ".join(word for place, word in enumerate(words) if place not in gone) if gone else text


def _rewritten(how: Callable[[str, float, Tensor], str], shares: tuple[float, ...]) -> Callable[..., Inputs]:
    """The corruption of sentences that changes their texts."""

    def change(kind: Tokens, inputs: Inputs, severity: int, keys: Tensor) -> Inputs:
        texts = [kind.texts[number] for number in _leaf(inputs, TEXT).tolist()]
        made = [how(text, shares[severity - 1], key) for text, key in zip(texts, keys, strict=True)]
        rows = padded([kind.tool.tokens(text) for text in made], kind.length)
        return as_inputs(torch.from_numpy(rows).to(_leaf(inputs, TOKEN).device))

    return change


def _measure(kind: Tokens, clean: Inputs, changed: Inputs) -> Change:
    """Mean number of places of a sentence that hold another token, and their share of those that hold any."""
    before, after = _leaf(clean, TOKEN), _leaf(changed, TOKEN)
    moved = before != after
    return Change(float(moved.double().sum(1).mean()), float(moved.sum() / ((before | after) != PADDING).sum()))


def _shuffled(kind: Tokens, inputs: Inputs, seed: int) -> Inputs:
    keys = rng.words(torch.tensor(rng.key(seed, "shuffled words")), len(_leaf(inputs, TEXT)))
    rows = []
    for number, key in zip(_leaf(inputs, TEXT).tolist(), keys, strict=True):
        words = kind.texts[number].split()
        rows.append(kind.tool.tokens(" ".join(words[place] for place in rng.permutation(key, len(words)).tolist())))
    return as_inputs(torch.from_numpy(padded(rows, kind.length)).to(_leaf(inputs, TOKEN).device))


def _noise(kind: Tokens, inputs: Inputs, seed: int) -> Inputs:
    """As many tokens as each sentence has, any of them alike."""
    token = _leaf(inputs, TOKEN)
    keys = rng.words(torch.tensor(rng.key(seed, "noise tokens")), len(token))
    drawn = FIRST + rng.integers(keys, token.shape[1], kind.vocabulary - FIRST).to(token.device)
    return as_inputs(torch.where(token != PADDING, drawn, PADDING).to(token.dtype))


def _percent(shares: tuple[float, ...]) -> str:
    return ", ".join(f"{100 * share:g}" for share in shares)


WORD_SHIFTS = Shifts(
    corruptions={
        "typos": Corruption(
            f"{_percent(MISSPELT)} % of the letters of each sentence swapped, dropped or replaced",
            _rewritten(misspelt, MISSPELT),
        ),
        "dropped_words": Corruption(
            f"{_percent(DROPPED)} % of the words of each sentence left out", _rewritten(without_words, DROPPED)
        ),
    },
    measure=_measure,
    unit="tokens of a sentence",
    select=nothing_selected,
)
SENTENCES_UNLIKE = {
    "shuffled": Unlike("the test sentences with their words in a random order", _shuffled),
    "noise": Unlike("as many random tokens as each test sentence has", _noise),
}
