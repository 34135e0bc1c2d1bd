"""Similarity of independent networks of a regression: weights, and the distance of their predictions."""
