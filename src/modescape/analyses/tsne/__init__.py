"""Checkpoints as points in the plane, placed by what they predict: t-SNE, and PCA, which preserves distances."""
