"""Scores of candidates on the same examples, raw and calibrated: rows of a `modescape.decision.Table`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np

from modescape import rng
from modescape.analyses.equal_cost.halves import Side, calibrated
from modescape.decision import Candidate, Table
from modescape.decision.candidates import Calibration
from modescape.metrics.calibration_change import ResampledErrors, paired_half
from modescape.metrics.grouping import by_group
from modescape.metrics.regression import example_squared
from modescape.metrics.scores import Score
from modescape.metrics.scoring import Scoring
from modescape.metrics.temperature import fit_temperature
from modescape.offered import Predictions, model_of, stacked

TOLD = {
    "classification": ("nll", "accuracy"),
    "regression": ("nll", "rmse"),
}  # the first finite one of these decides
LEAST_FITTED = 20  # examples (or groups) below which nothing is calibrated
LEAST_WRONG = 5  # wrong answers there, mean over repeats; with fewer, a temperature cannot be fitted reliably


@dataclass(frozen=True)
class Said:
    """Predictions of networks on both halves, raw and each calibrated; float [network, example, width]."""

    chosen: np.ndarray  # where candidates are chosen
    judged: np.ndarray
    chosen_calibrated: np.ndarray | None  # each half with the fit from the other; None: nothing is calibrated
    judged_calibrated: np.ndarray | None  # with the fit on all examples that choose

    def of(self, networks: Sequence[int] | np.ndarray) -> Said:
        """Select networks, by index or mask."""
        rows = np.asarray(networks)
        parts = (self.chosen, self.judged, self.chosen_calibrated, self.judged_calibrated)
        return Said(*(None if part is None else part[rows] for part in parts))  # type: ignore[arg-type]


class _Row(NamedTuple):
    """Scores of one repeat of a candidate."""

    chosen: dict[str, float]  # where it is chosen
    examples: dict[str, np.ndarray]  # of each example (or group) where it is judged
    confidence: tuple[float, float, float]
    """Expected calibration error there; mean confidence minus the share that is right; the temperature found."""
    errors: np.ndarray  # the first on resampled examples, [resample]; NaN where there is none

    def without_temperature(self) -> _Row:
        """The row without temperatures, for too few wrong answers to fit one."""
        return self._replace(confidence=(*self.confidence[:2], np.nan))


@dataclass(frozen=True)
class Both:
    """Reads predictions of a set that chooses and one that judges, or of two halves of one set."""

    choosing: Predictions
    judging: Predictions
    halves: tuple[np.ndarray, np.ndarray] | None  # masks of the same examples; None: two sets

    def said(self, scorer: Scorer, networks: Sequence[tuple[int, int]]) -> Said:
        """Predictions of networks, each a (member, epoch)."""
        chosen, judged = (
            stacked(one, [model_of(one, *network) for network in networks]) for one in (self.choosing, self.judging)
        )
        return scorer.said(*self.cut(chosen, judged))

    def cut(self, chosen: np.ndarray, judged: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Split predictions [network, example, width] into both sides."""
        return (chosen, judged) if self.halves is None else (chosen[:, self.halves[0]], judged[:, self.halves[1]])

    def of_one(self, said: Mapping[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """Both sides of one network's predictions: set -> [example, width]."""
        return self.cut(said["validation" if self.halves is None else "test"][None], said["test"][None])


@dataclass
class Scorer:
    """Scores candidates, one after another, on the same examples."""

    scoring: Scoring
    task: str
    choosing: Side
    judging: Side
    fits: bool = True  # whether there are enough examples to calibrate on
    candidates: list[Candidate] = field(default_factory=list[Candidate])
    chosen: list[dict[str, float]] = field(default_factory=list[dict[str, float]])
    examples: list[dict[str, np.ndarray]] = field(default_factory=list[dict[str, np.ndarray]])
    confidence: list[np.ndarray] = field(default_factory=list[np.ndarray])
    errors: list[np.ndarray] = field(default_factory=list[np.ndarray])

    def __post_init__(self) -> None:
        self.fits = bool(self.scoring.calibrated) and self.choosing.units >= LEAST_FITTED
        label, group = self.judging.label, self.judging.group
        self.resampled = ResampledErrors(len(label), group, rng.key(self.judging.key, "calibration error"))

    @property
    def told(self) -> dict[str, Score]:
        """Scores that are reported; the first decides."""
        wanted = [name for name in TOLD[self.task] if name in self.scoring.scores]
        return {name: self.scoring.scores[name] for name in wanted}

    def said(self, chosen: np.ndarray, judged: np.ndarray) -> Said:
        """Predictions [network, example, width] of both sides, with the same of each network calibrated."""
        if not self.fits:
            return Said(chosen, judged, None, None)
        put_right = self.scoring.calibrate(judged, chosen, self.choosing.label)
        return Said(chosen, judged, calibrated(chosen, self.choosing, self.scoring), put_right)

    def add(self, candidate: Candidate, repeats: Iterable[Said]) -> None:
        """Add a candidate with each possible calibration; scores are means over repeats."""
        ways: tuple[Calibration, ...] = ("none", "members", "average") if candidate.several else ("none", "average")
        found: dict[Calibration, list[_Row]] = {}
        for said in repeats:
            for way in ways if self.fits else ("none",):
                found.setdefault(way, []).append(self._scored(said, way))
        raw = float(np.mean([row.chosen.get("accuracy", 0.0) for row in found["none"]]))
        if (1 - raw) * len(self.choosing.label) < LEAST_WRONG:
            found = {"none": [row.without_temperature() for row in found["none"]]}
        for way, rows in found.items():
            advice = "calibrate" if candidate.advice == "keep_one" and way != "none" else candidate.advice
            self.candidates.append(replace(candidate, calibration=way, advice=advice))
            self.chosen.append({name: float(np.mean([row.chosen[name] for row in rows])) for name in self.told})
            self.examples.append({name: np.mean([row.examples[name] for row in rows], 0) for name in self.told})
            self.confidence.append(np.mean([row.confidence for row in rows], 0))
            self.errors.append(np.mean([row.errors for row in rows], 0))

    def _scored(self, said: Said, way: Calibration) -> _Row:
        chosen, judged = said.chosen, said.judged
        if way == "members":
            assert said.chosen_calibrated is not None
            assert said.judged_calibrated is not None
            chosen, judged = said.chosen_calibrated, said.judged_calibrated
        chosen, judged = (self.scoring.combine(part) if len(part) > 1 else part[0] for part in (chosen, judged))
        before, after = chosen, judged
        if way == "average":
            chosen = calibrated(before, self.choosing, self.scoring)
            judged = self.scoring.calibrate(after[None], before[None], self.choosing.label)[0]
        told = self.told.items()
        own = {name: float(np.mean(examples_of(name, score, chosen, self.choosing))) for name, score in told}
        scores = {name: examples_of(name, score, judged, self.judging) for name, score in told}
        if "ece" not in self.scoring.scores:
            return _Row(own, scores, (np.nan, np.nan, np.nan), np.full(1, np.nan))
        sure, right = np.exp(judged.max(-1)), judged.argmax(-1) == self.judging.label
        excess = sure.mean() - right.mean()
        temperature = float(fit_temperature(before, self.choosing.label)) if self.fits else np.nan
        error = float(self.scoring.scores["ece"](judged, self.judging.label))
        return _Row(own, scores, (error, float(excess), temperature), self.resampled.of(sure, right))

    def scores_of(self, name: str, predictive: np.ndarray, side: Side) -> np.ndarray:
        """Score of every example of one network [example, width]."""
        return examples_of(name, self.told[name], predictive, side)

    def table(self, chosen_on: str, judged_on: str) -> Table:
        """All candidates that were added."""
        told = self.told
        stacked = {name: np.stack([row[name] for row in self.examples]) for name in told}
        finite = [name for name in told if np.isfinite([self.chosen[0][name], stacked[name][0].mean()]).all()]
        deciding = (finite or list(told))[0]
        ece, excess, temperature = np.stack(self.confidence).T
        half = np.array([paired_half(one, self.errors[0]) for one in self.errors])
        return Table(
            candidates=tuple(self.candidates),
            deciding=deciding,
            scores=told,
            chosen=np.array([row[deciding] for row in self.chosen]),
            mean={name: rows.mean(1) for name, rows in stacked.items()},
            covariance={name: covariance_of_means(rows) for name, rows in stacked.items()},
            examples=self.judging.units,
            chosen_on=chosen_on,
            judged_on=judged_on,
            ece=ece,
            ece_half=half,
            excess=excess,
            temperature=temperature,
        )


def examples_of(name: str, score: Score, predictive: np.ndarray, side: Side) -> np.ndarray:
    """Score of every example (or group), whose mean is the score; of the RMSE its linear part in squared errors."""
    if score.per_example is not None:
        return by_group(np.asarray(score.examples(predictive, side.label)), side.group)
    if name != "rmse":
        raise ValueError(f"{name!r} is not a mean over examples")
    squared = by_group(example_squared(predictive, side.label), side.group)
    root = np.sqrt(squared.mean())
    return root + (squared - squared.mean()) / (2 * root) if root > 0 else squared


def covariance_of_means(rows: np.ndarray) -> np.ndarray:
    """Covariance of the means of rows [candidate, example] from sampling examples, [candidate, candidate]."""
    candidates, examples = rows.shape
    if examples < 2:
        return np.full((candidates, candidates), np.nan)
    with np.errstate(invalid="ignore"):  # infinite scores
        own = rows.astype(np.float64) - rows.mean(1, keepdims=True)
        return own @ own.T / (examples - 1) / examples
