"""A regression under shift: errors, likelihoods and intervals on test examples of increasing corruption."""
