"""The plane of error and distance: how good networks of a regression are, and how different from one of them."""
