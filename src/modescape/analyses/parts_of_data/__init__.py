"""Scores of given models on each part of the data."""
