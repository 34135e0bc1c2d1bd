"""Predictions of each member on some test examples, which the page compares and averages."""
