"""Quality of predictions: scores, ensembles of every size, and their intervals. Works on arrays alone."""

from modescape.metrics.averages import combine
from modescape.metrics.classification import accuracy, brier, ece, nll
from modescape.metrics.decomposition import Decomposition, decompose
from modescape.metrics.detection import aupr, auroc, fpr_at_tpr
from modescape.metrics.ensemble import INTERVALS, EnsembleCurve, ensemble_curve, ensemble_curves
from modescape.metrics.equivalents import (
    BrierEquivalent,
    Equivalent,
    brier_equivalent,
    brier_equivalent_interval,
    deep_ensemble_equivalent,
)
from modescape.metrics.intervals import bootstrap, jackknife_variance
from modescape.metrics.reliability import Reliability, reliability
from modescape.metrics.scores import CALIBRATED, SCORES, Score, example_scores, score_of
from modescape.metrics.subsets import BrierLaw, SubsetScores, brier_law, subset_scores
from modescape.metrics.temperature import CalibratedNLL, calibrated_nll, fit_temperature, rescale

__all__ = [
    "CALIBRATED",
    "INTERVALS",
    "SCORES",
    "BrierEquivalent",
    "BrierLaw",
    "CalibratedNLL",
    "Decomposition",
    "EnsembleCurve",
    "Equivalent",
    "Reliability",
    "Score",
    "SubsetScores",
    "accuracy",
    "aupr",
    "auroc",
    "bootstrap",
    "brier",
    "brier_equivalent",
    "brier_equivalent_interval",
    "brier_law",
    "calibrated_nll",
    "combine",
    "decompose",
    "deep_ensemble_equivalent",
    "ece",
    "ensemble_curve",
    "ensemble_curves",
    "example_scores",
    "fit_temperature",
    "fpr_at_tpr",
    "jackknife_variance",
    "nll",
    "reliability",
    "rescale",
    "score_of",
    "subset_scores",
]
