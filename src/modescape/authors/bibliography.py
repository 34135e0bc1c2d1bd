"""BibTeX entries of the sources of a study's figures."""

from __future__ import annotations

import re
from collections.abc import Iterable
from importlib import resources

from modescape.version import __version__

OWN = """@software{{modescape,
  title = {{modescape: the loss landscapes and functions of deep ensembles}},
  version = {{{version}}},
  license = {{Apache-2.0}}
}}
"""


def entries() -> dict[str, str]:
    """Every known source: key -> BibTeX entry."""
    text = (resources.files("modescape.authors") / "references.bib").read_text(encoding="utf-8")
    found = re.findall(r"^(@\w+\{(\w+),\n.*?^\}\n)", text, re.MULTILINE | re.DOTALL)
    return {key: entry for entry, key in found}


def bibliography(keys: Iterable[str]) -> str:
    """Entries of these sources, and this package's own, in the order of their keys.

    Raises:
        KeyError: if a source is not known.
    """
    known = entries()
    return "\n".join([OWN.format(version=__version__), *(known[key] for key in sorted(set(keys)))])
