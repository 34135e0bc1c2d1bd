"""Scores of repeated runs from other people's tables: CSV, Parquet, JSON lines; W&B, MLflow, TensorBoard."""

from modescape.interop.scores.layouts import Columns
from modescape.interop.scores.reading import read_scores, scores_of

__all__ = ["Columns", "read_scores", "scores_of"]
