"""When one run becomes several functions: branches that leave it after some epochs, in other orders of the data."""
