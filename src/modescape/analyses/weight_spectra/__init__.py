"""Singular values of the matrices of every network."""
