"""The candidates: ways to use a study's networks, with their costs, and scores on the same examples."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from modescape.covers import THESE, THESE_MODELS
from modescape.metrics.scores import Score

Advice = Literal[
    "keep_one",
    "train_longer",
    "train_wider",
    "calibrate",
    "ensemble",
    "average_weights",
    "align_and_average",
    "undecided",
]
Calibration = Literal["none", "members", "average"]
BEHIND = {"none": "", "members": " (each calibrated first)", "average": " (calibrated)"}


@dataclass(frozen=True, kw_only=True)
class Price:
    """The cost of a candidate, in units of one network of the recipe."""

    training: float = 1.0  # times the training of one member; NaN: not known
    passes: float = 1.0  # times one forward pass of one member, a prediction
    networks: float = 1.0  # times the weights of one member that are held in memory


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """One thing to do."""

    name: str  # in words, without its calibration: "4 networks"
    advice: Advice
    size: int = 1  # networks that are averaged, their predictions or their weights
    calibration: Calibration = "none"
    price: Price = Price()
    at_full_cost: bool = False  # costs as much training as all members together

    @property
    def several(self) -> bool:
        """Whether predictions of several networks are averaged."""
        return self.advice == "ensemble" and self.size > 1

    @property
    def label(self) -> str:
        """In words, with its calibration."""
        return f"{self.name}{BEHIND[self.calibration]}"


@dataclass(frozen=True)
class Difference:
    """A paired difference of two candidates' scores, and its 95 % interval: these members on new examples."""

    value: float
    low: float
    high: float

    @property
    def told(self) -> bool:
        """Whether the interval leaves 0 out."""
        return math.isfinite(self.low) and math.isfinite(self.high) and not self.low <= 0 <= self.high

    def widened(self, factor: float) -> Difference:
        """A copy with the interval widened by a factor."""
        low, high = (self.value + factor * (end - self.value) for end in (self.low, self.high))
        return Difference(self.value, low, high)

    def scaled(self, factor: float) -> Difference:
        """All three times a number; a negative one turns the ends around."""
        ends = sorted((factor * self.low, factor * self.high))
        return Difference(factor * self.value, ends[0], ends[1])


Z = 1.959963984540054  # of normal 95 % intervals, as elsewhere where examples alone are drawn anew


@dataclass(frozen=True, kw_only=True)
class Table:
    """Candidates and their scores; every pair can be compared, as all are scored on the same examples.

    The first candidate is what there is without doing anything: one network as it is.
    """

    candidates: tuple[Candidate, ...]
    deciding: str  # name of the score that decides
    scores: dict[str, Score]  # every score that is told, the deciding one among them
    chosen: np.ndarray  # deciding score where candidates are chosen, [candidate]
    mean: dict[str, np.ndarray]  # score where they are judged, [candidate] each
    covariance: dict[str, np.ndarray]  # of these means, through the choice of examples, [candidate, candidate] each
    examples: int  # that judge; groups of them where there are such
    chosen_on: str  # which examples choose, in words
    judged_on: str
    ece: np.ndarray  # expected calibration error where they are judged, [candidate]; NaN of a regression
    excess: np.ndarray  # mean confidence minus the share that is right there, [candidate]; above 0: overconfident
    ece_half: np.ndarray | None = None
    """Half of the 95 % interval of a candidate's calibration error minus the first one's, paired, [candidate]."""
    temperature: np.ndarray | None = None
    """That suits a candidate best where it is chosen, before it is calibrated, [candidate]; NaN: not fitted."""

    @property
    def score(self) -> Score:
        """The record of the deciding score."""
        return self.scores[self.deciding]

    @property
    def given(self) -> bool:
        """Whether others made the networks: all are compared with the best of them, as none is of a recipe."""
        return self.candidates[0].label != "one network"

    @property
    def covers(self) -> str:
        """What all intervals are for."""
        return THESE_MODELS if self.given else THESE

    @property
    def sign(self) -> float:
        """1 where more of the deciding score is better, else -1."""
        return 1.0 if self.score.higher_is_better else -1.0

    def difference(self, one: int, other: int, metric: str = "") -> Difference:
        """Score of one candidate minus that of another, both where they are judged."""
        metric = metric or self.deciding
        value = float(self.mean[metric][one] - self.mean[metric][other])
        matrix = self.covariance[metric]
        variance = float(matrix[one, one] + matrix[other, other] - 2 * matrix[one, other])
        half = Z * math.sqrt(max(variance, 0.0)) if math.isfinite(variance) else math.nan
        return Difference(value, value - half, value + half)

    def worse_calibrated(self, one: int) -> Difference:
        """The calibration error of a candidate minus that of the first; these members on new examples."""
        value = float(self.ece[one] - self.ece[0])
        half = math.nan if self.ece_half is None else float(self.ece_half[one])
        return Difference(value, value - half, value + half)

    def gain(self, one: int, other: int = 0) -> Difference:
        """How much better a candidate is in the deciding score; above 0 is better."""
        return self.difference(one, other).scaled(self.sign)

    def gain_where_chosen(self, one: int, other: int = 0) -> float:
        """The same on the examples that choose, without an interval."""
        return float(self.sign * (self.chosen[one] - self.chosen[other]))

    def index(self, name: str, calibration: Calibration = "none") -> int | None:
        """Place of a candidate; None where it was not measured."""
        for place, one in enumerate(self.candidates):
            if (one.name, one.calibration) == (name, calibration):
                return place
        return None
