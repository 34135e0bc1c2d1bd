"""Sources of randomness that make networks differ: initialisation, order of the examples, dropout, or a last bit."""
