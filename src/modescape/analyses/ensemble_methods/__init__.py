"""The gain of each ensemble method: networks of one run, independent ones, and both combined."""
