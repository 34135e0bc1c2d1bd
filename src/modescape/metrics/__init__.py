"""How good predictions are: scores, ensembles of every size, and their intervals. Knows arrays, nothing of studies."""

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
from modescape.metrics.scores import METRICS, Metric, accuracy, brier, combine, ece, example_scores, nll
from modescape.metrics.subsets import BrierLaw, SubsetScores, brier_law, subset_scores
from modescape.metrics.temperature import CalibratedNLL, calibrated_nll, fit_temperature, rescale

__all__ = [
    "INTERVALS",
    "METRICS",
    "BrierEquivalent",
    "BrierLaw",
    "CalibratedNLL",
    "Decomposition",
    "EnsembleCurve",
    "Equivalent",
    "Metric",
    "Reliability",
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
    "subset_scores",
]
