"""What averaging more networks brings: independent members, and the last snapshots of one run."""
