"""Sequences of tokens: padded to one length, with a mask of the places that hold one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from modescape import recipe
from modescape.batches import InputShape, Leaf
from modescape.types import Inputs

PADDING = 0  # the token of places that hold none


@dataclass(frozen=True, kw_only=True)
class Tokens:
    """int64 [example, place], 0 where there is no token.

    Attributes:
        vocabulary: tokens there are, with those of padding and of what is unknown.
        length: places of a sequence.
        facts: of the tokenizer, for the fingerprint.
    """

    vocabulary: int
    length: int
    facts: tuple[str, ...] = ()
    name: str = "tokens"
    word: str = "sentences"
    noun: str = "sentence"

    def tensors(self, arrays: Any) -> Inputs:
        """int64, however few bytes the arrays take."""
        return torch.from_numpy(arrays)

    def fit(self, train: Inputs) -> tuple[Tokens, tuple[str, ...]]:
        """Nothing is learnt from the sentences."""
        return self, ()

    def shape(self, inputs: Inputs) -> InputShape:
        """Tokens and their mask, [place] each."""
        pair = (Leaf((self.length,), "int64"), Leaf((self.length,), "bool"))
        return InputShape(pair, {"vocabulary": self.vocabulary, "length": self.length}, self.name, self.word)

    def prepare(self, data: recipe.Data, train: Inputs) -> Masked:
        """The mask beside the tokens."""
        return Masked()


@dataclass(frozen=True)
class Masked:
    """From tokens to tokens and their mask: True where there is one."""

    def __call__(self, inputs: Inputs, keys: Tensor | None = None, *, dtype: torch.dtype = torch.float32) -> Inputs:
        """See `modescape.data.inputs.base.Prepare`."""
        assert isinstance(inputs, Tensor)
        return inputs.long(), inputs != PADDING

    def pick(
        self, inputs: Inputs, index: Tensor, keys: Tensor | None = None, *, dtype: torch.dtype = torch.float32
    ) -> Inputs:
        """See `modescape.data.inputs.base.Prepare`."""
        assert isinstance(inputs, Tensor)
        return self(inputs[index], dtype=dtype)
