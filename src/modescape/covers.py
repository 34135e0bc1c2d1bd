"""What an interval is for: one phrase for each kind, the same in results, tables, cards, curves and answers.

Variables of a result that are ends of an interval (``..._low``, ``..._high``, ``..._low_these``) say it in their
attribute ``covers``; where some approaches differ, in ``covers_apart`` (JSON: approach -> phrase).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import xarray as xr

NEW = "new members on new examples"
THESE = "these members on new examples"
NEW_MODELS = "new models on new examples"
THESE_MODELS = "these models on new examples"
THESE_TREES = "these trees on new examples"
NEW_RUNS = "new runs on new examples"
NEW_REPEATS = "new repeats on new examples"
NEW_BRANCHES = "new branches on new examples"
NEW_VECTORS = "new random vectors"  # these members and examples
NEW_MEMBERS = "new members"  # a quantity of weights has no examples
NEW_DRAWS = "new draws on new validation examples"  # of these members

ENDS = re.compile(r"^(?P<of>.+)_(?:low|high)(?P<which>(?:_these|_all)?)$")

Kinds = Mapping[str, "str | Mapping[str, str]"]
"""Variable (without its end; "": all others) -> phrase, or approach -> phrase ("": all others)."""


def new_if(several: int, new: str = NEW) -> str:
    """For new ones where there are several, for these where one says nothing of how others differ.

    Args:
        several: how many there are of what would be drawn anew.
        new: phrase.
    """
    return new if several > 1 else THESE


def short(covers: str) -> str:
    """Without the examples, for the head of a column: new members."""
    return covers.partition(" on new ")[0]


def keyed(covers: str) -> str:
    """An interval in a legend or a sentence.

    >>> keyed(NEW), keyed("")
    ('95 %: new members on new examples', '95 % interval')
    """
    return f"95 %: {covers}" if covers else "95 % interval"


def headed(name: str, covers: str) -> str:
    """The head of a column whose cells hold bounds.

    >>> headed("change", NEW), headed("change", "")
    ('change, 95 % (new members)', 'change, 95 %')
    """
    return f"{name}, 95 %{f' ({short(covers)})' if covers else ''}"


def tagged(covers: str) -> str:
    """Behind bounds in the title of a panel.

    >>> tagged(NEW), tagged("")
    ('95 %, new members', '95 %')
    """
    return f"95 %, {short(covers)}" if covers else "95 %"


def covers_of(dataset: xr.Dataset | None, variable: str, approach: object = "", *, which: str = "") -> str:
    """What an interval of a result is for; "" where a result of an earlier version does not say.

    Args:
        dataset: the result.
        variable: without its end: "score" for ``score_low``.
        approach: one of those along the dimension of that name; "": most of them.
        which: "_these" or "_all".
    """
    name = f"{variable}_low{which}"
    name = name if dataset is not None and name in dataset else f"{variable}_high{which}"
    if dataset is None or name not in dataset:
        return ""
    about = dataset[name].attrs
    if "covers" not in about:
        return _before(dataset, which)
    apart = json.loads(str(about.get("covers_apart", "{}")))
    return str(apart.get(str(approach), about.get("covers", "")))


def _before(dataset: xr.Dataset, which: str) -> str:
    """The same of a result of an earlier version, as far as it says how its intervals were made."""
    made = re.match(r"95 %[,:] (?:for )?(these|new) (\w+)", str(dataset.attrs.get("intervals", "")))
    these = which == "_these" or (made is not None and made[1] == "these")
    kind = THESE if these else "" if made is None else NEW_RUNS if made[2] == "runs" else NEW
    return kind.replace("members", "models") if dataset.attrs.get("given") else kind


def kind_of(dataset: xr.Dataset) -> str:
    """What all intervals of a result are for, those for these members beside wider ones aside; "" where they differ."""
    ends = [dataset[name].attrs for name in map(str, dataset.data_vars) if ENDS.match(name) and "_these" not in name]
    kinds = {str(about.get("covers", "")) for about in ends}
    apart = any("covers_apart" in about for about in ends)
    if kinds == {""}:
        return _before(dataset, "")
    return kinds.pop() if len(kinds) == 1 and not apart else ""


def note_covers(dataset: xr.Dataset, kinds: Kinds) -> None:
    """Write into the ends of intervals what they are for; models that others made are no members."""

    def told(phrase: str) -> str:
        return phrase.replace("members", "models") if dataset.attrs.get("given") else phrase

    for name in map(str, dataset.data_vars):
        end = ENDS.match(name)
        kind = None if end is None else kinds.get(f"{end['of']}{end['which']}", kinds.get(end["of"], kinds.get("")))
        if end is None or kind is None:
            continue
        if end["which"] == "_these":
            kind = THESE
        apart = {} if isinstance(kind, str) else {key: told(one) for key, one in kind.items() if key}
        dataset[name].attrs["covers"] = told(kind if isinstance(kind, str) else kind[""])
        dataset[name].attrs.pop("covers_apart", None)
        if apart:
            dataset[name].attrs["covers_apart"] = json.dumps(apart, sort_keys=True)
