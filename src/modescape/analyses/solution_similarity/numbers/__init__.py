"""How alike independent networks of a regression are: weights, and the distance of their predictions."""
