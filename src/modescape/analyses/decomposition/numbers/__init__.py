"""The ambiguity decomposition of a regression, in the target's unit."""
