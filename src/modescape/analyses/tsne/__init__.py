"""Embedding of checkpoints in the plane by their predictions: t-SNE, and PCA, which preserves distances."""
