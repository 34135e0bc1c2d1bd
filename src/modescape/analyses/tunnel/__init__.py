"""A path of low loss between two solutions, on which the function changes."""
