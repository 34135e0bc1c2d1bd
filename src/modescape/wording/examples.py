"""What examples are called: texts are written for images, and say rows or sentences where examples are such."""

from __future__ import annotations

import re

IMAGES = re.compile(r"\b([Ii]mage|[Pp]icture)(s?)\b")


def in_words_of(word: str, text: str) -> str:
    """A text of this package in the words of other examples.

    Args:
        word: for several of them; "images" leaves the text as it is.
        text: written for images.

    >>> in_words_of("rows", "Images of the test split, image by image")
    'Rows of the test split, row by row'
    """
    if word == "images":
        return text

    def other(found: re.Match[str]) -> str:
        own = word if found[2] else word.removesuffix("s")
        return own.capitalize() if found[1][0].isupper() else own

    return IMAGES.sub(other, text)
