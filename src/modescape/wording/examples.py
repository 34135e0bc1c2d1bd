"""Names of examples: texts are written for images, and adapted where examples are rows or sentences."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import xarray as xr

NEW = re.compile(r"\bon (new|other)( test)?\s+(images|examples)\b")
# not "for example", nor a part of a path or of a name with a hyphen
IMAGES = re.compile(r"(?<![\w/\\.-])(?:([Aa])n? )?(?<!\b[Ff]or )([Ii]mage|[Pp]icture|[Ee]xample)(s?)(?![\w/\\-]|\.\w)")
VOWELS = "aeiou"


def word_of(dataset: xr.Dataset) -> str:
    """The word for the examples of a result."""
    return str(dataset.attrs.get("examples_word", "images"))


def in_words_of(word: str, text: str, grouped: bool = False) -> str:
    """A text of this package in the words of other examples.

    Args:
        word: for several of them; "images" leaves the text as it is.
        text: written for images.
        grouped: whether examples have groups: intervals are for new groups of them.

    >>> in_words_of("rows", "Images of the test split, image by image: an image")
    'Rows of the test split, row by row: a row'
    >>> in_words_of("rows", "10 test examples, for example; an example of images/a.png")
    '10 test rows, for example; a row of images/a.png'
    >>> in_words_of("rows", "for new members on new examples", grouped=True)
    'for new members on rows of new groups'
    """
    if grouped:
        text = NEW.sub(lambda found: f"on{found[2] or ''} {found[3]} of {found[1]} groups", text)
    if word in ("images", ""):
        return text

    def other(found: re.Match[str]) -> str:
        own = word if found[3] else word.removesuffix("s") or word
        own = own.capitalize() if found[2][0].isupper() else own
        article = f"{found[1]}{'n' if own[0] in VOWELS else ''} " if found[1] else ""
        return f"{article}{own}"

    return IMAGES.sub(other, text)
