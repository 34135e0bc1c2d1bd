"""Quality and diversity of networks as a map, with deep ensemble equivalents by the exact law of the Brier score."""
