"""How alike the layers of different networks, and of different epochs of one run, represent the same examples."""
