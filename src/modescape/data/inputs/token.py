"""Sequences of tokens: padded to one length, with a mask of the positions that hold one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from modescape import recipe
from modescape.batches import InputShape, Leaf
from modescape.data.inputs.base import Shifts, Unlike
from modescape.data.inputs.word_shifts import PADDING, SENTENCES_UNLIKE, TEXT, TOKEN, WORD_SHIFTS
from modescape.types import Inputs

if TYPE_CHECKING:
    from modescape.data.tokenizer import Tokenizer


@dataclass(frozen=True, kw_only=True)
class Tokens:
    """Leaves "token", [example, place], 0 where there is none, and "text" [example], the number of the text.

    Attributes:
        vocabulary: number of tokens, including padding and unknown.
        length: positions of a sequence.
        tool: the tokenizer.
        texts: of the source, by their numbers.
        facts: of the tokenizer, for the fingerprint.
    """

    vocabulary: int
    length: int
    tool: Tokenizer
    texts: tuple[str, ...] = field(default=(), repr=False, compare=False)
    facts: tuple[str, ...] = ()
    name: str = "tokens"
    word: str = "sentences"
    noun: str = "sentence"

    def tensors(self, arrays: Any) -> Inputs:
        """As they lie there."""
        return {name: torch.from_numpy(array) for name, array in arrays.items()}

    def fit(self, train: Inputs) -> tuple[Tokens, tuple[str, ...]]:
        """Nothing is fitted."""
        return self, ()

    def shape(self, inputs: Inputs) -> InputShape:
        """Tokens and their mask, [place] each."""
        pair = (Leaf((self.length,), "int64"), Leaf((self.length,), "bool"))
        return InputShape(pair, {"vocabulary": self.vocabulary, "length": self.length}, self.name, self.word)

    @property
    def shifts(self) -> Shifts:
        """Typos and dropped words."""
        return WORD_SHIFTS

    @property
    def unlike(self) -> Mapping[str, Unlike]:
        """Words in a random order, and random tokens."""
        return SENTENCES_UNLIKE

    def prepare(self, data: recipe.Data, train: Inputs) -> Masked:
        """The mask beside the tokens."""
        return Masked()


@dataclass(frozen=True)
class Masked:
    """From tokens to tokens and their mask: True where there is one."""

    def __call__(self, inputs: Inputs, keys: Tensor | None = None, *, dtype: torch.dtype = torch.float32) -> Inputs:
        """See `modescape.data.inputs.base.Prepare`."""
        assert isinstance(inputs, dict)
        token = inputs[TOKEN]
        return token.long(), token != PADDING

    def pick(
        self, inputs: Inputs, index: Tensor, keys: Tensor | None = None, *, dtype: torch.dtype = torch.float32
    ) -> Inputs:
        """See `modescape.data.inputs.base.Prepare`."""
        assert isinstance(inputs, dict)
        return self({TOKEN: inputs[TOKEN][index]}, dtype=dtype)


__all__ = ["PADDING", "TEXT", "TOKEN", "Masked", "Tokens"]
