"""Scores of each given model, of their average, and of the best one."""
