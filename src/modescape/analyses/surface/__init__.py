"""Planes through weight space: the loss around a solution, between three, and along the way of a training run."""
