"""A regression under shift: errors, densities and intervals on test examples that are made worse and worse."""
