"""Ensembles that are deployed: one module, its members stacked, and the files that others load."""
