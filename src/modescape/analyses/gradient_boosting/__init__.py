"""What gradient-boosted trees make of the same rows: the reference of whoever has a table."""
