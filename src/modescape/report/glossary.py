"""The glossary on the page: the terms that it uses, and links to them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from modescape.plain import visible
from modescape.wording.glossary import GLOSSARY, anchor, find

if TYPE_CHECKING:
    from markupsafe import Markup


def terms(texts: Iterable[str]) -> list[tuple[str, str, str, str]]:
    """The terms in texts: id, term, meaning and source, in the order of the alphabet."""
    used = sorted({found.term for found in find("\n".join(texts))}, key=str.lower)
    return [(anchor(term), term, GLOSSARY[term].meaning, GLOSSARY[term].source) for term in used]


def linked(text: str, say: Callable[[str], str]) -> Markup:
    """A sentence, escaped, in which each term of the glossary links to its meaning where it first stands.

    Args:
        text: of this package, or of an analysis of the user's own.
        say: puts it into the words of the study's examples.
    """
    from markupsafe import Markup, escape

    link = Markup('<a class="term" href="#{}">{}</a>')
    text, parts, end = say(visible(text)), list[Markup](), 0
    for found in find(text):
        parts += [escape(text[end : found.start]), link.format(anchor(found.term), text[found.start : found.end])]
        end = found.end
    return Markup("").join([*parts, escape(text[end:])])
