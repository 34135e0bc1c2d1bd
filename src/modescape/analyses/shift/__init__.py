"""Ensembles under shift: the same networks on test images of increasing corruption."""
