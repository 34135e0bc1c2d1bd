"""Data that is no part of the repository: found through the environment variable ``MODESCAPE_DATA``."""

import os
from pathlib import Path

import pytest

VARIABLE = "MODESCAPE_DATA"


@pytest.fixture
def shared_data() -> Path:
    """The folder of CIFAR-10, checkpoints and predictions of others; without it the tests are skipped."""
    folder = os.environ.get(VARIABLE)
    if not folder:
        pytest.skip(f"the environment variable {VARIABLE} names no folder of data")
    if not Path(folder).is_dir():
        pytest.fail(f"{VARIABLE} names '{folder}', expected a folder")
    return Path(folder)
