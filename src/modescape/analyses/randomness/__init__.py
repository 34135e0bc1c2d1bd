"""Which randomness makes networks different: initialisation, order of the examples, dropout, or a last bit."""
