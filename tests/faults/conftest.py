"""Shared by the tests of faults: settings of a small study, and its results from an undisturbed run."""

from pathlib import Path

import pytest

from .disk import Disk, compiled

TINY = (
    *("train.members=2", "train.epochs=3", "analyses=[training, ensemble_size, cyclic]"),
    *("variants.members=1", "variants.epochs=1", "variants.cycles=2", "variants.long_runs=0"),
)


def settings(*values: str) -> list[str]:
    """``--set`` before every value."""
    return [part for value in values for part in ("--set", value)]


@pytest.fixture(scope="session")
def library(tmp_path_factory) -> Path:
    return compiled(tmp_path_factory.mktemp("library"))


@pytest.fixture
def disk(library, tmp_path) -> Disk:
    """A watched disk, whose root is the folder ``study``."""
    return Disk(library, tmp_path / "study")
