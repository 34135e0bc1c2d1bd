"""What the section says: its title, what is shown, how to read it, and its summary."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from modescape.covers import covers_of, headed
from modescape.wording.numbers import ABSENT, count, fixed, listing
from modescape.wording.summary import Summary
from modescape.wording.takeaways import for_whom
from modescape.wording.text import Text

if TYPE_CHECKING:
    import xarray as xr

SOURCES = ("kornblith2019", "nguyen2021")

TEXT = Text(
    "Layers of different networks",
    "How similarly layers represent the same test images, by centred kernel alignment (CKA): every two layers of two "
    "members and of one member, the same layer of two members before and after training, and every epoch of a run "
    "against its last.",
    "CKA compares which images a layer represents as similar, so units need no matching: 1 means the same features up "
    "to a rotation and a scale factor, 0 unrelated ones. The diagonal of the first matrix compares the same layer of "
    "two members; where it is as bright as that of the second matrix, both have learned the same features. Compare "
    "the values after training with those before: layers with random weights are already similar, because they see "
    "the same images. Similar features do not mean equal predictions; disagreement measures those. A layer whose line "
    "along a run comes near 1 early learns its features early.",
)
NUMBERS = TEXT


def summarize(dataset: xr.Dataset) -> Summary:
    """What the figure shows, in sentences and a table."""
    layers = [str(name) for name in dataset["layer"].values]
    members = dataset.sizes["member"]
    mean = dataset["same_layer_mean"].values
    text = (
        f"Over {count(members * (members - 1) // 2, 'pair')} of members the first compared layer, {layers[0]}, has a "
        f"CKA of {_with_interval(dataset, 'same_layer_mean', 0)} with the same layer of another member, the last, "
        f"{layers[-1]}, of {_with_interval(dataset, 'same_layer_mean', -1)}.{_change(dataset, layers)}"
    )
    half = _early(dataset)
    rows = [
        (
            name,
            fixed(mean[place], 2),
            _ends(dataset, "same_layer_mean", place),
            fixed(float(dataset["same_layer_start"][place]), 2),
            fixed(float(dataset["same_layer_change"][place]), 2, signed=True),
            _ends(dataset, "same_layer_change", place),
            half[place],
        )
        for place, name in enumerate(layers)
    ]
    kinds = (headed("interval", covers_of(dataset, f"same_layer_{name}")) for name in ("mean", "change"))
    mean_ends, change_ends = kinds
    header = ("layer", "two members", mean_ends, "before training", "change", change_ends, "0.9 from epoch")
    return Summary(text, header, tuple(rows), takeaway=_takeaway(dataset))


def _change(dataset: xr.Dataset, layers: list[str]) -> str:
    """Which layers training has made more alike, or less, beyond the interval."""
    low, high = (dataset[f"same_layer_change_{end}"].values for end in ("low", "high"))
    if not np.isfinite(low).any():
        return ""
    more = [name for name, end in zip(layers, low, strict=True) if end > 0]
    less = [name for name, end in zip(layers, high, strict=True) if end < 0]
    said = [
        f"made {listing(names)} of two members {word}"
        for names, word in ((more, "more alike"), (less, "less alike"))
        if names
    ]
    rest = int(np.isfinite(low).sum()) - len(more) - len(less)
    unclear = f" Of {count(rest, 'layer')} the interval of the change includes 0." if rest else ""
    return (f" Training has {' and '.join(said)}." if said else "") + unclear


def _early(dataset: xr.Dataset) -> list[str]:
    """The first epoch from which a layer stays at .9 or more, mean over runs; a dash where there is none."""
    values = dataset["along"].transpose("member", "epoch", "layer").values
    runs = values[np.isfinite(values).any(2).sum(1) > 1]
    if not len(runs):
        return [ABSENT] * values.shape[2]
    epochs, mean = dataset["epoch"].values, runs.mean(0)
    found = []
    for own in mean.T:
        below = np.flatnonzero(~(own >= 0.9))
        first = below[-1] + 1 if len(below) else 0
        found.append(str(int(epochs[first])) if first < len(epochs) else ABSENT)
    return found


def _with_interval(dataset: xr.Dataset, name: str, place: int) -> str:
    ends = _ends(dataset, name, place)
    value = fixed(float(dataset[name][place]), 2)
    return value if ends == ABSENT else f"{value} ({ends})"


def _ends(dataset: xr.Dataset, name: str, place: int) -> str:
    low, high = (float(dataset[f"{name}_{end}"][place]) for end in ("low", "high"))
    if not np.isfinite([low, high]).all():
        return ABSENT
    return f"{fixed(low, 2)} to {fixed(high, 2)}"


def _takeaway(dataset: xr.Dataset) -> str:
    """How alike the same layers of two members are, and whether training made them so."""
    layers, members = [str(name) for name in dataset["layer"].values], dataset.sizes["member"]
    mean = dataset["same_layer_mean"].values
    if members < 2 or not np.isfinite(mean).any():
        return ""
    least, most = (int(at(mean)) for at in (np.nanargmin, np.nanargmax))
    said = f"The same layer of two members has a CKA of {_with_interval(dataset, 'same_layer_mean', most)}"
    if least != most:
        lowest = _with_interval(dataset, "same_layer_mean", least)
        said += f" in {layers[most]} (highest) and {lowest} in {layers[least]} (lowest)"
    low, high = (dataset[f"same_layer_change_{end}"].values for end in ("low", "high"))
    known = int(np.isfinite(low).sum())
    more, less = int((low > 0).sum()), int((high < 0).sum())
    pairs = count(members * (members - 1) // 2, "pair")
    said = f"{said}; means over {pairs}, with 95 % intervals{for_whom(covers_of(dataset, 'same_layer_mean'))}."
    parts = [f"training made {number} {word} alike" for number, word in ((more, "more"), (less, "less")) if number]
    if known > more + less:
        parts.append(f"for {known - more - less} the interval of the change includes 0")
    return f"{said} Of {count(known, 'layer')}, {', and '.join(parts)}." if more + less else said
