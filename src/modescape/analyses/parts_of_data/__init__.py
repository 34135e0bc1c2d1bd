"""How good given models are on each part of the data."""
