"""What examples are called: texts are written for images, and say rows or sentences where examples are such."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import xarray as xr

IMAGES = re.compile(r"\b([Aa]n? )?([Ii]mage|[Pp]icture)(s?)\b")


def word_of(dataset: xr.Dataset) -> str:
    """The word for the examples of a result."""
    return str(dataset.attrs.get("examples_word", "images"))


def in_words_of(word: str, text: str) -> str:
    """A text of this package in the words of other examples.

    Args:
        word: for several of them; "images" leaves the text as it is.
        text: written for images.

    >>> in_words_of("rows", "Images of the test split, image by image; passes an image")
    'Rows of the test split, row by row; passes a row'
    """
    if word == "images":
        return text

    def other(found: re.Match[str]) -> str:
        article, image, several = found.groups()
        own = word if several else word.removesuffix("s")
        own = own.capitalize() if image[0].isupper() else own
        if not article:
            return own
        return f"{article[0]}{'n' if own[0].lower() in 'aeiou' else ''} {own}"

    return IMAGES.sub(other, text)
