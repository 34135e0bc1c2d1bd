"""Which checkpoints descend from one another, or from one common start."""
