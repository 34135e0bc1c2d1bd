"""Planes through weight space: the loss around a solution, between three, and along a training run."""
