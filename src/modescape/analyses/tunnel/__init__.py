"""A path of low loss between two solutions: the loss stays low on it, the function does not stay the same."""
