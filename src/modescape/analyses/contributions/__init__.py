"""Contribution of each given model to the average of all."""
