"""Calibration of given models, and the effect of temperature scaling."""
