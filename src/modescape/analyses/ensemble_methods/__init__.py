"""What each way to make an ensemble brings: networks of one run, independent ones, and both together."""
