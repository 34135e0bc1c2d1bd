"""The head of the page: each analysis adds its parts at defined positions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from modescape.wording.numbers import listing

if TYPE_CHECKING:
    import xarray as xr


@dataclass(frozen=True)
class Card:
    """One key figure."""

    label: str
    value: str
    note: str = ""


@dataclass(frozen=True)
class Purchase:
    """One way to make an ensemble, in words."""

    method: str
    place: str  # its setting, and how far its networks lie from the solution over the length; "" for solutions
    training: str  # times the training of one network
    passes: str  # forward passes for a prediction
    quality: tuple[str, str]  # change in accuracy (points) or RMSE, and its 95 % interval
    nll: tuple[str, str]  # change in nats, and its interval
    equivalent: tuple[str, str]  # independent networks with the same calibrated NLL, and its interval
    measured: str = "accuracy (points)"  # what the quality is
    covers: str = ""  # what the intervals of both changes are for (`modescape.covers`)
    covers_equivalent: str = ""


@dataclass(frozen=True)
class Rows:
    """A table whose rows stand under headings; a cell is a value and the interval below it, "" where it has none."""

    header: Sequence[str]
    groups: Sequence[tuple[str, Sequence[tuple[str, Sequence[tuple[str, str]]]]]]
    """Heading ("": none), and its rows: name and cells."""
    about: str  # what the intervals cover


Places = Mapping[int, Any]  # lower places come first, equal ones in the order of the registry; empty texts are dropped


@dataclass(frozen=True, kw_only=True)
class Part:
    """The part of one analysis at the head of the page, from all available results.

    Places in use. ``answer``: 10 trained to the end, 12 the decision, 15 another kind of model, 20 equal cost, 30 the
    ensemble. ``sentences``: 5 behind the decision, 10 equal cost, 15 another kind of model, 20 disagreement, 30 gain,
    35 the common start. ``why``: 10 functions, 20 equal accuracy, 30 errors that cancel, 40 snapshots, 45 barriers, 50
    the common start. ``limits``: 20 price, 30 longer training, 40 one pair, 50 weights, 55 settings from scratch, 60
    methods, 70 shift, 90 distances. ``cards``: 10 one network, 20 the ensemble, 30 equal cost, 35 another kind of
    model, 40 disagreement, 50 snapshots.
    """

    answer: Places = field(default_factory=dict)  # short sentences
    sentences: Places = field(default_factory=dict)  # the comparison with figures
    why: Places = field(default_factory=dict)  # the reasons, as far as they were measured
    limits: Places = field(default_factory=dict)  # what this does not show
    cards: Places = field(default_factory=dict)  # place -> list of `Card`
    trained_less: Places = field(default_factory=dict)  # auxiliary networks that are trained less than members are
    question: str = ""  # the heading, where this analysis decides what the page is about
    enough: str = ""  # how many members are enough
    lead: str = ""  # how a sentence of the answer begins: what to do
    compared: Rows | None = None  # candidates against those of equal cost
    steps: Rows | None = None  # what each further network changes
    scores: Sequence[tuple[str, str, str, str, str, str]] = ()
    """Score, which way is better, one network, ensemble, gain, its interval."""
    covers_scores: str = ""  # what these intervals are for (`modescape.covers`)
    purchases: Sequence[Purchase] = ()  # what each way to make an ensemble buys
    equivalent: str = ""  # the best of one run in a sentence
    covers: str = ""  # what the intervals of the ensemble and of gains cover
    worked: bool | None = None  # whether averaging helped beyond doubt; None: says nothing of it
    beaten: bool = False  # whether one network at the same cost did better


def trained_less(dataset: xr.Dataset | None, words: str) -> str:
    """Where the networks that an analysis trained for itself are trained less than members are; else ""."""
    about = {} if dataset is None else dataset.attrs
    epochs, members = about.get("network_epochs"), about.get("member_epochs")
    images, all_images = about.get("training_images"), about.get("member_images")
    parts = [f"{epochs} of {members} epochs"] if epochs and members and epochs < members else []
    parts += [f"{images:,} of {all_images:,} images"] if images and all_images and images < all_images else []
    return f"the networks of {words} are trained on {listing(parts)}" if parts else ""
