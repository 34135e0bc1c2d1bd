"""Colours, colour scales and words that the figures for papers and for the page share."""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Literal

import numpy as np

from modescape.methods import BOTH, METHODS, Colour, Marker

if TYPE_CHECKING:
    import xarray as xr

# Okabe and Ito's colours for every kind of colour vision, without the black and the yellow that are lost on dark
# and on light paper; the two that are faint on white come last
BLUE, VERMILION, GREEN, PURPLE = "#0072B2", "#D55E00", "#009E73", "#CC79A7"
ORANGE, SKY = "#E69F00", "#56B4E9"
MEMBER_COLOURS = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY)
TRAIN_COLOUR, VALIDATION_COLOUR = GREEN, PURPLE
NEUTRAL = "#7F7F7F"  # reads on light and on dark paper
ABSENT = 0.82  # grey level of a matrix cell without a value
SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")  # digits of an exponent

LineKind = Literal["solid", "dash", "dot"]

COLOURS: dict[Colour, str] = {  # of methods
    **{"blue": BLUE, "vermilion": VERMILION, "green": GREEN, "purple": PURPLE},
    **{"orange": ORANGE, "sky": SKY, "neutral": NEUTRAL},
}
MARKERS: dict[Marker, str] = {  # of methods: name, as `page/marks.js` has it -> matplotlib's
    **{"circle": "o", "square": "s", "diamond": "D", "diamond-tall": "d", "hexagon": "h", "cross": "P", "x": "X"},
    **{"triangle-up": "^", "triangle-down": "v", "triangle-left": "<", "triangle-right": ">"},
}
OTHER_MARKERS = (("o", "circle"), ("s", "square"), ("^", "triangle-up"), ("D", "diamond"), ("v", "triangle-down"))

PRINTED_ROWS = 12  # a matrix of more rows is read by colour alone
LABEL_LENGTH = 12  # characters of a class name on an axis
TEXT_LENGTH = 500  # characters of any text inside a figure of the page


@dataclass(frozen=True)
class Look:
    """How a method is named and drawn, the same in every figure."""

    name: str  # plain text
    colour: str
    marker: tuple[str, str]  # of matplotlib and of pages
    line: LineKind = "solid"

    @property
    def spoken(self) -> str:
        """The name within a sentence: SWAG and Monte-Carlo dropout keep their capitals."""
        kept = self.name[1:2].isupper() or self.name.startswith("Monte")
        return self.name if kept else self.name[:1].lower() + self.name[1:]


def method_look(method: str) -> Look:
    """The look of a method; "independent + X" is X's mark in the colour of independent networks, joined by dashes.

    A method that is not in `METHODS` keeps its name and is grey, with a mark that depends on the name alone.
    """
    if method.startswith(BOTH):
        of, whole = method_look(method.removeprefix(BOTH)), method_look("independent")
        return Look(f"{whole.name} + {of.name}", whole.colour, of.marker, "dash")
    if (known := METHODS.get(method)) is not None:
        return Look(known.label, COLOURS[known.colour], (MARKERS[known.marker], known.marker), known.line)
    return Look(one_line(method), NEUTRAL, OTHER_MARKERS[zlib.crc32(method.encode()) % len(OTHER_MARKERS)])


@dataclass(frozen=True, kw_only=True)
class Scale:
    """A colour scale, the same for every panel that is compared."""

    low: float
    high: float
    colours: str = "viridis"  # a matplotlib colour map; viridis is read with every kind of colour vision
    root: bool = False  # colours by the square root of the value: small shares can be told apart
    log: bool = False  # by its logarithm, of ends above 0: values over several powers of ten
    ticks: tuple[float, ...] = ()
    label: str = ""  # of the key, with the unit in parentheses; "": the figure says it

    def place(self, value: float) -> float:
        """Place of a value in the colour map, in [0, 1]."""
        low, high, own = (float(end) for end in self.drawn(np.array([self.low, self.high, value])))
        share = min(max((own - low) / (high - low), 0.0), 1.0)
        return math.sqrt(share) if self.root else share

    def drawn(self, values: np.ndarray) -> np.ndarray:
        """Values as they lie on a logarithmic scale, base 10, between its ends; on any other as they are."""
        return np.log10(np.clip(values, self.low, self.high)) if self.log else values


# Fixed, not fitted to the data: a trajectory and a set of solutions, or two studies, can be held side by side.
SHARE = Scale(low=0, high=1, root=True, ticks=(0, 0.01, 0.05, 0.1, 0.25, 0.5, 1))
PERCENT = Scale(low=0, high=100, root=True, ticks=(0, 1, 5, 10, 25, 50, 100))
COSINE = Scale(low=0, high=1, ticks=(0, 0.25, 0.5, 0.75, 1))
SIGNED_COSINE = Scale(low=-1, high=1, colours="PuOr", ticks=(-1, -0.5, 0, 0.5, 1))


def cosine_scale(*matrices: np.ndarray) -> Scale:
    """0 to 1, or -1 to 1 around white when some cosine is clearly negative (below -0.1)."""
    values = np.concatenate([np.ravel(matrix) for matrix in matrices])
    values = values[np.isfinite(values)]
    return SIGNED_COSINE if values.size and values.min() < -0.1 else COSINE


def upward_scale(matrix: np.ndarray) -> Scale:
    """0 to 1, or to the next tenth above the largest value."""
    finite = matrix[np.isfinite(matrix)]
    high = max(1.0, math.ceil(10 * float(finite.max())) / 10) if finite.size else 1.0
    return Scale(low=0, high=high)


def from_zero(*matrices: np.ndarray) -> Scale:
    """0 to the largest value, to 1 where there is none."""
    values = np.concatenate([np.ravel(matrix) for matrix in matrices])
    high = float(values[np.isfinite(values)].max(initial=0.0))
    return Scale(low=0, high=high if high > 0 else 1.0)


@cache
def colour_map(name: str) -> np.ndarray:
    """Red, green and blue of a matplotlib colour map at 256 steps, in [0, 1]; shape [256, 3]."""
    import matplotlib

    return matplotlib.colormaps[name](np.linspace(0, 1, 256))[:, :3]


def ink_on(scale: Scale, value: float) -> str:
    """Black or white, whichever is read better on the colour of a value."""
    red, green, blue = colour_map(scale.colours)[round(255 * scale.place(value))]
    return "black" if 0.299 * red + 0.587 * green + 0.114 * blue > 0.5 else "white"


def number(value: float, decimals: int = 2) -> str:
    """A number inside a cell: .27, 1, -.03; "" when there is none, and no "-.00"."""
    if not math.isfinite(value):
        return ""
    text = f"{value:.{decimals}f}"
    if float(text) in (-1, 0, 1):
        return str(int(float(text)))
    return text.replace("0.", ".", 1) if abs(float(text)) < 1 else text


def fixed(value: float) -> str:
    """A number in a sentence, with three decimals, a real minus sign and no "-0.000"."""
    text = f"{abs(value):.3f}"
    return f"\N{MINUS SIGN}{text}" if value < 0 and float(text) > 0 else text


def one_line(text: object) -> str:
    """Text without line breaks and unseen characters."""
    return " ".join("".join(c if c.isprintable() or c.isspace() else "?" for c in str(text)).split())


def shortened(text: object, length: int = LABEL_LENGTH) -> str:
    """Text of at most this many characters, the last an ellipsis where something was cut off."""
    line = one_line(text)
    return line if len(line) <= length else line[: length - 1].rstrip() + "…"


def all_shortened(names: Iterable[object], length: int = LABEL_LENGTH) -> list[str]:
    """Texts of at most this many characters; what is cut off at the end is cut out of the middle where two look alike.

    >>> all_shortened(["shake_shake_26_2x32d", "shake_shake_26_2x96d", "densenet_bc_100_12"], 12)
    ['shake…_2x32d', 'shake…_2x96d', 'densenet_bc…']
    """
    lines = [one_line(name) for name in names]
    cut = [shortened(line, length) for line in lines]
    tail = length // 2
    return [
        f"{line[: length - 1 - tail]}…{line[-tail:]}" if cut.count(own) > 1 and own != line else own
        for line, own in zip(lines, cut, strict=True)
    ]


def unique(names: list[str]) -> list[str]:
    """Names told apart by a number where two are the same."""
    seen: dict[str, int] = {}
    told_apart = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        told_apart.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return told_apart


def spread(count: int, most: int) -> list[int]:
    """At most this many positions of 0..count-1, from the first one on, 1, 2, 5, 10, 20, 50, ... apart."""
    step = 1
    while count > step * most:
        step = step * 5 // 2 if str(step).startswith("2") else step * 2
    return list(range(0, count, step))


def member_colour(place: int) -> str:
    """Colour of the member at this place of the figure; colours come round after six."""
    return MEMBER_COLOURS[place % len(MEMBER_COLOURS)]


def counted(value: int, one: str, many: str | None = None) -> str:
    """A number and its noun: 1 network, 1,297 test examples."""
    return f"{value:,} {one if value == 1 else many or one + 's'}"


def ordinal(value: int) -> str:
    """2nd, 3rd, 4th, 5th, ... 20th: steps between labels."""
    return f"{value}{'nd' if value == 2 else 'rd' if value == 3 else 'th'}"


def sentences(*parts: str) -> str:
    """Sentences with a space between; empty ones are left out."""
    return " ".join(part for part in parts if part)


def left_out(dataset: xr.Dataset) -> str:
    """A sentence on members that are not in a result; "" when all are."""
    missing = one_line(dataset.attrs.get("left_out", ""))
    return f"Left out: {missing}." if missing else ""


def from_members(dataset: xr.Dataset) -> str:
    """From how many members the networks of a result come, which may be fewer than the study has."""
    of = counted(int(dataset.attrs["members"]), "member")
    return f"All from {of}: where the study has more, means over all of them differ."


def tested_on(dataset: xr.Dataset) -> str:
    """How many examples of the test split a result was measured on: "10,000 test examples"."""
    return counted(int(dataset.attrs["examples"]), "test example")


def intervals(dataset: xr.Dataset) -> str:
    """A sentence on how intervals were made."""
    return f"Intervals: {one_line(dataset.attrs['intervals']).rstrip('.')}."
