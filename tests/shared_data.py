"""Data outside the repository, found through the environment variable ``MODESCAPE_DATA``."""

import os
from pathlib import Path

import pytest

VARIABLE = "MODESCAPE_DATA"


@pytest.fixture
def shared_data() -> Path:
    """The folder of CIFAR-10 and published checkpoints and predictions; tests that need it are skipped without it."""
    folder = os.environ.get(VARIABLE)
    if not folder:
        pytest.skip(f"the environment variable {VARIABLE} names no folder of data")
    if not Path(folder).is_dir():
        pytest.fail(f"{VARIABLE} names '{folder}', expected a folder")
    return Path(folder)
