"""Pairwise comparison of given models: differences of scores, and overlap of errors."""
