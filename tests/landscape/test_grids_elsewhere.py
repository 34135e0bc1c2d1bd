"""Grids spread over worker processes: bit-identical to one process, also after a worker is killed."""

from __future__ import annotations

import contextlib
import os
import signal
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from landscape_networks import CLASSES, data, mlp, numbers, seeded
from torch import nn

from modescape.engines import Processes
from modescape.errors import WorkError
from modescape.landscape import Landscape
from modescape.landscape.exchange import read
from modescape.landscape.refinement import refine
from modescape.landscape.sweeping import measure

pytestmark = pytest.mark.ci  # workers import torch

GRID = np.linspace(-1, 1, 9)


def convolutions():
    network = seeded(
        nn.Sequential(nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(64, CLASSES))
    )
    return network.float().eval()


@dataclass(frozen=True)
class Context:
    """Opens one of two networks; a worker that opens it while the named file exists removes the file and dies."""

    name: str
    fatal: Path | None = None

    def open(self):
        if self.fatal is not None:
            with contextlib.suppress(FileNotFoundError):  # there is none, or the other worker removed it
                self.fatal.unlink()
                os.kill(os.getpid(), signal.SIGKILL)
        if self.name == "mlp":
            field = Landscape(mlp(norm=True), batches=data())
        else:
            images = numbers(40, 2, 6, 6, name="images").float()
            field = Landscape(convolutions(), batches=(images, torch.arange(40) % CLASSES))
        return field, field.random_cut()


@pytest.fixture(scope="module")
def engine():
    with Processes(workers=2) as engine:
        yield engine


def test_worker_processes_give_the_bits_of_one_process(engine):
    field, cut = Context("convolutions").open()
    whole = measure(field, cut, GRID)
    spread = measure(field, cut, GRID, engine=engine, workplace=Context("convolutions"))
    np.testing.assert_array_equal(spread.loss, whole.loss)
    np.testing.assert_array_equal(spread.fields["accuracy"], whole.fields["accuracy"])
    few = measure(field, cut, GRID, tolerance=0.05, engine=engine, workplace=Context("convolutions"))
    alone = refine(lambda index: whole.loss.reshape(-1)[index], whole.loss.shape, 0.05)
    np.testing.assert_array_equal(few.measured, alone.measured)
    np.testing.assert_array_equal(few.loss, alone.values)


def test_points_that_run_stacked_are_the_same_in_other_groups(engine):
    """Up to rounding: a matrix product of many networks may sum in another order than one of a few."""
    field, cut = Context("mlp").open()
    assert field.stack
    spread = measure(field, cut, GRID, engine=engine, workplace=Context("mlp"))
    np.testing.assert_allclose(spread.loss, measure(field, cut, GRID).loss, rtol=1e-13)


def test_what_a_killed_worker_left_is_gone_on_with(engine, tmp_path):
    field, cut = Context("convolutions").open()
    file, fatal = tmp_path / "grid.npz", tmp_path / "fatal"
    first = measure(field, cut, GRID, engine=engine, workplace=Context("convolutions"))
    begun = np.where(np.arange(81).reshape(9, 9) < 20, first.loss, np.nan)
    measure(field, cut, GRID[:3], GRID[:3], engine=engine, workplace=Context("convolutions"))  # workers keep it open
    fatal.touch()
    with pytest.raises(WorkError, match=r"of the grid failed: the worker process died \(killed by signal 9\)"):
        measure(field, cut, GRID, start=begun, file=file, engine=engine, workplace=Context("convolutions", fatal=fatal))
    assert not fatal.exists()
    start = None if file.exists() else begun  # the other worker may have finished a pass, which is kept
    done = measure(field, cut, GRID, start=start, file=file, engine=engine, workplace=Context("convolutions"))
    assert done.missing == 0
    np.testing.assert_array_equal(done.loss, first.loss)
    np.testing.assert_array_equal(read(file).loss, first.loss)
