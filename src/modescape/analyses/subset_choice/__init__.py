"""Which of the given models to keep, and with which weights."""
