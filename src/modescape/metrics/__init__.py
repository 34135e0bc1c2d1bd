"""How good predictions are: scores, ensembles of every size, and their intervals. Knows arrays, nothing of studies."""

from modescape.metrics.ensemble import INTERVALS, EnsembleCurve, ensemble_curve
from modescape.metrics.intervals import bootstrap, jackknife_variance
from modescape.metrics.scores import METRICS, Metric, accuracy, brier, combine, ece, example_scores, nll
from modescape.metrics.subsets import BrierLaw, SubsetScores, brier_law, subset_scores

__all__ = [
    "INTERVALS",
    "METRICS",
    "BrierLaw",
    "EnsembleCurve",
    "Metric",
    "SubsetScores",
    "accuracy",
    "bootstrap",
    "brier",
    "brier_law",
    "combine",
    "ece",
    "ensemble_curve",
    "example_scores",
    "jackknife_variance",
    "nll",
    "subset_scores",
]
