"""How far from a solution each subspace method should go: its scale swept, judged on validation images."""
