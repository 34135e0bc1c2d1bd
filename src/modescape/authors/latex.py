"""Captions in LaTeX."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

SPECIAL = {
    "\\": r"\textbackslash{}",
    **{letter: f"\\{letter}" for letter in "&%$#_{}"},
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
}
SIGNS = {  # characters that LaTeX's text fonts lack
    "\N{MINUS SIGN}": "$-$",
    "\N{MULTIPLICATION SIGN}": r"$\times$",
    "\N{GREATER-THAN OR EQUAL TO}": r"$\geq$",
    "\N{LESS-THAN OR EQUAL TO}": r"$\leq$",
    "\N{PLUS-MINUS SIGN}": r"$\pm$",
    "\N{HORIZONTAL ELLIPSIS}": r"\ldots{}",
    "\N{RIGHTWARDS ARROW}": r"$\rightarrow$",
    "\N{ALMOST EQUAL TO}": r"$\approx$",
}
FIRST = '% Figures of the study "{study}" by modescape'
HEAD = r""" {version}; \input this file, or copy what you need of it: it is rewritten.
% \usepackage{{graphicx}}; the figures were drawn {width:g} inches wide, with text of {text:g} points.
% Beside each caption: its counterpart in Fort et al. 2019 (arXiv:1912.02757), and \cite keys of references.bib.
"""
FIGURE = r"""
% {about}
\begin{{figure}}
  \centering
  \includegraphics[width={width:g}in]{{{name}.pdf}}
  \caption{{\textbf{{{title}.}} {caption}}}
  \label{{fig:{name}}}
\end{{figure}}
"""


@dataclass(frozen=True)
class Captioned:
    """A figure for a LaTeX document."""

    name: str  # of its files
    title: str  # plain text
    caption: str  # plain text: what is shown, n, how intervals were made
    paper: str  # figures of Fort et al. 2019 that it is the counterpart of; "": none
    sources: tuple[str, ...]  # keys of references.bib
    panels: tuple[tuple[str, str], ...]  # file and title of each panel

    def about(self) -> str:
        """The comment beside the caption."""
        number = f"figure{'s' * (' and ' in self.paper)} {self.paper}"
        paper = f"Fort et al. 2019: {number}" if self.paper else "Not in Fort et al. 2019"
        cited = f"; \\cite{{{','.join(self.sources)}}}" if self.sources else ""
        single = "; ".join(f"{name}.pdf: {' '.join(title.split())}" for name, title in self.panels)
        return f"{paper}{cited}" + (f"\n% Single panels: {single}" if single else "")


def escaped(text: str) -> str:
    r"""Plain text with LaTeX's special characters escaped.

    >>> print(escaped("95 % of $10 & a_b"))
    95 \% of \$10 \& a\_b
    """
    return "".join((SPECIAL | SIGNS).get(letter, letter) for letter in " ".join(text.split()))


def begins(study: str) -> str:
    """How the captions of a study's figures begin, by its name."""
    return FIRST.format(study=" ".join(study.split()))


def captions(study: str, version: str, figures: Sequence[Captioned], width: float, text: float) -> str:
    """A file of figures with their captions.

    Args:
        study: its name.
        version: of this package.
        figures: in their order.
        width: inches.
        text: points of most text.
    """
    parts = [begins(study), HEAD.format(version=version, width=width, text=text)]
    for figure in figures:
        title, caption = escaped(figure.title), escaped(figure.caption)
        parts.append(FIGURE.format(about=figure.about(), name=figure.name, title=title, caption=caption, width=width))
    return "".join(parts)
