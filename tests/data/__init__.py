"""Tests of `modescape.data`."""
