"""How good each given model is, all of them together, and the best of them alone."""
