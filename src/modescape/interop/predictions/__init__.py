"""Given predictions: read from files of any usual format, checked, matched, and offered to analyses."""

from __future__ import annotations

from modescape.interop.predictions.gathering import Gathered, gather
from modescape.interop.predictions.given import GivenPredictions
from modescape.interop.predictions.options import Options

__all__ = ["Gathered", "GivenPredictions", "Options", "gather"]
