"""How alike independent solutions are, beside the snapshots of one run: weights, labels, probabilities."""
