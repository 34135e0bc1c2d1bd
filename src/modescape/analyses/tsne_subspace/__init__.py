"""Trajectories and the networks that each subspace method draws, embedded together by what they predict."""
