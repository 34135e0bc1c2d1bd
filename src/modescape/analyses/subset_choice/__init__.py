"""Choice of a subset of the given models, and of weights."""
