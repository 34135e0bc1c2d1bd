"""Ensembles under shift: the same networks on test images that are corrupted more and more."""
