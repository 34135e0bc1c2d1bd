"""From texts to tokens: bytes, or the words and parts of words of a file."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from modescape.data.inputs.word_shifts import FIRST, PADDING
from modescape.errors import InputError
from modescape.plain import read_regular

BYTES = "bytes"  # the tokenizer that is built in
UNKNOWN = 1  # the token of what a file has no name for; those that have one begin at `FIRST`
MOST_BYTES = 1 << 26  # of a file of tokens


@dataclass(frozen=True)
class Tokenizer:
    """Texts to numbers from 1 on; `PADDING` is none of them.

    >>> Tokenizer().tokens("hé")
    [106, 197, 171]
    """

    known: dict[str, int] = field(default_factory=dict)  # token -> its number; empty: bytes

    @property
    def size(self) -> int:
        """Tokens there are, with those of padding and of what is unknown."""
        return FIRST + (len(self.known) or 256)

    @property
    def facts(self) -> tuple[str, ...]:
        """What tells this tokenizer from others."""
        return (BYTES,) if not self.known else (hashlib.sha256("\n".join(self.known).encode()).hexdigest(),)

    @property
    def tokens(self) -> Callable[[str], list[int]]:
        """The function from a text to its tokens."""
        return self._pieces if self.known else _bytes

    def _pieces(self, text: str) -> list[int]:
        """Words between blanks, each cut into the longest tokens there are from its beginning on."""
        longest, found = max(map(len, self.known)), []
        for word in text.split():
            start = 0
            while start < len(word):
                ends = range(min(len(word), start + longest), start, -1)
                end = next((end for end in ends if word[start:end] in self.known), None)
                found.append(UNKNOWN if end is None else self.known[word[start:end]])
                start = start + 1 if end is None else end
        return found


def tokenizer(name: str) -> Tokenizer:
    """The one that is built in, or that of a file with a token a line.

    Raises:
        InputError: if there is no such file, or it has no token, or one twice.
    """
    if name == BYTES:
        return Tokenizer()
    path = Path(name)
    try:
        lines = [line.strip() for line in read_regular(path, MOST_BYTES).decode("utf-8-sig").split("\n")]
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"data.tokenizer '{name}' is neither {BYTES!r} nor a UTF-8 file with one token per line ({error})"
        ) from error
    tokens = [line for line in lines if line]
    known = {token: number for number, token in enumerate(tokens, start=FIRST)}
    if not tokens or len(known) != len(tokens):
        raise InputError(f"data.tokenizer '{name}' has {len(tokens):,} tokens, {len(known):,} of them different")
    return Tokenizer(known)


def _bytes(text: str) -> list[int]:
    return [FIRST + byte for byte in text.encode("utf-8", "replace")]


__all__ = ["BYTES", "FIRST", "PADDING", "UNKNOWN", "Tokenizer", "tokenizer"]
