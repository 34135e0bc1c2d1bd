"""Similarity of independent solutions, compared with snapshots of one run: weights, labels, probabilities."""
