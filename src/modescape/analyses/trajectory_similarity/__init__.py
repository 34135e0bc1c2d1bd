"""Similarity of the checkpoints of one run, in weights and in predicted labels."""
