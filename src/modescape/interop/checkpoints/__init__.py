"""Checkpoints of any origin: which files there are, and the tensors in them; no file runs code."""
