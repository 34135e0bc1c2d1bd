"""The gain from averaging more networks: independent members, and the last snapshots of one run."""
