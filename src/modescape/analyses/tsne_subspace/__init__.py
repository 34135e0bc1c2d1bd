"""Joint embedding of trajectories and of the networks that each subspace method samples, by their predictions."""
