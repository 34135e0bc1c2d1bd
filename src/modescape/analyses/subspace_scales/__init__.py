"""The best distance from a solution for each subspace method: a sweep of its scale, judged on validation images."""
