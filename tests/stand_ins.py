"""Stubs for a GPU, or for irrelevant work, shared by several tests."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from modescape.analyses import figures
from modescape.pipeline import begin
from modescape.train.plan import Plan


@contextmanager
def no_figures() -> Iterator[None]:
    """Analyses do not write figures, which take most of the time and have tests of their own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(figures, "save", lambda *arguments: ())  # there is no setting for this
        yield


@contextmanager
def stacked(sizes: list[int]) -> Iterator[None]:
    """New studies stack ``sizes[0]`` members on the CPU, with torch's operations."""

    def make_plan(*arguments) -> Plan:
        return Plan(device="cpu", group_size=sizes[0], kernels="torch")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(begin, "make_plan", make_plan)  # plans stack members only on GPUs
        yield
